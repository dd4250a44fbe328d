using System.Diagnostics;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Workers;
using VSwitch.Wire;

namespace VSwitch.Bench;

/// <summary>Clocks a new connection in the full pipeline, on the calling thread by its own processor time, without the generator:
/// its first packet (classified at both ends, both directions made, timer armed), or its whole life of six TCP packets and its
/// removal when its time is up. Packets come in bursts of one kind from 1024 connections at a time, so that a connection is not
/// always in the nearest cache when its next packet comes.</summary>
internal sealed unsafe class NewConnectionBench : IDisposable
{
    /// <summary>Packets of a TCP connection that carries nothing: three to open, three to close.</summary>
    public const int LifePackets = 6;

    private const int Connections = 65_536;
    private const int Window = BenchLab.Groups * BenchBed.Burst;
    private const int WarmUpMs = 700;

    /// <summary>Longer than any time-out of a TCP connection that is not established.</summary>
    private const long OverNs = 125_000_000_000;
    private static readonly (bool IsReply, TcpFlags Flags, uint Sequence, uint Acknowledgment)[] Life =
    [
        (false, TcpFlags.Syn, 0, 0), (true, TcpFlags.Syn | TcpFlags.Ack, 0, 1), (false, TcpFlags.Ack, 1, 1),
        (false, TcpFlags.Fin | TcpFlags.Ack, 1, 1), (true, TcpFlags.Fin | TcpFlags.Ack, 1, 2), (false, TcpFlags.Ack, 2, 2),
    ];

    private readonly BenchBed _bed;
    private readonly List<HugeMemory> _frames = [];
    private readonly int _runs;

    /// <summary>Makes a switch that holds other connections already.</summary>
    /// <param name="scenario">What the packets go through.</param>
    /// <param name="rules">Rules of the security group.</param>
    /// <param name="tableSize">Other connections, established.</param>
    /// <param name="runs">Runs of which the median counts.</param>
    public NewConnectionBench(BenchScenario scenario, int rules, int tableSize, int runs)
    {
        _runs = runs;
        _bed = new BenchBed(new BenchCase(scenario, Math.Max(BenchLab.Groups, tableSize), rules), spare: 8 * Connections);
    }

    private int Others => _bed.Spec.Flows;

    /// <summary>Clocks of a first packet; half of the connections are opened from the one end, half from the other.</summary>
    public double MeasureFirstPackets()
    {
        FrameSource[][] phases = [Sources(group => (group % 2 == 1, TcpFlags.Syn, 0, 0))];
        return Measure(() => RunPhases(phases), () => RunGenerator(phases));
    }

    /// <summary>Clocks of all packets of a connection and of its removal.</summary>
    public double MeasureLives()
    {
        FrameSource[][] phases = [.. Life.Select(packet => Sources(_ => packet))];
        return Measure(() => RunPhases(phases) + RunRemoval(), () => RunGenerator(phases));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _bed.Dispose();
        _frames.ForEach(f => f.Dispose());
    }

    private double Measure(Func<double> run, Func<double> runGenerator)
    {
        var clock = Stopwatch.StartNew();
        while (clock.ElapsedMilliseconds < WarmUpMs)
        {
            run();
            Forget();
        }

        double total = Percentiles.MedianOf(_runs, () =>
        {
            double ns = run();
            Forget();
            return ns;
        });
        return (total - Percentiles.MedianOf(_runs, runGenerator)) * BenchMachine.ClocksPerNs / Connections;
    }

    /// <summary>One packet of each new connection, a source for each group.</summary>
    private FrameSource[] Sources(Func<int, (bool IsReply, TcpFlags Flags, uint Sequence, uint Acknowledgment)> packetOf)
    {
        const int Each = Connections / BenchLab.Groups;
        byte[] frame = new byte[BenchLab.HeaderBytes];
        int[] order = [.. Enumerable.Range(0, Each)];
        var memory = new HugeMemory(((nuint)Connections * FrameSource.KeptBytes) + FrameSource.KeptBytes);
        _frames.Add(memory);
        var sources = new FrameSource[BenchLab.Groups];
        for (int group = 0; group < sources.Length; group++)
        {
            (bool isReply, TcpFlags flags, uint sequence, uint acknowledgment) = packetOf(group);
            byte* first = memory.Address + ((nint)group * Each * FrameSource.KeptBytes);
            for (int i = 0; i < Each; i++)
            {
                int connection = FirstNew + group + (i * BenchLab.Groups);
                _bed.Lab.Write(frame, connection, isReply, flags, sequence, acknowledgment);
                frame.CopyTo(new Span<byte>(first + ((nint)i * FrameSource.KeptBytes), frame.Length));
            }

            sources[group] = new FrameSource(_bed.Lab.InPort(group, isReply), group, isReply, first, order, frame);
        }

        return sources;
    }

    /// <summary>Number of the first new connection: the others come before it, in whole rounds of the groups.</summary>
    private int FirstNew => (Others + BenchLab.Groups) / BenchLab.Groups * BenchLab.Groups;

    /// <summary>Nanoseconds for the packets of all new connections.</summary>
    private double RunPhases(FrameSource[][] phases)
    {
        PacketBuffer** list = stackalloc PacketBuffer*[BenchBed.Burst];
        Worker worker = _bed.Workers.Workers[0];
        long created = worker.Counters.FlowsCreated;
        long forwarded = _bed.Forwarded;
        double start = ThreadClock.NowNs();
        for (int window = 0; window < Connections / Window; window++)
        {
            foreach (FrameSource[] phase in phases)
            {
                foreach (FrameSource source in phase)
                {
                    _bed.Step(list, source);
                }
            }
        }

        double ns = ThreadClock.NowNs() - start;
        long isCreated = worker.Counters.FlowsCreated - created;
        long isForwarded = _bed.Forwarded - forwarded;
        long sent = (long)Connections * phases.Length;
        return isCreated == Connections && isForwarded == sent ? ns
            : throw new BenchException($"{isCreated} of {Connections} connections were made, {isForwarded} of {sent} packets forwarded");
    }

    /// <summary>Nanoseconds to take the new connections out: a look at every timer with them, less one without.</summary>
    private double RunRemoval()
    {
        double with = RunTimers();
        return Math.Max(0, with - RunTimers());
    }

    private double RunTimers()
    {
        double start = ThreadClock.NowNs();
        _bed.NowNs += OverNs;
        _bed.Workers.Workers[0].Pipeline.Begin(_bed.NowNs, int.MaxValue);
        return ThreadClock.NowNs() - start;
    }

    /// <summary>Lets the new connections expire.</summary>
    private void Forget()
    {
        RunTimers();
        int left = _bed.Workers.ConnectionCount;
        if (left != Others)
        {
            throw new BenchException($"{left} connections are left, expected {Others}");
        }
    }

    private double RunGenerator(FrameSource[][] phases)
    {
        PacketBuffer** list = stackalloc PacketBuffer*[BenchBed.Burst];
        PacketPool pool = _bed.Workers.Workers[0].Pool;
        double start = ThreadClock.NowNs();
        for (int window = 0; window < Connections / Window; window++)
        {
            foreach (FrameSource source in phases.SelectMany(phase => phase))
            {
                int count = source.Receive(pool, list, BenchBed.Burst);
                for (int i = 0; i < count; i++)
                {
                    pool.Return(list[i]);
                }
            }
        }

        return ThreadClock.NowNs() - start;
    }
}
