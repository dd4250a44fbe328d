namespace VSwitch.ControlPlane.State;

/// <summary>The files of one folder, as the state store needs them. Every call is a step that may fail, and after which the power may
/// go. All of them throw <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/>.</summary>
public interface IStateFiles : IDisposable
{
    /// <summary>The folder, as the user named it.</summary>
    string Folder { get; }

    /// <summary>True while the folder at that path is the one that was claimed, and the claim holds.</summary>
    bool IsClaimed { get; }

    /// <summary>Names of the files that are there; none where there is no folder.</summary>
    IEnumerable<string> Names { get; }

    /// <summary>Makes the folder where it is missing, and takes its lock, which ends with the process.</summary>
    /// <exception cref="StateException">Another process has it.</exception>
    void Claim();

    /// <summary>The whole content of a file; null when there is none.</summary>
    byte[]? Read(string name);

    /// <summary>Writes a file anew. Its content is on the disk when this returns; its name is after <see cref="FlushFolder"/>.</summary>
    void Write(string name, ReadOnlySpan<byte> content);

    /// <summary>Adds to a file that exists. It is on the disk when this returns.</summary>
    void Append(string name, ReadOnlySpan<byte> content);

    /// <summary>Gives a file a name, in place of whichever had it: at every instant there is the one or the other.</summary>
    void Rename(string from, string to);

    /// <summary>Removes a file if it is there.</summary>
    void Delete(string name);

    /// <summary>Names of files are on the disk when this returns.</summary>
    void FlushFolder();
}
