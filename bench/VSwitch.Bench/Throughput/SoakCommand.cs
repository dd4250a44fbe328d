using System.CommandLine;
using System.Globalization;
using VSwitch.Devices.Linux;
using SwitchCommandLine = VSwitch.Commands.CommandLine;

namespace VSwitch.Bench.Throughput;

/// <summary>bench soak: very many packets, no allocation, no collection.</summary>
internal static class SoakCommand
{
    private const long DefaultPackets = 1_000_000_000;
    private const long ReportedPackets = 50_000_000;

    public static Command Create()
    {
        var packets = new Option<long>("--packets") { Description = "how many at least", DefaultValueFactory = _ => DefaultPackets };
        var command = new Command("soak", "Very many packets through the full pipeline: fails when a byte is allocated or a collection runs.") { packets };
        command.SetAction(parsed => Run(parsed.GetValue(packets)));
        return command;
    }

    private static int Run(long packets)
    {
        long told = 0;
        SoakResult result = default;
        PinnedThread.Run(CpuAffinity.Allowed()[^1], () =>
        {
            ThroughputBench.WarmUp();
            result = SoakBench.Run(packets, done =>
            {
                if (done - told >= ReportedPackets)
                {
                    told = done;
                    Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{done:N0} packets"));
                }
            });
        });
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{result.Packets:N0} packets: {result.AllocatedBytes:N0} bytes allocated ({result.ProcessBytes:N0} by the whole process), {result.Collections} collections"));
        return result is { AllocatedBytes: 0, Collections: 0 } ? SwitchCommandLine.Done : SwitchCommandLine.Failed;
    }
}
