using VSwitch.ControlPlane.Compile;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Wire;

namespace VSwitch.Bench;

/// <summary>A switch in memory with established connections, and for each worker the sources of their packets: one for each
/// group of connections and direction, so that both directions come half and half. Time is virtual and goes on by
/// <see cref="PacketNs"/> a packet.</summary>
internal sealed unsafe class BenchBed : IDisposable
{
    /// <summary>Packets that are taken from a source at once.</summary>
    public const int Burst = 64;

    /// <summary>Virtual time between two packets: 20 million a second.</summary>
    public const int PacketNs = 50;

    private const long StartNs = 1_000_000_000;
    private const int SmallBuffers = 8192;
    private const int LargeBuffers = 4;
    private const int LargestLease = 256;
    private static readonly (ulong Low, ulong High) Secret = (0x1111, 0x2222);
    private readonly HugeMemory _frames;
    private readonly FrameSink[] _sinks;
    private readonly SourceSplit _split;

    /// <summary>Makes the switch, its connections and their packets.</summary>
    /// <param name="spec">What is sent.</param>
    /// <param name="spare">Connections that the table takes besides.</param>
    /// <param name="split">Which worker a packet comes in on, where there are several.</param>
    public BenchBed(BenchCase spec, int spare = 0, SourceSplit split = SourceSplit.Any)
    {
        Spec = spec;
        _split = split;
        int capacity = Math.Max(1024, spec.Flows + (spec.Flows / 8)) + spare;
        int lease = Math.Clamp(capacity / (16 * spec.Workers), 2, LargestLease);
        Lab = new BenchLab(spec.Scenario, spec.Rules, capacity);
        Snapshot = SnapshotCompiler.Compile(Lab.Config, Numbers);
        Shared = new SwitchShared(Snapshot, new FlowBudget(capacity, lease), Snapshot.MeterEnd, Secret);
        _sinks = [.. Enumerable.Range(0, Snapshot.PortCount).Select(port => new FrameSink(port, spec.Workers))];
        Shared.Publish(Snapshot, Devices);
        var sizes = new WorkerOptions
        {
            SmallBuffers = SmallBuffers,
            LargeBuffers = LargeBuffers,
            PortCapacity = Snapshot.PortCount,
        };
        Workers = new WorkerSet(spec.Workers, Shared, sizes, Lab.Config.Switch.RssKey);
        _frames = new HugeMemory((nuint)spec.Flows * 2 * FrameSource.KeptBytes);
        NowNs = StartNs;
        if (spec.Scenario == BenchScenario.Denied)
        {
            KeepAll();
        }
        else
        {
            Establish();
        }

        Sources = MakeSources();
    }

    /// <summary>What is sent.</summary>
    public BenchCase Spec { get; }

    /// <summary>The network.</summary>
    public BenchLab Lab { get; }

    /// <summary>Numbers of ports and groups, for the next compilation.</summary>
    public NumberDirectory Numbers { get; } = new();

    /// <summary>The first policy.</summary>
    public ForwardingSnapshot Snapshot { get; }

    /// <summary>What the workers share.</summary>
    public SwitchShared Shared { get; }

    /// <summary>The workers.</summary>
    public WorkerSet Workers { get; }

    /// <summary>Sources by worker.</summary>
    public FrameSource[][] Sources { get; }

    /// <summary>Devices by port.</summary>
    public IPacketDevice?[] Devices => [.. _sinks];

    /// <summary>Virtual time, nanoseconds.</summary>
    public long NowNs { get; set; }

    /// <summary>Packets of all workers that reached a device.</summary>
    public long Forwarded => Sum(port => Workers.Sum(port).Forwarded);

    /// <summary>Packets of all workers that were dropped.</summary>
    public long Dropped => Sum(port => Workers.Sum(port).Dropped);

    /// <summary>Has every frame that leaves looked at; null ends it.</summary>
    public void Observe(IFrameObserver? observer)
    {
        foreach (FrameSink sink in _sinks)
        {
            sink.Observer = observer;
        }
    }

    /// <summary>Takes one burst of a source through the pipeline of the first worker.</summary>
    /// <param name="list">Room for <see cref="Burst"/> buffers.</param>
    /// <param name="source">Where the packets come from.</param>
    /// <returns>How many they were.</returns>
    public int Step(PacketBuffer** list, FrameSource source)
    {
        Worker worker = Workers.Workers[0];
        int count = source.Receive(worker.Pool, list, Burst);
        Process(worker, list, count, source.Port);
        return count;
    }

    /// <summary>The part of <see cref="Step"/> that is not the generator's.</summary>
    public void Process(Worker worker, PacketBuffer** list, int count, int port)
    {
        worker.Pipeline.Begin(NowNs, Burst);
        worker.Pipeline.Process(list, count, port);
        worker.Pipeline.Flush();
        NowNs += (long)count * PacketNs;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (FrameSource source in Sources.SelectMany(s => s))
        {
            source.Dispose();
        }

        Workers.Dispose();
        Shared.Dispose();
        _frames.Dispose();
    }

