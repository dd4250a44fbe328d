using System.Diagnostics;
using System.Globalization;
using System.Runtime.Intrinsics.X86;
using System.Text.Json;
using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Linux;

namespace VSwitch.Bench.Throughput;

/// <summary>One measured cell.</summary>
internal sealed record Cell(
    string Scenario, int Flows, int Rules, int FrameBytes, string Order, int Workers, double ClocksPerPacket, double GeneratorClocks,
    double YardstickClocks, double Mpps);

/// <summary>bench throughput: clocks a packet of the full pipeline on one pinned core, in memory.</summary>
internal static unsafe class ThroughputCommand
{
    private const int Burst = 64;
    private const int FrameBytes = 64;
    private const int Runs = 5;
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true };

    public static int Run(string[] args)
    {
        bool json = args.Contains("--json");
        int[] flows = args.Contains("--quick") ? [1, 1000] : [1, 1000, 100_000, 1_000_000];
        CpuAffinity.Pin(CpuAffinity.Allowed()[^1]);
        double clocksPerNs = MegahertzOfTsc() / 1000;
        var cells = new List<Cell>();
        foreach (string scenario in (string[])["sg", "eip"])
        {
            foreach (int count in flows)
            {
                Cell cell = Measure(scenario, count, 50, clocksPerNs);
                cells.Add(cell);
                if (!json)
                {
                    Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture,
                        $"{cell.Scenario,-4} {cell.Flows,9} flows, {cell.Rules} rules, {cell.Order}: {cell.ClocksPerPacket,7:0.0} clocks a packet ({cell.Mpps:0.0} Mpps), generator {cell.GeneratorClocks:0.0}, M(n) {cell.YardstickClocks:0.0}"));
                }
            }
        }

        if (json)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(
                new { Processor = ModelName(), TscMhz = clocksPerNs * 1000, Cells = cells },
                Json));
        }

        return 0;
    }

    private static Cell Measure(string scenario, int flows, int rules, double clocksPerNs)
    {
        SwitchConfig config = BenchLab.Config(rules, flows);
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(config, new NumberDirectory());
        using var shared = new SwitchShared(snapshot, new FlowBudget(config.Switch.ConnectionCapacity, 1024), 64, (0x1111, 0x2222));
        var sizes = new WorkerOptions { SmallBuffers = 2048, LargeBuffers = 4, PortCapacity = snapshot.PortCount };
        using var workers = new WorkerSet(1, shared, sizes, config.Switch.RssKey, null);
        Worker worker = workers.Workers[0];
        var byPort = new Dictionary<int, List<byte[]>>();
        using var frames = new HugeMemory(((nuint)flows * 2 * FrameBytes) + FrameBytes);
        using var sink = new FrameSource(frames.Address, [new byte[FrameBytes]], [0]);
        var devices = new IPacketDevice?[snapshot.PortCount];
        Array.Fill(devices, sink);
        shared.Publish(snapshot, devices);
        for (int i = 0; i < flows; i++)
        {
            (int Port, byte[] Frame)[] packets = BenchLab.Handshake(scenario, config, i, FrameBytes);
            for (int k = 0; k < packets.Length; k++)
            {
                worker.Inject(packets[k].Frame, packets[k].Port, 1_000_000_000);
                if (k >= 2)
                {
                    byPort.TryAdd(packets[k].Port, []);
                    byPort[packets[k].Port].Add(packets[k].Frame);
                }
            }
        }

        if (worker.Pipeline.Connections.Count != flows)
        {
            throw new InvalidOperationException($"{worker.Pipeline.Connections.Count} connections, expected {flows}");
        }

        var random = new Random(1);
        var sources = new List<(int Port, FrameSource Source)>();
        nuint used = 0;
        foreach ((int port, List<byte[]> own) in byPort)
        {
            sources.Add((port, new FrameSource(frames.Address + used, own, Order(random, own.Count))));
            used += (nuint)own.Count * FrameBytes;
        }

        long packetsPerRun = Math.Max(8_000_000, flows * 4L);
        double total = Median(() => RunPipeline(worker, sources, packetsPerRun)) * clocksPerNs;
        double generator = Median(() => RunGenerator(worker, sources, packetsPerRun)) * clocksPerNs;
        double yardstick = Yardstick(flows, clocksPerNs);
        foreach ((_, FrameSource source) in sources)
        {
            source.Dispose();
        }

        double clocks = total - generator;
        return new Cell(scenario, flows, rules, FrameBytes, "random", 1, clocks, generator, yardstick, clocksPerNs * 1000 / clocks);
    }

    private static int[] Order(Random random, int count)
    {
        int[] order = [.. Enumerable.Range(0, Math.Max(count, 64)).Select(i => i % count)];
        random.Shuffle(order);
        return order;
    }

    private static double Median(Func<double> run)
    {
        double[] times = [.. Enumerable.Range(0, Runs + 1).Select(_ => run()).Skip(1).Order()];
        return times[Runs / 2];
    }

    /// <summary>Nanoseconds a packet, generator included; every packet must be forwarded.</summary>
    private static double RunPipeline(Worker worker, List<(int Port, FrameSource Source)> sources, long packets)
    {
        PacketBuffer** list = stackalloc PacketBuffer*[Burst];
        long before = Forwarded(worker);
        long done = 0;
        double start = ThreadClock.NowNs();
        while (done < packets)
        {
            foreach ((int port, FrameSource source) in sources)
            {
                worker.Pipeline.Begin(1_000_000_000 + done, 64);
                worker.Pipeline.Process(list, source.Receive(0, worker.Pool, list, Burst), port);
                worker.Pipeline.Flush();
                done += Burst;
            }
        }

        double ns = (ThreadClock.NowNs() - start);
        long forwarded = Forwarded(worker) - before;
        return forwarded == done ? ns / done : throw new InvalidOperationException($"{forwarded} of {done} packets were forwarded");
    }

    private static double RunGenerator(Worker worker, List<(int Port, FrameSource Source)> sources, long packets)
    {
        PacketBuffer** list = stackalloc PacketBuffer*[Burst];
        long done = 0;
        double start = ThreadClock.NowNs();
        while (done < packets)
        {
            foreach ((_, FrameSource source) in sources)
            {
                int count = source.Receive(0, worker.Pool, list, Burst);
                for (int i = 0; i < count; i++)
                {
                    worker.Pool.Return(list[i]);
                }

                done += count;
            }
        }

        return (ThreadClock.NowNs() - start) / done;
    }

    private static long Forwarded(Worker worker)
    {
        long sum = 0;
        for (int port = 0; port < worker.Counters.PortCapacity; port++)
        {
            sum += worker.Counters.Ports[port].Forwarded;
        }

        return sum;
    }

    /// <summary>M(n): clocks of one random cache line in a footprint of n entries of 128 bytes, prefetched 32 ahead.</summary>
    private static double Yardstick(int flows, double clocksPerNs)
    {
        const int Steps = 8_000_000;
        const int Ahead = 32;
        using var memory = new HugeMemory((nuint)flows * FlowEntry.SizeBytes);
        memory.Prefault();
        double ns = Median(() =>
        {
            ulong state = 88172645463325252;
            long* ring = stackalloc long[Ahead];
            new Span<long>(ring, Ahead).Clear();
            long sum = 0;
            double start = ThreadClock.NowNs();
            for (int i = 0; i < Steps; i++)
            {
                sum += *(long*)(memory.Address + ring[i % Ahead]);
                state = (state * 6364136223846793005) + 1442695040888963407;
                long next = (long)(((state >> 32) * (ulong)flows) >> 32) * FlowEntry.SizeBytes;
                ring[i % Ahead] = next;
                Sse.Prefetch0(memory.Address + next);
            }

            double elapsed = (ThreadClock.NowNs() - start);
            return sum == 0 ? elapsed / Steps : throw new InvalidOperationException("the memory is zero");
        });
        return ns * clocksPerNs;
    }

    private static string ModelName() =>
        File.ReadLines("/proc/cpuinfo").First(l => l.StartsWith("model name", StringComparison.Ordinal)).Split(':')[1].Trim();

    private static double MegahertzOfTsc() => double.Parse(
        File.ReadLines("/proc/cpuinfo").First(l => l.StartsWith("cpu MHz", StringComparison.Ordinal)).Split(':')[1], CultureInfo.InvariantCulture);
}
