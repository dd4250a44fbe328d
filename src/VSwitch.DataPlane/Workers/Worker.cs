using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Pipeline;

namespace VSwitch.DataPlane.Workers;

/// <summary>One worker: its buffers, its pipeline, its ends of the rings, and one round of work. It has no thread of its own:
/// <see cref="WorkerThread"/> runs it for a switch at work, a replay runs several in turn on one thread.</summary>
public sealed unsafe class Worker : IDisposable
{
    /// <summary>While there are packets, a step of an errand so often: whoever looks through a million connections, again and again,
    /// takes some hundredths of the worker's time and no more.</summary>
    private const long ErrandEveryNs = 50_000;

    private readonly SwitchShared _shared;
    private readonly SpscRing?[] _from;
    private readonly SpscRing?[] _home;
    private readonly HugeMemory _list;
    private readonly PacketBuffer** _packets;
    private readonly ErrandQueue _errands = new();
    private long _nextErrandNs;
    private bool _isBusy;
    private bool[] _isEmpty = [];

    /// <summary>Makes a worker; <see cref="WorkerSet"/> joins it to the others.</summary>
    internal Worker(
        int index, SwitchShared shared, WorkerOptions options, int exchangeRoom, Steering? steering, SpscRing?[] from,
        SpscRing?[] home)
    {
        Index = index;
        Queues = new DeviceQueues(index, from.Length);
        _shared = shared;
        _from = from;
        _home = home;
        Steering = steering;
        Pool = new PacketPool(index, options.SmallBuffers, options.LargeBuffers, exchangeRoom);
        Counters = new WorkerCounters(options.PortCapacity, shared.Buckets.Capacity);
        Pipeline = new PacketPipeline<NoTrace>(shared, Pool, Counters, steering, index, default);
        _list = new HugeMemory(PacketPipeline<NoTrace>.MaxBurst * (nuint)sizeof(PacketBuffer*));
        _packets = (PacketBuffer**)_list.Address;
        Burst = options.Burst;
    }

    /// <summary>Its number, from 0.</summary>
    public int Index { get; }

    /// <summary>Its buffers.</summary>
    public PacketPool Pool { get; }

    /// <summary>Its counters.</summary>
    public WorkerCounters Counters { get; }

    /// <summary>Its corridor.</summary>
    public PacketPipeline<NoTrace> Pipeline { get; }

    /// <summary>Its ways to the others; null when it is alone.</summary>
    public Steering? Steering { get; }

    /// <summary>Frames it takes from a device at once.</summary>
    public int Burst { get; }

    /// <summary>Frames and buffers in the rings to it.</summary>
    public int WaitingCount
    {
        get
        {
            int count = 0;
            foreach (SpscRing? ring in _from)
            {
                count += ring?.Count ?? 0;
            }

            return count;
        }
    }

    /// <summary>When something is due that no packet brings, milliseconds.</summary>
    public long NextDueMs => _shared.Alarm.NextDueMs;

    /// <summary>Its device queues.</summary>
    public DeviceQueues Queues { get; }

    /// <summary>True while an errand waits or is not finished.</summary>
    public bool HasErrand => _errands.HasWork;

    /// <summary>Hands work to the worker; any thread. A sleeping worker does it when it wakes
    /// (<see cref="WorkerThread.Post"/> wakes it).</summary>
    public void Post(IWorkerErrand errand) => _errands.Post(errand);

    /// <summary>Does one step of the errand at hand, if there is one (a switch without threads: a replay, a test).</summary>
    public void RunErrand()
    {
        if (_errands.HasWork)
        {
            _errands.Step(this);
        }
    }

