using System.CommandLine;
using System.Globalization;
using VSwitch.Bench.Reporting;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Buffers;
using VSwitch.Live;
using SwitchCommandLine = VSwitch.Commands.CommandLine;

namespace VSwitch.Bench.Throughput;

/// <summary>What flow logs cost the pipeline: the same packets with and without, in turn. Two beds for each row; of one a flow log of
/// the whole VPC, drops included, gathers a second at a time into a file, by the service of a switch at work on its own thread.
/// (Ports', EIPs' and workers' counters are always on: they are part of every figure of this project.)</summary>
internal static unsafe class ObserveCommand
{
    private const int Rounds = 9;
    private const int LeastPackets = 8_000_000;
    private static readonly (BenchScenario Scenario, int Flows)[] Rows =
    [
        (BenchScenario.Sg, 1000), (BenchScenario.Sg, 100_000), (BenchScenario.Eip, 1000), (BenchScenario.Eip, 100_000),
        (BenchScenario.Denied, 1000), (BenchScenario.Denied, 100_000),
    ];

    public static Command Create()
    {
        var command = new Command("observe", "Clocks a packet with flow logs on and off.");
        command.SetAction(_ => Run());
        return command;
    }

    private static int Run()
    {
        ThroughputBench.WarmUp();
        Console.Out.WriteLine("| scenario | flows | off | on | on to off | worst of the rounds |");
        Console.Out.WriteLine("| --- | --- | --- | --- | --- | --- |");
        foreach ((BenchScenario scenario, int flows) in Rows)
        {
            Console.Out.WriteLine(Measure(scenario, flows));
        }

        return SwitchCommandLine.Done;
    }

    private static string Measure(BenchScenario scenario, int flows)
    {
        string file = Path.GetTempFileName();
        try
        {
            using var plain = new BenchBed(new BenchCase(scenario, flows));
            using var logged = new BenchBed(new BenchCase(scenario, flows));
            SwitchConfig config = logged.Lab.Config with
            {
                FlowLogs = [new FlowLogConfig { Name = "all", Vpc = logged.Lab.Config.Vpcs[0].Name, Interval = TimeSpan.FromSeconds(1), File = file }],
            };
            using var service = new FlowLogService(
                logged.Workers, (worker, errand) => logged.Workers.Workers[worker].Post(errand), config, logged.Snapshot, TimeProvider.System);
            var off = new List<double>();
            var on = new List<double>();
            for (int i = 0; i <= Rounds; i++)
            {
                double without = ClocksOf(plain, flows);
                double with = ClocksOf(logged, flows);
                if (i > 0)
                {
                    off.Add(without);
                    on.Add(with);
                }
            }

            double[] ratios = [.. on.Zip(off, (with, without) => with / without).Order()];
            if (service.Status[0].Records == 0)
            {
                throw new BenchException("the flow log wrote nothing");
            }

            return string.Create(
                CultureInfo.InvariantCulture,
                $"| {scenario.ToString().ToLowerInvariant()} | {flows} | {Median(off):0.0} | {Median(on):0.0} | {ratios[Rounds / 2]:0.000} | {ratios[^1]:0.000} |");
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>Clocks a packet of the thread's processor time, the generator included: it is the same on both sides.</summary>
    private static double ClocksOf(BenchBed bed, int flows)
    {
        PacketBuffer** list = stackalloc PacketBuffer*[BenchBed.Burst];
        long packets = Math.Max(LeastPackets, 4L * flows);
        long done = 0;
        double start = ThreadClock.NowNs();
        while (done < packets)
        {
            foreach (FrameSource source in bed.Sources[0])
            {
                done += bed.Step(list, source);
                bed.Workers.Workers[0].RunErrand();
            }
        }

        return (ThreadClock.NowNs() - start) / done * BenchMachine.ClocksPerNs;
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
