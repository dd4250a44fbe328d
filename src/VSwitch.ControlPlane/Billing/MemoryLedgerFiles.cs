using VSwitch.ControlPlane.State;

namespace VSwitch.ControlPlane.Billing;

/// <summary>A ledger's files in memory: for a switch without a state folder, and for a replay until its end.</summary>
public sealed class MemoryLedgerFiles : IStateFiles
{
    private readonly Dictionary<string, byte[]> _files = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public string Folder => "(in memory)";

    /// <inheritdoc/>
    public bool IsClaimed => true;

    /// <inheritdoc/>
    public IEnumerable<string> Names => [.. _files.Keys];

    /// <inheritdoc/>
    public void Claim()
    {
        // Nobody else can see it.
    }

    /// <inheritdoc/>
    public byte[]? Read(string name) => _files.GetValueOrDefault(name);

    /// <inheritdoc/>
    public void Write(string name, ReadOnlySpan<byte> content) => _files[name] = content.ToArray();

    /// <inheritdoc/>
    public void Append(string name, ReadOnlySpan<byte> content) => _files[name] = [.. _files[name], .. content];

    /// <inheritdoc/>
    public void Rename(string from, string to)
    {
        _files.Remove(from, out byte[]? content);
        _files[to] = content ?? throw new FileNotFoundException($"no file {from}");
    }

    /// <inheritdoc/>
    public void Delete(string name) => _files.Remove(name);

    /// <inheritdoc/>
    public void FlushFolder()
    {
        // What is in memory goes with the process.
    }

    /// <summary>Writes all files to a folder.</summary>
    public void CopyTo(IStateFiles folder)
    {
        foreach ((string name, byte[] content) in _files)
        {
            folder.Write(name, content);
        }

        folder.FlushFolder();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // Its content is still read.
    }
}
