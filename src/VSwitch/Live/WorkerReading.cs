using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Workers;

namespace VSwitch.Live;

/// <summary>What one worker has counted, read at one time. Not to be made once the host was freed.</summary>
internal sealed class WorkerReading
{
    private readonly long[] _packets = new long[RoundCounters.BucketCount];

    private WorkerReading(Worker worker, long nowNs)
    {
        Worker = worker.Index;
        Occupancy = worker.Pipeline.Occupancy(nowNs);
        SmallBuffers = (worker.Pool.SmallFreeCount, worker.Pool.SmallCount);
        LargeBuffers = (worker.Pool.LargeFreeCount, worker.Pool.LargeCount);
        WorkerCounters c = worker.Counters;
        Bursts = (Volatile.Read(ref c.BurstCount), Volatile.Read(ref c.BurstPackets));
        HandedOver = Volatile.Read(ref c.HandedOver);
        TakenOver = Volatile.Read(ref c.TakenOver);
        Connections = (Volatile.Read(ref c.FlowsCreated), Volatile.Read(ref c.FlowsRemoved), Volatile.Read(ref c.FlowsEvicted));
        ReadRounds(c);
    }

    /// <summary>The worker's number.</summary>
    public int Worker { get; }

    /// <summary>Rounds begun.</summary>
    public long Rounds { get; private set; }

    /// <summary>Rounds that handled packets.</summary>
    public long BusyRounds { get; private set; }

    /// <summary>Duration of the busy rounds together, nanoseconds.</summary>
    public long BusyNs { get; private set; }

    /// <summary>Times that it went to sleep.</summary>
    public long Sleeps { get; private set; }

    /// <summary>Duration of the busy rounds, each as often as it handled packets, nanoseconds.</summary>
    public long PacketNs { get; private set; }

    /// <summary>Packets by the duration of their round: <see cref="RoundCounters"/>.</summary>
    public ReadOnlySpan<long> PacketsByRound => _packets;

    /// <summary>Bursts that had packets, and the packets in them.</summary>
    public (long Count, long Packets) Bursts { get; }

    /// <summary>Packets given to other workers.</summary>
    public long HandedOver { get; }

    /// <summary>Packets taken from other workers.</summary>
    public long TakenOver { get; }

    /// <summary>Connections begun, over, and of these removed to make room.</summary>
    public (long Created, long Removed, long Evicted) Connections { get; }

    /// <summary>What its tables hold.</summary>
    public TableOccupancy Occupancy { get; }

    /// <summary>Small buffers. A worker may keep some of another one's: more may be free than it was made with.</summary>
    public (int Free, int Count) SmallBuffers { get; }

    /// <summary>Large buffers.</summary>
    public (int Free, int Count) LargeBuffers { get; }

    /// <summary>Reads a worker; any thread.</summary>
    public static WorkerReading Of(Worker worker) => new(worker, WorkerThread.NowNs());

    private unsafe void ReadRounds(WorkerCounters counters)
    {
        RoundCounters* rounds = counters.Rounds;
        Rounds = Volatile.Read(ref rounds->Rounds);
        BusyRounds = Volatile.Read(ref rounds->BusyRounds);
        BusyNs = Volatile.Read(ref rounds->BusyNs);
        Sleeps = Volatile.Read(ref rounds->Sleeps);
        PacketNs = Volatile.Read(ref rounds->PacketNs);
        for (int i = 0; i < _packets.Length; i++)
        {
            _packets[i] = Volatile.Read(ref rounds->Packets[i]);
        }
    }
}
