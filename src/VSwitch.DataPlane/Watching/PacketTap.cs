using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Watching;

/// <summary>Takes packets down for a reader elsewhere (a capture, a mirror to a file): each worker copies into a ring of its own, within
/// its <see cref="CopyBudget"/>. A reader that stalls loses packets, and never holds a worker up. One reader.</summary>
public sealed unsafe class PacketTap : PacketWatcher, IDisposable
{
    /// <summary>Ring of a worker, bytes: what a budget's worth of full-size frames needs for some hundredths of a second.</summary>
    public const int DefaultRingBytes = 8 << 20;

    private readonly Lane[] _lanes;
    private readonly int _snapBytes;

    /// <summary>Makes a tap.</summary>
    /// <param name="workers">Workers of the switch.</param>
    /// <param name="portCapacity">Ports that can ever exist.</param>
    /// <param name="snapBytes">Bytes of a frame to keep at most.</param>
    /// <param name="ringBytes">Room of each worker, at least 4096.</param>
    /// <param name="isUnlimited">True = no budget: everything that finds room is taken, whatever it costs the worker.</param>
    public PacketTap(int workers, int portCapacity, int snapBytes, int ringBytes = DefaultRingBytes, bool isUnlimited = false)
    {
        _snapBytes = snapBytes;
        _lanes = new Lane[workers];
        for (int i = 0; i < workers; i++)
        {
            _lanes[i] = new Lane(portCapacity, ringBytes, isUnlimited);
        }
    }

    /// <summary>What a worker took down, and what it did not. The worker alone writes; anyone reads whole words.</summary>
    private sealed class Lane(int portCapacity, int ringBytes, bool isUnlimited) : IDisposable
    {
        public readonly RecordRing Ring = new(ringBytes);
        public readonly CopyBudget Budget = new(isUnlimited);
        public readonly TapCounts[] Counts = new TapCounts[portCapacity];
        public readonly long[] LostSinceLast = new long[portCapacity];

        public void Dispose() => Ring.Dispose();
    }

    /// <summary>What it is for, in one word for its owner.</summary>
    public string Purpose { get; init; } = "";

    /// <summary>Says how many taps share the time that workers have for them.</summary>
    public void ShareAmong(int taps)
    {
        foreach (Lane lane in _lanes)
        {
            lane.Budget.Sharers = taps;
        }
    }

    /// <summary>Adds up what was seen at a port.</summary>
    public TapCounts CountsOf(int port)
    {
        TapCounts sum = default;
        foreach (Lane lane in _lanes)
        {
            sum.Taken += Volatile.Read(ref lane.Counts[port].Taken);
            sum.PassedOver += Volatile.Read(ref lane.Counts[port].PassedOver);
            sum.NoRoom += Volatile.Read(ref lane.Counts[port].NoRoom);
        }

        return sum;
    }

    /// <summary>The oldest record of all workers that is there; null when there is none. The reader, before <see cref="Release"/>.</summary>
    /// <param name="worker">Whose it is.</param>
    public PacketRecord* Peek(out int worker)
    {
        PacketRecord* oldest = null;
        worker = -1;
        for (int i = 0; i < _lanes.Length; i++)
        {
            PacketRecord* record = _lanes[i].Ring.Peek();
            if (record != null && (oldest == null || record->TimeNs < oldest->TimeNs))
            {
                oldest = record;
                worker = i;
            }
        }

        return oldest;
    }

    /// <summary>The reader is done with the record.</summary>
    public void Release(int worker, PacketRecord* record) => _lanes[worker].Ring.Release(record);

    /// <inheritdoc/>
    protected internal override bool Wants(int worker, int port, long nowNs) =>
        Count(_lanes[worker], port, _lanes[worker].Budget.Take(nowNs));

    /// <inheritdoc/>
    protected internal override bool StillWants(int worker, int port, long nowNs) =>
        Count(_lanes[worker], port, _lanes[worker].Budget.MaySpend(nowNs));

    /// <inheritdoc/>
    protected internal override void See(int worker, in Sighting sighting)
    {
        Lane lane = _lanes[worker];
        int port = sighting.Port;
        int captured = Math.Min(sighting.Length, _snapBytes);
        PacketRecord* record = lane.Ring.TryReserve(captured);
        if (record == null)
        {
            lane.Counts[port].NoRoom++;
            lane.LostSinceLast[port]++;
            return;
        }

        VirtioNetHeader offload = sighting.Offload;
        bool isPartial = (offload.Flags & VirtioNetHeader.NeedsChecksum) != 0;
        record->CapturedBytes = captured;
        record->TimeNs = sighting.TimeNs;
        record->LostBefore = lane.LostSinceLast[port];
        record->Length = sighting.Length;
        record->SampledOneIn = lane.Budget.OneIn;
        record->Port = (ushort)port;
        record->OtherPort = sighting.OtherPort < 0 ? ushort.MaxValue : (ushort)sighting.OtherPort;
        record->ChecksumStart = isPartial ? offload.ChecksumStart : (ushort)0;
        record->ChecksumOffset = offload.ChecksumOffset;
        record->Direction = sighting.Direction;
        record->Verdict = sighting.Verdict;
        record->Reason = sighting.Reason;
        sighting.CopyTo(PacketRecord.FrameOf(record), captured);
        lane.Ring.Commit(record);
        lane.Counts[port].Taken++;
        lane.LostSinceLast[port] = 0;
        lane.Budget.Spend(captured);
    }

    /// <inheritdoc/>
    protected internal override void EndBurst(int worker) => _lanes[worker].Ring.Publish();

    private static bool Count(Lane lane, int port, bool isTaken)
    {
        if (!isTaken)
        {
            lane.Counts[port].PassedOver++;
            lane.LostSinceLast[port]++;
        }

        return isTaken;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Lane lane in _lanes)
        {
            lane.Dispose();
        }
    }
}

/// <summary>What a <see cref="PacketTap"/> was meant to take down at a port.</summary>
public struct TapCounts
{
    /// <summary>Packets that it took down.</summary>
    public long Taken;

    /// <summary>Packets passed over, so that the worker is not slowed.</summary>
    public long PassedOver;

    /// <summary>Packets that found no room: the reader is too slow.</summary>
    public long NoRoom;

    /// <summary>Packets that were meant and are not there.</summary>
    public readonly long Lost => PassedOver + NoRoom;
}
