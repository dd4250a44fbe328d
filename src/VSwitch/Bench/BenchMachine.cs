using System.Globalization;
using System.Reflection;

namespace VSwitch.Bench;

/// <summary>What was measured on what: commit, processor, kernel, and the clock that figures are given in.</summary>
internal static class BenchMachine
{
    private const string CpuFile = "/proc/cpuinfo";
    private const string KernelFile = "/proc/sys/kernel/osrelease";

    /// <summary>The commit that was built, as the SDK stamps it on the assembly; "unknown" outside a repository.</summary>
    public static string Commit
    {
        get
        {
            string? version = typeof(BenchMachine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
            int plus = version?.IndexOf('+', StringComparison.Ordinal) ?? -1;
            return plus < 0 ? "unknown" : version![(plus + 1)..];
        }
    }

    /// <summary>Model name of the processor.</summary>
    public static string Processor => FieldOf("model name") ?? "unknown";

    /// <summary>Release of the kernel.</summary>
    public static string Kernel => File.Exists(KernelFile) ? File.ReadAllText(KernelFile).Trim() : "unknown";

    /// <summary>Frequency of the time stamp counter: half of what Linux prints as bogomips, which on x86 it takes from the
    /// counter and not from the frequency at the moment.</summary>
    /// <exception cref="IOException">The kernel does not say it.</exception>
    public static double TscMhz { get; } = double.TryParse(FieldOf("bogomips"), CultureInfo.InvariantCulture, out double bogomips)
        ? bogomips / 2 : throw new IOException($"{CpuFile} has no bogomips: the frequency of the time stamp counter is unknown");

    /// <summary>Clocks of the time stamp counter in a nanosecond.</summary>
    public static double ClocksPerNs => TscMhz / 1000;

    private static string? FieldOf(string name) => !File.Exists(CpuFile) ? null : File.ReadLines(CpuFile)
        .FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal))?.Split(':')[1].Trim();
}
