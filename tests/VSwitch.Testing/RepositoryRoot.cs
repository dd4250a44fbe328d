namespace VSwitch.Testing;

/// <summary>Where things are, seen from the test assembly.</summary>
public static class RepositoryRoot
{
    /// <summary>The folder that holds VSwitch.sln.</summary>
    public static string Folder { get; } = Find();

    /// <summary>The shared folder beside the repository, or null in a clone that stands alone. A worktree may lie one folder
    /// deeper than the repository: it looks there, too, lest its tests be skipped unnoticed.</summary>
    public static string? Shared { get; } = new[] { "..", "../.." }
        .Select(up => Path.GetFullPath(Path.Combine(Folder, up, "shared")))
        .FirstOrDefault(shared => Directory.Exists(Path.Combine(shared, "captures")));

    /// <summary>A file of tests/vectors.</summary>
    public static string Vector(string name) => Path.Combine(Folder, "tests", "vectors", name);

    private static string Find()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder != null && !File.Exists(Path.Combine(folder.FullName, "VSwitch.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("no folder above the tests holds VSwitch.sln");
    }
}
