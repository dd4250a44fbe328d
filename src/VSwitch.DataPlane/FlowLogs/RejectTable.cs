using System.Numerics;
using System.Runtime.InteropServices;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.FlowLogs;

/// <summary>Which packets a reject gathers: equal in all three words.</summary>
/// <param name="Low">Addresses, or a keyed hash of them (IPv6).</param>
/// <param name="High">Ports, VPC and protocol.</param>
/// <param name="Tag">Port, reason, direction, kind of tuple, version of the snapshot; never 0.</param>
internal readonly record struct RejectKey(ulong Low, ulong High, ulong Tag);

/// <summary>Dropped packets of one worker, gathered by flow and reason until they are exported. Fixed size; a packet that finds no
/// room is the caller's to count.</summary>
internal sealed unsafe class RejectTable : IDisposable
{
    private const int LongestProbe = 8;
    private readonly HugeMemory _slotMemory;
    private readonly HugeMemory _reportMemory;
    private readonly Slot* _slots;
    private readonly FlowReport* _reports;
    private readonly uint _mask;

    public RejectTable(int capacity)
    {
        uint slots = BitOperations.RoundUpToPowerOf2((uint)Math.Max(LongestProbe, capacity));
        _mask = slots - 1;
        _slotMemory = new HugeMemory(slots * (nuint)sizeof(Slot));
        _reportMemory = new HugeMemory(slots * (nuint)FlowReport.SizeBytes);
        _slots = (Slot*)_slotMemory.Address;
        _reports = (FlowReport*)_reportMemory.Address;
    }

    /// <summary>One cache line: all that a further packet of the flow touches.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 64)]
    private struct Slot
    {
        public RejectKey Key;
        public long Packets;
        public long Bytes;
        public uint FirstMs;
        public uint LastMs;
    }

    /// <summary>Places.</summary>
    public int SlotCount => (int)_mask + 1;

    /// <summary>Flows in it.</summary>
    public int Count { get; private set; }

    /// <summary>Counts a packet of a flow that is there; false when it is not.</summary>
    public bool TryCount(in RejectKey key, uint hash, int bytes, uint nowMs)
    {
        for (uint i = 0; i < LongestProbe; i++)
        {
            Slot* slot = _slots + ((hash + i) & _mask);
            if (slot->Key == key)
            {
                slot->Packets++;
                slot->Bytes += bytes;
                slot->LastMs = nowMs;
                return true;
            }

            if (slot->Key.Tag == 0)
            {
                return false;
            }
        }

        return false;
    }

    /// <summary>Makes room for a flow and counts its first packet.</summary>
    /// <returns>The flow's report, to be filled but for counts and times; null when there is no room.</returns>
    public FlowReport* Add(in RejectKey key, uint hash, int bytes, uint nowMs)
    {
        for (uint i = 0; i < LongestProbe; i++)
        {
            uint number = (hash + i) & _mask;
            Slot* slot = _slots + number;
            if (slot->Key.Tag == 0)
            {
                *slot = new Slot { Key = key, Packets = 1, Bytes = bytes, FirstMs = nowMs, LastMs = nowMs };
                Count++;
                _reports[number] = default;
                return _reports + number;
            }
        }

        return null;
    }

    /// <summary>Writes a flow to the ring and forgets it.</summary>
    /// <returns>False when the ring is full; the flow stays.</returns>
    public bool TryExport(int number, FlowReportRing ring)
    {
        Slot* slot = _slots + number;
        if (slot->Key.Tag == 0)
        {
            return true;
        }

        FlowReport* report = ring.Begin();
        if (report == null)
        {
            return false;
        }

        *report = _reports[number];
        report->PacketsUp = slot->Packets;
        report->BytesUp = slot->Bytes;
        report->FirstMs = slot->FirstMs;
        report->LastMs = slot->LastMs;
        ring.Publish();
        slot->Key = default;
        Count--;
        return true;
    }

    public void Dispose()
    {
        _slotMemory.Dispose();
        _reportMemory.Dispose();
    }
}
