using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;

namespace VSwitch.DataPlane.FlowLogs;

/// <summary>What one worker keeps for flow logs, while there are any: which part of each connection's counters was reported
/// already, what was dropped, and the ring of reports. A connection reports what it carried since its last report: when a
/// <see cref="FlowReportWalk"/> comes by, and for the last time when it ends; so the reports of a connection add up to its
/// counters. Written by its worker; the ring and <see cref="LossOf"/> are read by one other thread.</summary>
public sealed unsafe class FlowRecorder : IDisposable
{
    private readonly HugeMemory _reportedMemory;
    private readonly HugeMemory _lossMemory;
    private readonly Counted* _reported;
    private readonly FlowReportLoss* _losses;
    private readonly int _portCapacity;

    /// <summary>Makes a recorder; memory is taken as connections come.</summary>
    /// <param name="connections">The worker's connections.</param>
    /// <param name="portCapacity">Ports that can exist.</param>
    /// <param name="ringCapacity">Reports in the ring at most.</param>
    /// <param name="isFilling">Set when the ring is half full; may be null.</param>
    public FlowRecorder(Connections connections, int portCapacity, int ringCapacity, EventWaitHandle? isFilling)
    {
        _portCapacity = portCapacity;
        _reportedMemory = new HugeMemory((nuint)(connections.V4.SlotCount + connections.V6.SlotCount) * (nuint)sizeof(Counted));
        _reported = (Counted*)_reportedMemory.Address;
        _lossMemory = new HugeMemory((nuint)portCapacity * (nuint)sizeof(FlowReportLoss));
        _losses = (FlowReportLoss*)_lossMemory.Address;
        Ring = new FlowReportRing(ringCapacity, isFilling);
    }

    private struct Counted
    {
        public long PacketsUp;
        public long BytesUp;
        public long PacketsDown;
        public long BytesDown;
    }

    /// <summary>Reports to the flow logs.</summary>
    public FlowReportRing Ring { get; }

    /// <summary>True when drops are to be reported too; written and read by who makes the recorder.</summary>
    public bool RecordsRejects { get; set; }

    /// <summary>What was dropped; null when that is not asked for.</summary>
    internal RejectTable? Rejects { get; set; }

    /// <summary>Mark of connections that this recorder knows: an older one has what it carried before left out.</summary>
    internal byte Epoch { get; set; }

    /// <summary>What a port's flow logs lack so far. Any thread.</summary>
    public FlowReportLoss LossOf(int port) => new()
    {
        Reports = Volatile.Read(ref _losses[port].Reports),
        Packets = Volatile.Read(ref _losses[port].Packets),
        Bytes = Volatile.Read(ref _losses[port].Bytes),
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        Ring.Dispose();
        Rejects?.Dispose();
        _reportedMemory.Dispose();
        _lossMemory.Dispose();
    }

    /// <summary>A connection is about to be taken out: reports the rest, or counts it as lost when the ring is full.</summary>
    internal void NoteEnd(Connections connections, FlowEntry* entry, FlowDetail* detail, int slot)
    {
        Counted now = CountersOf(entry, detail);
        Counted* before = _reported + slot;
        if (detail->LogEpoch == Epoch && !TryReport(connections, entry, detail, now, before, isOver: true))
        {
            FlowAction* way = connections.Paths.Actions + (2L * entry->Path);
            long packets = now.PacketsUp + now.PacketsDown - before->PacketsUp - before->PacketsDown;
            long bytes = now.BytesUp + now.BytesDown - before->BytesUp - before->BytesDown;
            Lose(way[0].InPort, packets, bytes);
            Lose(way[1].InPort, packets, bytes);
        }

        *before = default;
    }

    /// <summary>Reports what a live connection carried since the last time.</summary>
    /// <returns>False when the ring is full; nothing is lost, the next walk reports it.</returns>
    internal bool TryNote(Connections connections, FlowEntry* entry, FlowDetail* detail, int slot)
    {
        Counted now = CountersOf(entry, detail);
        Counted* before = _reported + slot;
        if (detail->LogEpoch != Epoch)
        {
            detail->LogEpoch = Epoch;
        }
        else if (!TryReport(connections, entry, detail, now, before, isOver: false))
        {
            return false;
        }

        *before = now;
        detail->TcpFlagsUp = 0;
        detail->TcpFlagsDown = 0;
        return true;
    }

