namespace VSwitch.Devices.Pcap;

/// <summary>Opens capture files and says in one line why one could not be opened, read or written.</summary>
internal static class CaptureFile
{
    /// <summary>The path that means standard input, or standard output.</summary>
    public const string Standard = "-";

    /// <exception cref="IOException">It cannot be opened; the message names it.</exception>
    public static Stream OpenToRead(string path) => Open(path, "opened", static p => p == Standard
        ? Console.OpenStandardInput()
        : new FileStream(p, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0));

    /// <exception cref="IOException">It cannot be created; the message names it.</exception>
    public static Stream OpenToWrite(string path) => Open(path, "created", static p => p == Standard
        ? Console.OpenStandardOutput()
        : new FileStream(p, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0));

    /// <summary>Whether two paths lead to one file, also through symbolic links.</summary>
    public static bool IsSame(string first, string second) =>
        first != Standard && second != Standard && string.Equals(Resolve(first), Resolve(second), StringComparison.Ordinal);

    /// <summary>Failures of a stream that are the world's and not the program's.</summary>
    public static bool IsExpected(Exception e) =>
        e is IOException or UnauthorizedAccessException or InvalidDataException or NotSupportedException;

    /// <summary>The cause in words, without the path that the caller names anyway.</summary>
    public static string Cause(string path, Exception e) => e switch
    {
        FileNotFoundException => "there is no such file",
        DirectoryNotFoundException => "there is no such folder",
        UnauthorizedAccessException => Directory.Exists(path) ? "it is a folder" : "permission denied",
        _ => e.Message.Replace($" : '{path}'", "", StringComparison.Ordinal),
    };

    private static Stream Open(string path, string verb, Func<string, Stream> open)
    {
        if (path.Length == 0)
        {
            throw new IOException("a capture file needs a name");
        }

        try
        {
            return open(path);
        }
        catch (Exception e) when (IsExpected(e) || e is ArgumentException)
        {
            throw new IOException($"{path}: cannot be {verb}: {Cause(path, e)}", e);
        }
    }

    private static string Resolve(string path)
    {
        string target = File.Exists(path) ? File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path : path;
        return Path.GetFullPath(target);
    }
}
