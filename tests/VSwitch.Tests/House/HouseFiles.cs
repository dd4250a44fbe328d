using VSwitch.Testing;

namespace VSwitch.Tests.House;

/// <summary>The files of the repository, without what is built: found by walking, so that a clone without git is judged too.</summary>
internal static class HouseFiles
{
    private static readonly HashSet<string> BuiltFolders = new(StringComparer.Ordinal)
    {
        "bin", "obj", ".git", ".vs", "TestResults", "BenchmarkDotNet.Artifacts", "out",
    };

    private static readonly HashSet<string> BinaryEndings = new(StringComparer.Ordinal)
    {
        ".pcap", ".pcapng", ".png", ".jpg", ".gz", ".zip", ".bin",
    };

    /// <summary>Where the solution stands.</summary>
    public static string Root => RepositoryRoot.Folder;

    /// <summary>Every file, relative to the root, in order.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Walk(RepositoryRoot.Folder).Order(StringComparer.Ordinal)];

    /// <summary>Every file that people write and read.</summary>
    public static IReadOnlyList<string> Text { get; } =
        [.. All.Where(f => !BinaryEndings.Contains(Path.GetExtension(f)) && !f.EndsWith(".user", StringComparison.Ordinal))];

    private static readonly Lazy<List<(string Path, CodeText Code)>> Scanned =
        new(() => [.. All.Where(f => f.EndsWith(".cs", StringComparison.Ordinal)).Select(f => (f, CodeText.Scan(Read(f))))]);

    /// <summary>C# files, scanned, under one of the folders.</summary>
    public static IEnumerable<(string Path, CodeText Code)> Code(params string[] folders) =>
        Scanned.Value.Where(f => folders.Any(folder => f.Path.StartsWith(folder + "/", StringComparison.Ordinal)));

    /// <summary>The text of a file.</summary>
    public static string Read(string relative) => File.ReadAllText(Path.Combine(Root, relative));

    /// <summary>True for a file or folder.</summary>
    public static bool Exists(string folder, string path)
    {
        string full = Path.GetFullPath(Path.Combine(folder, path));
        return File.Exists(full) || Directory.Exists(full);
    }

    private static IEnumerable<string> Walk(string folder)
    {
        foreach (string file in Directory.EnumerateFiles(folder))
        {
            // A worktree's .git is a file.
            if (Path.GetFileName(file) != ".git")
            {
                yield return Path.GetRelativePath(Root, file);
            }
        }

        foreach (string inner in Directory.EnumerateDirectories(folder).Where(d => !BuiltFolders.Contains(Path.GetFileName(d))))
        {
            foreach (string file in Walk(inner))
            {
                yield return file;
            }
        }
    }
}
