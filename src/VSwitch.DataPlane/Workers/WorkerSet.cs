using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Workers;

/// <summary>All workers of a switch and the rings between each two of them.</summary>
public sealed class WorkerSet : IDisposable
{
    private readonly List<SpscRing> _rings = [];
    private readonly Baseline?[] _baselines;

    /// <summary>Makes <paramref name="count"/> workers.</summary>
    /// <param name="count">1 to 64.</param>
    /// <param name="shared">What they share.</param>
    /// <param name="options">Their sizes.</param>
    /// <param name="rssKey">Toeplitz key of 40 bytes.</param>
    /// <param name="indirection">128 numbers of workers (modulo <paramref name="count"/>); null = all in turn.</param>
    public WorkerSet(
        int count, SwitchShared shared, WorkerOptions options, ReadOnlySpan<byte> rssKey, IReadOnlyList<byte>? indirection = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, 64);
        Shared = shared;
        _baselines = new Baseline?[options.PortCapacity];
        var toeplitz = new Toeplitz(rssKey);
        Exchange = new BufferExchange(count, options.SmallBuffers);
        int room = options.SmallBuffers + options.LargeBuffers + Exchange.Room;
        SpscRing?[][] forward = MakeRings(count, room);
        SpscRing?[][] back = MakeRings(count, room);
        Workers = new Worker[count];
        for (int i = 0; i < count; i++)
        {
            Steering? steering = count == 1 ? null : new Steering(i, count, toeplitz, forward[i], back[i], Exchange, indirection);
            Workers[i] = new Worker(i, shared, options, Exchange.Room, steering, Column(forward, i), Column(back, i));
        }

