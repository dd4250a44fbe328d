using System.Diagnostics;
using System.Reflection;
using System.Runtime.InteropServices;

namespace VSwitch.Live;

/// <summary>What the process uses.</summary>
/// <param name="StartedAt">When it began, UTC.</param>
/// <param name="Cpu">Processor time of all its threads.</param>
/// <param name="ResidentBytes">Memory in use.</param>
/// <param name="VirtualBytes">Address space; most of it is reserved for tables and never touched.</param>
/// <param name="Threads">Threads.</param>
/// <param name="OpenFiles">Open descriptors; null where the system does not say.</param>
/// <param name="Collections">Collections of garbage by generation.</param>
/// <param name="Pause">How long they stopped the managed threads.</param>
/// <param name="AllocatedBytes">Managed memory allocated so far.</param>
internal sealed record ProcessReading(
    DateTime StartedAt, TimeSpan Cpu, long ResidentBytes, long VirtualBytes, int Threads, int? OpenFiles, int[] Collections, TimeSpan Pause,
    long AllocatedBytes)
{
    private const string DescriptorFolder = "/proc/self/fd";

    /// <summary>Version of this program, without the commit that it was built from.</summary>
    public static string Version { get; } = typeof(ProcessReading).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>The runtime in words.</summary>
    public static string Runtime => RuntimeInformation.FrameworkDescription;

    /// <summary>Reads this process.</summary>
    public static ProcessReading Now()
    {
        using var process = Process.GetCurrentProcess();
        return new ProcessReading(
            process.StartTime.ToUniversalTime(), process.TotalProcessorTime, process.WorkingSet64, process.VirtualMemorySize64,
            process.Threads.Count, Directory.Exists(DescriptorFolder) ? Directory.GetFileSystemEntries(DescriptorFolder).Length : null,
            ReadCollections(), GC.GetTotalPauseDuration(), GC.GetTotalAllocatedBytes());
    }

    /// <summary>A collection of a generation collects the younger ones as well, and the runtime counts it for each.</summary>
    private static int[] ReadCollections()
    {
        int[] counts = new int[GC.MaxGeneration + 1];
        do
        {
            for (int generation = 0; generation < counts.Length; generation++)
            {
                counts[generation] = GC.CollectionCount(generation);
            }
        }
        while (counts[0] != GC.CollectionCount(0));

        return [.. counts.Select((count, generation) => generation < GC.MaxGeneration ? count - counts[generation + 1] : count)];
    }
}
