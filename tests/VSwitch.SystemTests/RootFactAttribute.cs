using Xunit;

namespace VSwitch.SystemTests;

/// <summary>A test with real interfaces and programs, skipped by name where the right or a tool is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public class RootFactAttribute : FactAttribute
{
    public RootFactAttribute(params string[] tools)
    {
        if (Environment.UserName != "root" || !File.Exists("/dev/net/tun"))
        {
            Skip = "needs root and /dev/net/tun";
            return;
        }

        string? missing = tools.Prepend("ip").FirstOrDefault(tool => !Exists(tool));
        if (missing != null)
        {
            Skip = $"needs the program {missing}";
        }
    }

    private static bool Exists(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, tool)));
}