    /// <summary>Counts what found no room; port 0, the internet side, has no flow log.</summary>
    internal void Lose(int port, long packets, long bytes)
    {
        if (port == 0 || port >= _portCapacity)
        {
            return;
        }

        FlowReportLoss* loss = _losses + port;
        Volatile.Write(ref loss->Packets, loss->Packets + packets);
        Volatile.Write(ref loss->Bytes, loss->Bytes + bytes);
        Volatile.Write(ref loss->Reports, loss->Reports + 1);
    }

    private static Counted CountersOf(FlowEntry* entry, FlowDetail* detail) => new()
    {
        PacketsUp = detail->PacketsUp + (entry->TrafficUp >> FlowEntry.TrafficBytesBits),
        BytesUp = detail->BytesUp + (entry->TrafficUp & FlowEntry.TrafficBytesMask),
        PacketsDown = detail->PacketsDown + (entry->TrafficDown >> FlowEntry.TrafficBytesBits),
        BytesDown = detail->BytesDown + (entry->TrafficDown & FlowEntry.TrafficBytesMask),
    };

    /// <summary>False when there is something to report and the ring is full.</summary>
    private bool TryReport(
        Connections connections, FlowEntry* entry, FlowDetail* detail, in Counted now, Counted* before, bool isOver)
    {
        long up = now.PacketsUp - before->PacketsUp;
        long down = now.PacketsDown - before->PacketsDown;
        if ((up | down) == 0)
        {
            return true;
        }

        FlowReport* report = Ring.Begin();
        if (report == null)
        {
            return false;
        }

        bool isV6 = (entry->Flags & FlowFlags.IsV6) != 0;
        FlowAction* way = connections.Paths.Actions + (2L * entry->Path);
        *report = default;
        report->Kind = FlowReportKind.Traffic;
        report->Flags = FlagsOf(entry, isOver, connections.NowMs);
        report->State = entry->State;
        report->TcpFlagsUp = detail->TcpFlagsUp;
        report->TcpFlagsDown = detail->TcpFlagsDown;
        report->Ports = entry->KeyHigh;
        report->Addresses = isV6 ? *connections.V6.AddressesOf(entry)
            : new FlowAddresses6(new Tables.RawIp6((uint)entry->KeyLow, 0), new Tables.RawIp6(entry->KeyLow >> 32, 0));
        (report->PacketsUp, report->BytesUp) = (up, now.BytesUp - before->BytesUp);
        (report->PacketsDown, report->BytesDown) = (down, now.BytesDown - before->BytesDown);
        (report->FirstPort, report->SecondPort) = ((ushort)way[0].InPort, (ushort)way[1].InPort);
        report->PolicyVersion = way[0].PolicyVersion;
        (report->FirstXor, report->SecondXor) = (way[0].SourceXor, way[0].DestinationXor);
        (report->EgressRule, report->IngressRule) = (detail->EgressRule, detail->IngressRule);
        report->FirstMs = detail->CreatedMs;

        // Each packet that moves a connection sets its deadline anew; a change of the timeouts since then may make this wrong.
        report->LastMs = entry->DeadlineMs - connections.Timeouts.Of(entry->State);
        Ring.Publish();
        return true;
    }

    private static FlowReportFlags FlagsOf(FlowEntry* entry, bool isOver, uint nowMs) =>
        ((entry->Flags & FlowFlags.IsV6) != 0 ? FlowReportFlags.IsV6 : FlowReportFlags.None) |
        ((entry->Flags & FlowFlags.OpenerSwapped) != 0 ? FlowReportFlags.OpenerIsSecond : FlowReportFlags.None) |
        ((ushort)(entry->KeyHigh >> 32) == 0 ? FlowReportFlags.IsHairpin : FlowReportFlags.None) |
        (isOver ? FlowReportFlags.IsOver : FlowReportFlags.None) |
        (isOver && Connections.IsExpired(entry, nowMs) ? FlowReportFlags.IsExpired : FlowReportFlags.None);
}