    /// <summary>Where the kept bytes of a connection's frame are: each group's frames of a direction lie in a row.</summary>
    private byte* FrameAt(int connection, bool isReply)
    {
        int group = connection % BenchLab.Groups;
        int each = Spec.Flows / BenchLab.Groups;
        int larger = Spec.Flows % BenchLab.Groups;
        long first = (2L * ((long)group * each)) + (2 * Math.Min(group, larger));
        return _frames.Address + ((first + (isReply ? CountOf(group) : 0) + (connection / BenchLab.Groups)) * FrameSource.KeptBytes);
    }

    private int CountOf(int group) => (Spec.Flows - group + BenchLab.Groups - 1) / BenchLab.Groups;

    /// <summary>Opens every connection by its handshake, and keeps the frames that the measurement sends.</summary>
    private void Establish()
    {
        byte[] syn = new byte[BenchLab.HeaderBytes];
        byte[] frame = new byte[Spec.FrameBytes];
        for (int i = 0; i < Spec.Flows; i++)
        {
            Lab.Write(syn, i, isReply: false, TcpFlags.Syn, 0, 0);
            Inject(syn, i, isReply: false);
            Lab.Write(syn, i, isReply: true, TcpFlags.Syn | TcpFlags.Ack, 0, 1);
            Inject(syn, i, isReply: true);
            for (int direction = 0; direction < 2; direction++)
            {
                Keep(frame, i, direction == 1);
                Inject(frame, i, direction == 1);
            }
        }

        if (Workers.ConnectionCount != Spec.Flows)
        {
            throw new BenchException($"{Workers.ConnectionCount} connections, expected {Spec.Flows}");
        }
    }

    private void KeepAll()
    {
        byte[] frame = new byte[Spec.FrameBytes];
        for (int i = 0; i < Spec.Flows; i++)
        {
            Keep(frame, i, isReply: false);
            Keep(frame, i, isReply: true);
        }
    }

    /// <summary>What is measured: data of an established connection, or an opening that the rules deny.</summary>
    private void WriteFrame(Span<byte> frame, int connection, bool isReply) => Lab.Write(
        frame, connection, isReply, Spec.Scenario == BenchScenario.Denied ? TcpFlags.Syn : TcpFlags.Ack, 1, 1);

    private void Keep(byte[] frame, int connection, bool isReply)
    {
        WriteFrame(frame, connection, isReply);
        frame.AsSpan(0, FrameSource.KeptBytes).CopyTo(new Span<byte>(FrameAt(connection, isReply), FrameSource.KeptBytes));
    }

    private void Inject(byte[] frame, int connection, bool isReply) =>
        Workers.InjectAndSettle(frame, Lab.InPort(connection, isReply), NowNs);

    private FrameSource[][] MakeSources()
    {
        var random = new Random(1);
        var sources = new List<FrameSource>[Spec.Workers];
        for (int w = 0; w < sources.Length; w++)
        {
            sources[w] = [];
        }

        byte[] frame = new byte[Spec.FrameBytes];
        for (int group = 0; group < Math.Min(BenchLab.Groups, Spec.Flows); group++)
        {
            for (int direction = 0; direction < 2; direction++)
            {
                bool isReply = direction == 1;
                WriteFrame(frame, group, isReply);
                for (int w = 0; w < sources.Length; w++)
                {
                    int[] order = [.. Enumerable.Range(0, CountOf(group)).Where(i => ComesInOn(group, i) == w)];
                    if (order.Length > 0)
                    {
                        Shuffle(random, order);
                        int port = Lab.InPort(group, isReply);
                        sources[w].Add(new FrameSource(port, group, isReply, FrameAt(group, isReply), order, frame));
                    }
                }
            }
        }

        return [.. sources.Select(s => s.ToArray())];
    }

    /// <summary>The worker on whose source a frame is.</summary>
    private int ComesInOn(int group, int index)
    {
        if (Spec.Workers == 1 || _split == SourceSplit.Any)
        {
            return index % Spec.Workers;
        }

        byte* frame = FrameAt(group, isReply: false) + ((long)index * FrameSource.KeptBytes);
        byte* ip = frame + 14;
        ulong addresses = *(ulong*)(ip + 12);
        uint ports = *(uint*)(ip + 20);
        FlowKey.Sort(ref addresses, ref ports);
        return Workers.Workers[0].Steering!.OwnerOf(addresses, ports);
    }

    private void Shuffle(Random random, int[] order)
    {
        if (Spec.Order == BenchOrder.Random)
        {
            random.Shuffle(order);
        }
    }

    private long Sum(Func<int, long> count)
    {
        long sum = 0;
        for (int port = 0; port < Snapshot.PortCount; port++)
        {
            sum += count(port);
        }

        return sum;
    }
}

/// <summary>Which worker a packet comes in on.</summary>
internal enum SourceSplit
{
    /// <summary>Any: with two workers half of the packets are handed over, as with devices that know no connections.</summary>
    Any,

    /// <summary>The one that owns its connection, as with devices that learn from replies where a connection belongs.</summary>
    Owner,
}