        shared.Scrubber.Read(Array.ConvertAll(Workers, w => w.Counters));
        Eips = new EipMeters(Workers, shared.Buckets.Capacity);
        Connections[] all = Array.ConvertAll(Workers, w => w.Pipeline.Connections);
        foreach (Connections own in all)
        {
            own.Join(shared.Budget.IsExact ? all : [own], count);
        }
    }

    /// <summary>What they share.</summary>
    public SwitchShared Shared { get; }

    /// <summary>Which buffers they keep of each other's.</summary>
    public BufferExchange Exchange { get; }

    /// <summary>The workers.</summary>
    public Worker[] Workers { get; }

    /// <summary>What EIPs sent and received.</summary>
    public EipMeters Eips { get; }

    /// <summary>Connections of all workers.</summary>
    public int ConnectionCount
    {
        get
        {
            int count = 0;
            foreach (Worker worker in Workers)
            {
                count += worker.Pipeline.Connections.Count;
            }

            return count;
        }
    }

    /// <summary>What a port's number had counted when the port got it.</summary>
    private sealed record Baseline(PortCounters Ports, long[] Drops, long DroppedBeforeNs);

    /// <summary>Lets a port count from 0 on. Only workers write their counters, so what is there now is taken off for the
    /// reader; a port counts nothing while this is called (its ENI is new).</summary>
    public void Rebase(int port)
    {
        Volatile.Write(ref _baselines[port], null);
        PortCounters counted = Sum(port);
        long[] drops = new long[DropReasons.Count];
        for (int reason = 0; reason < drops.Length; reason++)
        {
            drops[reason] = SumDrops(port, (DropReason)reason);
        }

        long droppedNs = long.MinValue;
        foreach (Worker worker in Workers)
        {
            droppedNs = Math.Max(droppedNs, worker.Counters.LastDrops.LatestNs);
        }

        Volatile.Write(ref _baselines[port], new Baseline(counted, drops, droppedNs));
    }

    /// <summary>Adds up a port's counters.</summary>
    public unsafe PortCounters Sum(int port)
    {
        PortCounters before = Volatile.Read(ref _baselines[port])?.Ports ?? default;
        var sum = new PortCounters
        {
            ReceivedPackets = -before.ReceivedPackets,
            ReceivedBytes = -before.ReceivedBytes,
            SentPackets = -before.SentPackets,
            SentBytes = -before.SentBytes,
            Forwarded = -before.Forwarded,
            Answered = -before.Answered,
            Consumed = -before.Consumed,
            Dropped = -before.Dropped,
            Generated = -before.Generated,
            OverEgressLimit = -before.OverEgressLimit,
            OverIngressLimit = -before.OverIngressLimit,
            Carried = -before.Carried,
        };
        foreach (Worker worker in Workers)
        {
            PortCounters* c = worker.Counters.Ports + port;
            sum.ReceivedPackets += Volatile.Read(ref c->ReceivedPackets);
            sum.ReceivedBytes += Volatile.Read(ref c->ReceivedBytes);
            sum.SentPackets += Volatile.Read(ref c->SentPackets);
            sum.SentBytes += Volatile.Read(ref c->SentBytes);
            sum.Forwarded += Volatile.Read(ref c->Forwarded);
            sum.Answered += Volatile.Read(ref c->Answered);
            sum.Consumed += Volatile.Read(ref c->Consumed);
            sum.Dropped += Volatile.Read(ref c->Dropped);
            sum.Generated += Volatile.Read(ref c->Generated);
            sum.OverEgressLimit += Volatile.Read(ref c->OverEgressLimit);
            sum.OverIngressLimit += Volatile.Read(ref c->OverIngressLimit);
            sum.Carried += Volatile.Read(ref c->Carried);
        }

        return sum;
    }

    /// <summary>Adds up a port's drops for a reason.</summary>
    public long SumDrops(int port, DropReason reason)
    {
        long sum = -(Volatile.Read(ref _baselines[port])?.Drops[(int)reason] ?? 0);
        foreach (Worker worker in Workers)
        {
            sum += worker.Counters.DropsOf(port, reason);
        }

        return sum;
    }

    /// <summary>The packet that was dropped last for a reason, by any worker, as far as <see cref="DropSamples"/> keeps it. Its port is
    /// -1 when another one has got the number since.</summary>
    /// <returns>Null when there was none.</returns>
    public DropSample? LastDrop(DropReason reason)
    {
        DropSample? last = null;
        foreach (Worker worker in Workers)
        {
            DropSample? own = worker.Counters.LastDrops.Read(reason);
            last = last == null || own?.TimeNs > last.TimeNs ? own : last;
        }

        bool isOfAnother = last != null && last.TimeNs <= (Volatile.Read(ref _baselines[last.Port])?.DroppedBeforeNs ?? long.MinValue);
        return isOfAnother ? last! with { Port = -1 } : last;
    }

    /// <summary>Packets that all workers hold.</summary>
    public int HeldCount => Shared.Held.Count;

    /// <summary>When the time of the longest held packet is up, nanoseconds; <see cref="long.MaxValue"/> when none is held.
    /// </summary>
    public long HeldDeadlineNs
    {
        get
        {
            long deadlineNs = long.MaxValue;
            foreach (Worker worker in Workers)
            {
                deadlineNs = Math.Min(deadlineNs, worker.Pipeline.HeldDeadlineNs);
            }

            return deadlineNs;
        }
    }

    /// <summary>Packets of a port that are held.</summary>
    public int HeldOf(int port) => Shared.Held.Of(port);

    /// <summary>Takes a frame in on worker 0 and runs all workers in turn until nothing waits (replay): what comes out does not
    /// depend on how many there are.</summary>
    /// <returns>False when the frame fits no buffer.</returns>
    public bool InjectAndSettle(ReadOnlySpan<byte> frame, int port, long nowNs)
    {
        SettleDue(nowNs);
        SettleHeld(nowNs);
        foreach (Worker worker in Workers)
        {
            // Timers run, and buffers that others are done with come home.
            worker.RunHandedOver(nowNs);
        }

        bool taken = Workers[0].Inject(frame, port, nowNs);
        SettleRings(nowNs);
        SettleHeld(nowNs);
        return taken;
    }

    /// <summary>When a health check is due, milliseconds.</summary>
    public long DueMs => Shared.Probes.NextDueMs;

    /// <summary>Sends what is due by then without a packet, all of it by one worker (replay).</summary>
    public void SettleDue(long nowNs)
    {
        while (DueMs <= nowNs / 1_000_000)
        {
            Workers[0].RunHandedOver(nowNs);
        }
    }

    /// <summary>Ends the waiting of every held packet that need not wait any longer, the longest held of all workers first and
    /// each at its own time (replay): the order does not depend on who holds it.</summary>
    public void SettleHeld(long nowNs)
    {
        long atNs = 0;
        while (HeldCount > 0)
        {
            Worker? next = null;
            int place = 0;
            long oldest = long.MaxValue;
            foreach (Worker worker in Workers)
            {
                int due = worker.Pipeline.FindDue(nowNs, out long stamp);
                if (due != 0 && stamp < oldest)
                {
                    (next, place, oldest) = (worker, due, stamp);
                }
            }

            if (next == null)
            {
                return;
            }

            atNs = Math.Max(atNs, Math.Min(nowNs, next.Pipeline.HeldDeadlineNs));
            foreach (Worker worker in Workers)
            {
                // What expires by then frees what all share: NAT gateways' ports.
                worker.RunHandedOver(atNs);
            }

            next.ReleaseHeld(place, atNs);
            SettleRings(atNs);
        }
    }

    /// <summary>Drops whatever is still held, the longest held first, and brings its buffers home (end of a replay, shutdown). No
    /// worker may be at work.</summary>
    public void DropHeld()
    {
        while (HeldCount > 0)
        {
            Worker oldest = Workers[0];
            foreach (Worker worker in Workers)
            {
                oldest = worker.Pipeline.HeldStamp < oldest.Pipeline.HeldStamp ? worker : oldest;
            }

            oldest.DropOldestHeld();
        }
    }

    private void SettleRings(long nowNs)
    {
        bool busy = Workers.Length > 1;
        while (busy)
        {
            busy = false;
            foreach (Worker worker in Workers)
            {
                busy |= worker.WaitingCount > 0 && worker.RunHandedOver(nowNs) > 0;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Worker worker in Workers)
        {
            worker.Dispose();
        }

        foreach (SpscRing ring in _rings)
        {
            ring.Dispose();
        }

        Exchange.Dispose();
    }

    private SpscRing?[][] MakeRings(int count, int room)
    {
        var rings = new SpscRing?[count][];
        for (int from = 0; from < count; from++)
        {
            rings[from] = new SpscRing?[count];
            for (int to = 0; to < count; to++)
            {
                if (to != from)
                {
                    var ring = new SpscRing(room);
                    rings[from][to] = ring;
                    _rings.Add(ring);
                }
            }
        }

        return rings;
    }

    private static SpscRing?[] Column(SpscRing?[][] rings, int to)
    {
        var column = new SpscRing?[rings.Length];
        for (int from = 0; from < rings.Length; from++)
        {
            column[from] = rings[from][to];
        }

        return column;
    }
}
