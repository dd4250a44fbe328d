using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Local;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Workers;

namespace VSwitch.DataPlane.Watching;

/// <summary>Sends copies of packets out by a port's device, as they are: no rule, no route, no connection, and in no counter of the port. A
/// worker copies into buffers of its own pool, never more than half of what is free, and gives them to the device behind all that
/// the burst sent: traffic goes before mirrors. Copies do not come through the corridor, so they are never mirrored again.</summary>
public sealed unsafe class PortMirror : PacketWatcher, IDisposable
{
    private const int LaneRoom = PacketPipeline<NoTrace>.MaxBurst;
    private const int SegmentsAtOnce = 32;
    private readonly SwitchShared _shared;
    private readonly int _toPort;
    private readonly Lane[] _lanes;

    /// <summary>Makes a mirror.</summary>
    /// <param name="workers">The workers of the switch.</param>
    /// <param name="toPort">The port whose device gets the copies; while it has none, they are lost.</param>
    public PortMirror(WorkerSet workers, int toPort)
    {
        _shared = workers.Shared;
        _toPort = toPort;
        _lanes = Array.ConvertAll(workers.Workers, w => new Lane(w.Pool));
    }

    /// <summary>A worker's copies of a burst. Owner: the worker.</summary>
    private sealed class Lane(PacketPool pool) : IDisposable
    {
        public readonly PacketPool Pool = pool;
        public readonly HugeMemory List = new(LaneRoom * (nuint)sizeof(PacketBuffer*));
        public int SmallCount;
        public int LargeCount;
        public long Mirrored;
        public long MirroredBytes;
        public long Lost;

        public PacketBuffer** Packets => (PacketBuffer**)List.Address;

        public int Count => SmallCount + LargeCount;

        public void Dispose() => List.Dispose();
    }

    /// <summary>Adds up what the workers counted: copies that the device took (of a super-packet that it does not take whole, its
    /// segments), their bytes, and packets that found no buffer or were not taken.</summary>
    public (long Packets, long Bytes, long Lost) Counts
    {
        get
        {
            (long packets, long bytes, long lost) = (0, 0, 0);
            foreach (Lane lane in _lanes)
            {
                packets += Volatile.Read(ref lane.Mirrored);
                bytes += Volatile.Read(ref lane.MirroredBytes);
                lost += Volatile.Read(ref lane.Lost);
            }

            return (packets, bytes, lost);
        }
    }

    /// <inheritdoc/>
    protected internal override void See(int worker, in Sighting sighting)
    {
        Lane lane = _lanes[worker];
        if (lane.Count == LaneRoom)
        {
            Send(worker, lane);
        }

        PacketBuffer* copy = TryRent(lane, sighting.Length);
        if (copy == null)
        {
            lane.Lost++;
            return;
        }

        sighting.CopyTo(copy->Data, sighting.Length);
        copy->Length = sighting.Length;
        copy->Offload = sighting.Offload;
        if (SuperPacket.IsMarked(copy) && (ParseStage.Parse(copy) != DropReason.None || !SuperPacket.IsSound(copy)))
        {
            // What the guest asked its device for cannot be done; the switch dropped the packet for that.
            lane.Pool.Return(copy);
            lane.Lost++;
            return;
        }

        lane.Packets[lane.Count] = copy;
        lane.SmallCount += copy->IsLarge == 0 ? 1 : 0;
        lane.LargeCount += copy->IsLarge;
    }

    /// <inheritdoc/>
    protected internal override void EndBurst(int worker)
    {
        Lane lane = _lanes[worker];
        if (lane.Count > 0)
        {
            Send(worker, lane);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Lane lane in _lanes)
        {
            lane.Dispose();
        }
    }

    private static PacketBuffer* TryRent(Lane lane, int bytes)
    {
        bool isSmall = bytes <= PacketPool.SmallStrideBytes - PacketBuffer.DataOffsetBytes;
        bool hasRoom = isSmall ? lane.SmallCount < lane.Pool.SmallFreeCount : lane.LargeCount < lane.Pool.LargeFreeCount;
        return hasRoom ? lane.Pool.Rent(bytes) : null;
    }

    private void Send(int worker, Lane lane)
    {
        IPacketDevice?[] devices = _shared.Devices;
        IPacketDevice? device = _toPort < devices.Length ? devices[_toPort] : null;
        int count = lane.Count;
        if (device == null)
        {
            lane.Lost += count;
        }
        else if (device.Capabilities.Offload)
        {
            Transmit(device, worker, lane, lane.Packets, count);
        }
        else
        {
            SendPlain(device, worker, lane, count);
        }

        for (int i = 0; i < count; i++)
        {
            lane.Pool.Return(lane.Packets[i]);
        }

        lane.SmallCount = 0;
        lane.LargeCount = 0;
    }

    /// <summary>To a device that takes neither super-packets nor partial checksums.</summary>
    private static void SendPlain(IPacketDevice device, int worker, Lane lane, int count)
    {
        int start = 0;
        for (int i = 0; i < count; i++)
        {
            PacketBuffer* p = lane.Packets[i];
            if (p->Offload.GsoType == 0)
            {
                SuperPacket.CompleteChecksum(p);
                continue;
            }

            Transmit(device, worker, lane, lane.Packets + start, i - start);
            SendSegments(device, worker, lane, p);
            start = i + 1;
        }

        Transmit(device, worker, lane, lane.Packets + start, count - start);
    }

    private static void SendSegments(IPacketDevice device, int worker, Lane lane, PacketBuffer* p)
    {
        PacketBuffer** segments = stackalloc PacketBuffer*[SegmentsAtOnce];
        int bytes = p->Offload.HeaderLength + p->Offload.GsoSize;
        int room = 0;
        while (room < SegmentsAtOnce && TryRent(lane, bytes) is var segment && segment != null)
        {
            segments[room++] = segment;
        }

        lane.Lost += room == 0 ? 1 : 0;
        var cut = new Segmenter(p);
        while (room > 0 && !cut.IsDone)
        {
            int count = 0;
            while (count < room && !cut.IsDone)
            {
                segments[count]->Length = cut.Next(segments[count]->Data);
                count++;
            }

            Transmit(device, worker, lane, segments, count);
        }

        for (int i = 0; i < room; i++)
        {
            lane.Pool.Return(segments[i]);
        }
    }

    private static void Transmit(IPacketDevice device, int worker, Lane lane, PacketBuffer** packets, int count)
    {
        int taken = count == 0 ? 0 : device.Transmit(worker % device.ActiveQueueCount, packets, count);
        long bytes = 0;
        for (int i = 0; i < taken; i++)
        {
            bytes += packets[i]->Length;
        }

        lane.Mirrored += taken;
        lane.MirroredBytes += bytes;
        lane.Lost += count - taken;
    }
}