    /// <summary>One round: buffers come home, frames from other workers, a burst from each of its device queues that may have one,
    /// egress. What other workers hand over is taken between the bursts, so that rings stay short and their frames in the
    /// cache.</summary>
    /// <param name="nowNs">The time of the round.</param>
    /// <param name="maxExpiries">Connections to look at for expiry at most.</param>
    /// <returns>Frames handled.</returns>
    public int RunRound(long nowNs, int maxExpiries)
    {
        Pipeline.Begin(nowNs, maxExpiries);
        if (_errands.HasWork && (!_isBusy || nowNs >= _nextErrandNs))
        {
            _nextErrandNs = nowNs + ErrandEveryNs;
            _errands.Step(this);
        }

        int handled = Pipeline.ReleaseDue();
        handled += TakeHandedOver();
        Queues.Use(_shared.Devices);
        if (_isEmpty.Length < Queues.Count)
        {
            _isEmpty = new bool[Queues.Count];
        }

        int unflushed = handled;
        for (int i = 0; i < Queues.ReadyCount; i++)
        {
            ref readonly DeviceQueues.PolledQueue from = ref Queues.Ready(i);
            int count = from.Device.Receive(from.Queue, Pool, _packets, Burst);
            _isEmpty[i] = count == 0;
            if (count == 0)
            {
                continue;
            }

            Pipeline.Process(_packets, count, from.Port);
            handled += count;
            unflushed += count;
            if (unflushed >= Burst)
            {
                Pipeline.Flush();
                unflushed = TakeHandedOver();
                handled += unflushed;
            }
        }

        Pipeline.Flush();
        Queues.EndRound(_isEmpty);
        _isBusy = handled > 0;
        return handled;
    }

    /// <summary>Takes one frame in by a port, at a time of its own (replay). The bytes are copied.</summary>
    /// <returns>False when the frame fits no buffer.</returns>
    public bool Inject(ReadOnlySpan<byte> frame, int port, long nowNs)
    {
        PacketBuffer* p = Pool.Rent(frame.Length);
        if (p == null)
        {
            return false;
        }

        frame.CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
        p->Length = frame.Length;
        _packets[0] = p;
        Pipeline.Begin(nowNs, int.MaxValue);
        Pipeline.Process(_packets, 1, port);
        Pipeline.Flush();
        return true;
    }

    /// <summary>Counts a frame that cannot enter the corridor, with its reason (replay: link type, or larger than any buffer).</summary>
    public void Refuse(int port, ReadOnlySpan<byte> frame, DropReason reason, long nowNs)
    {
        Counters.Ports[port].ReceivedPackets++;
        Counters.Ports[port].ReceivedBytes += frame.Length;
        Counters.CountDrop(port, reason);
        fixed (byte* bytes = frame)
        {
            Counters.LastDrops.Note(reason, nowNs, port, bytes, frame.Length);
        }
    }

    /// <summary>Handles what other workers handed over, without asking any device (replay).</summary>
    public int RunHandedOver(long nowNs)
    {
        Pipeline.Begin(nowNs, int.MaxValue);
        int handled = TakeHandedOver();
        Pipeline.Flush();
        return handled;
    }

    /// <summary>Ends the waiting of one held packet, which <see cref="PacketPipeline{TTracer}.FindDue"/> found (replay).</summary>
    public void ReleaseHeld(int place, long nowNs)
    {
        Pipeline.Begin(nowNs, int.MaxValue);
        Pipeline.Release(place);
        Pipeline.Flush();
    }

    /// <summary>Drops its oldest held packet before its time is up (end of a replay, shutdown).</summary>
    public void DropOldestHeld()
    {
        Pipeline.DropOldestHeld();
        Pipeline.Flush();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Pipeline.Dispose();
        Pool.Dispose();
        Counters.Dispose();
        _list.Dispose();
    }

    private int TakeHandedOver()
    {
        int handled = 0;
        for (int other = 0; other < _from.Length; other++)
        {
            if (_from[other] == null)
            {
                continue;
            }

            int home = _home[other]!.Pop(_packets, PacketPipeline<NoTrace>.MaxBurst);
            for (int i = 0; i < home; i++)
            {
                Pool.Return(_packets[i]);
            }

            int count = _from[other]!.Pop(_packets, PacketPipeline<NoTrace>.MaxBurst);
            if (count > 0)
            {
                Pipeline.ProcessHandedOver(_packets, count);
                handled += count;
            }
        }

        return handled;
    }
}

/// <summary>Sizes of a worker.</summary>
public sealed record WorkerOptions
{
    /// <summary>Small packet buffers.</summary>
    public int SmallBuffers { get; init; } = 8192;

    /// <summary>Large packet buffers (64 KiB).</summary>
    public int LargeBuffers { get; init; } = 256;

    /// <summary>Ports that can ever exist.</summary>
    public int PortCapacity { get; init; } = 1024;

    /// <summary>Frames to take from a device at once, 1 to 256.</summary>
    public int Burst { get; init; } = 64;
}
