namespace VSwitch.Testing;

/// <summary>Where things are, seen from the test assembly.</summary>
public static class RepositoryRoot
{
    /// <summary>The folder that holds VSwitch.sln.</summary>
    public static string Folder { get; } = Find();

    /// <summary>The shared folder beside the repository, or null in a clone that stands alone.</summary>
    public static string? Shared
    {
        get
        {
            string shared = Path.Combine(Folder, "..", "shared");
            return Directory.Exists(Path.Combine(shared, "captures")) ? Path.GetFullPath(shared) : null;
        }
    }

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
