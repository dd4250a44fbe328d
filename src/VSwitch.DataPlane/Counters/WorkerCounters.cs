using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Pipeline;

namespace VSwitch.DataPlane.Counters;

/// <summary>What one worker counted on one port; two cache lines.</summary>
[StructLayout(LayoutKind.Sequential, Size = 128)]
public struct PortCounters
{
    /// <summary>Frames that came in.</summary>
    public long ReceivedPackets;

    /// <summary>Bytes of them, as the device gave them.</summary>
    public long ReceivedBytes;

    /// <summary>Frames that went out: forwarded ones and the switch's own.</summary>
    public long SentPackets;

    /// <summary>Bytes of them.</summary>
    public long SentBytes;

    /// <summary>Of the frames that came in here: sent on.</summary>
    public long Forwarded;

    /// <summary>Of the frames that came in here: answered by the switch.</summary>
    public long Answered;

    /// <summary>Of the frames that came in here: taken in silence.</summary>
    public long Consumed;

    /// <summary>Of the frames that came in here: dropped.</summary>
    public long Dropped;

    /// <summary>Frames that the switch made itself and sent here.</summary>
    public long Generated;

    /// <summary>Packets that the port's ENI sent over its own limits; a super-packet counts as those that it stands for.</summary>
    public long OverEgressLimit;

    /// <summary>Packets for the port's ENI that were over its limits, whichever port they came in by.</summary>
    public long OverIngressLimit;

    /// <summary>Of the frames that came in here: went on as the frame of a gateway that they carried, at whose port that counts as received.
    /// </summary>
    public long Carried;
}

/// <summary>One worker's counters, in native memory that only it writes; readers load whole 64-bit words at any time.
/// Invariant, summed over workers: received = forwarded + answered + consumed + dropped + carried + held, where held are the frames
/// that a worker still works on or that wait in a hand-over ring.</summary>
public sealed unsafe class WorkerCounters : IDisposable
{
    private const int LineBytes = 64;
    private readonly HugeMemory _memory;
    private readonly long* _drops;

    /// <summary>Makes counters.</summary>
    /// <param name="portCapacity">For ports 0 to one less.</param>
    /// <param name="meterCapacity">For meters 0 to one less.</param>
    public WorkerCounters(int portCapacity, int meterCapacity)
    {
        PortCapacity = portCapacity;
        nuint portBytes = (nuint)portCapacity * (nuint)sizeof(PortCounters);
        nuint meterBytes = (nuint)Math.Max(2, meterCapacity + (meterCapacity & 1)) * (nuint)sizeof(MeterCounters);
        nuint roundBytes = ((nuint)sizeof(RoundCounters) + LineBytes - 1) & ~(nuint)(LineBytes - 1);
        _memory = new HugeMemory(
            portBytes + meterBytes + roundBytes + ((nuint)portCapacity * (nuint)DropReasons.Count * sizeof(long)));
        Ports = (PortCounters*)_memory.Address;
        Meters = (MeterCounters*)(_memory.Address + portBytes);
        Rounds = (RoundCounters*)(_memory.Address + portBytes + meterBytes);
        _drops = (long*)(_memory.Address + portBytes + meterBytes + roundBytes);
        LastDrops = new DropSamples();
    }

    /// <summary>Ports that can be counted.</summary>
    public int PortCapacity { get; }

    /// <summary>Counters by port.</summary>
    public PortCounters* Ports { get; }

    /// <summary>EIPs' traffic by meter (<see cref="Tables.Eip.OutMeter"/>); meter 0 is nobody's.</summary>
    public MeterCounters* Meters { get; }

    /// <summary>The worker's rounds.</summary>
    public RoundCounters* Rounds { get; }

    /// <summary>Bursts that had packets.</summary>
    public long BurstCount;

    /// <summary>Packets in them; with <see cref="BurstCount"/> the mean burst.</summary>
    public long BurstPackets;

    /// <summary>Frames given to other workers.</summary>
    public long HandedOver;

    /// <summary>Frames taken from other workers.</summary>
    public long TakenOver;

    /// <summary>Connections begun.</summary>
    public long FlowsCreated;

    /// <summary>Connections over: expired, refused, cut, evicted.</summary>
    public long FlowsRemoved;

    /// <summary>Half-open connections that made room for others.</summary>
    public long FlowsEvicted;

    /// <summary>The last dropped packet of each reason.</summary>
    public DropSamples LastDrops { get; }

    /// <summary>Counts a drop of a frame that came in by a port.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void CountDrop(int port, DropReason reason)
    {
        Ports[port].Dropped++;
        _drops[(port * DropReasons.Count) + (int)reason]++;
    }

    /// <summary>Drops of a port for a reason.</summary>
    public long DropsOf(int port, DropReason reason) => Volatile.Read(ref _drops[(port * DropReasons.Count) + (int)reason]);

    /// <inheritdoc/>
    public void Dispose()
    {
        LastDrops.Dispose();
        _memory.Dispose();
    }
}
