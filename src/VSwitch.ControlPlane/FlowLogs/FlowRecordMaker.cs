using System.Buffers.Binary;
using VSwitch.DataPlane.FlowLogs;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.FlowLogs;

/// <summary>From what workers report to records: a connection between two ENIs gives both of them one for each direction.</summary>
public static class FlowRecordMaker
{
    /// <summary>AWS and IPFIX count IP packets; the counters count frames as they were received.</summary>
    private const int EthernetBytes = 14;

    private const byte RstFlag = 4;

    /// <summary>Adds the records of a report.</summary>
    /// <param name="report">The report.</param>
    /// <param name="topology">Who is behind its numbers.</param>
    /// <param name="clock">Turns its times into those of the world.</param>
    /// <param name="into">Gets up to four records.</param>
    public static void Make(in FlowReport report, FlowLogTopology topology, in FlowClock clock, List<FlowRecord> into)
    {
        if (report.Kind == FlowReportKind.Reject)
        {
            MakeReject(report, topology, clock, into);
            return;
        }

        bool isV6 = (report.Flags & FlowReportFlags.IsV6) != 0;
        var first = new End(
            Address(report.Addresses.Lower, isV6), report.FirstXor, Port(report.Ports), report.FirstPort,
            (report.Flags & FlowReportFlags.OpenerIsSecond) == 0 ? report.EgressRule : report.IngressRule);
        var second = new End(
            Address(report.Addresses.Higher, isV6), report.SecondXor, Port(report.Ports >> 16), report.SecondPort,
            (report.Flags & FlowReportFlags.OpenerIsSecond) == 0 ? report.IngressRule : report.EgressRule);
        var totals = new FlowTotals
        {
            StartMs = clock.ToUnixMs(report.FirstMs),
            EndMs = clock.ToUnixMs(report.LastMs),
            EndReason = EndReasonOf(report),
        };
        if (report.PacketsUp > 0)
        {
            totals.TcpFlags = report.TcpFlagsUp;
            (totals.Packets, totals.Bytes) = (report.PacketsUp, report.BytesUp - (EthernetBytes * report.PacketsUp));
            MakeDirection(report, topology, first, second, totals, into);
        }

        if (report.PacketsDown > 0)
        {
            totals.TcpFlags = report.TcpFlagsDown;
            (totals.Packets, totals.Bytes) = (report.PacketsDown, report.BytesDown - (EthernetBytes * report.PacketsDown));
            MakeDirection(report, topology, second, first, totals, into);
        }
    }

    /// <summary>One end of a connection, as its key names it.</summary>
    /// <param name="Address">Address of the key.</param>
    /// <param name="Flip">Turns it into the address on the other side of the switch; 0 = the same.</param>
    /// <param name="L4Port">TCP, UDP or SCTP port.</param>
    /// <param name="SwitchPort">Port of the switch.</param>
    /// <param name="Rule">The end's rule that admitted the connection.</param>
    private readonly record struct End(IpAddress Address, uint Flip, ushort L4Port, int SwitchPort, int Rule)
    {
        public IpAddress Flipped => Flip == 0 ? Address : IpAddress.V4(Address.V4Value ^ BinaryPrimitives.ReverseEndianness(Flip));
    }

    /// <summary>What goes from one end to the other: egress of the one's ENI, ingress of the other's.</summary>
    private static void MakeDirection(
        in FlowReport report, FlowLogTopology topology, End from, End to, FlowTotals totals, List<FlowRecord> into)
    {
        // The key has private addresses, so the ENIs see those; only in a hairpin it has the EIPs.
        bool isHairpin = (report.Flags & FlowReportFlags.IsHairpin) != 0;
        (totals.InPort, totals.OutPort) = (from.SwitchPort, to.SwitchPort);
        var key = new FlowRecordKey
        {
            HasTuple = true,
            Protocol = (byte)(report.Ports >> 48),
            SourcePort = from.L4Port,
            DestinationPort = to.L4Port,
            Rule = FlowLogText.Nothing,
        };
        key = WithoutPorts(key);
        if (topology.EniOf(from.SwitchPort) is FlowLogEni sender)
        {
            IpAddress source = isHairpin ? from.Flipped : from.Address;
            totals.TranslatedSource = isHairpin ? from.Address : from.Flipped;
            totals.TranslatedDestination = to.Flipped;
            into.Add(new FlowRecord(
                key with
                {
                    Eni = sender,
                    Source = sender.OwnAddressFor(source),
                    PacketSource = source,
                    Destination = to.Address,
                    PacketDestination = to.Address,
                    Rule = topology.RuleWords(from.Rule),
                    Path = isHairpin || to.SwitchPort == 0 ? FlowTrafficPath.InternetGateway : FlowTrafficPath.SameVpc,
                },
                totals));
        }

        if (topology.EniOf(to.SwitchPort) is FlowLogEni receiver)
        {
            IpAddress destination = isHairpin ? to.Flipped : to.Address;
            IpAddress own = receiver.OwnAddressFor(destination);
            totals.TranslatedSource = from.Address;
            totals.TranslatedDestination = destination;
            into.Add(new FlowRecord(
                key with
                {
                    Eni = receiver,
                    IsIngress = true,
                    Source = from.Address,
                    PacketSource = from.Address,
                    Destination = own,
                    PacketDestination = destination,
                    Rule = topology.RuleWords(to.Rule),
                },
                totals));
        }
    }

    private static void MakeReject(in FlowReport report, FlowLogTopology topology, in FlowClock clock, List<FlowRecord> into)
    {
        if (topology.EniOf(report.FirstPort) is not FlowLogEni eni)
        {
            return;
        }

        bool isV6 = (report.Flags & FlowReportFlags.IsV6) != 0;
        bool isIngress = (report.Flags & FlowReportFlags.IsIngress) != 0;
        IpAddress source = Address(report.Addresses.Lower, isV6);
        IpAddress destination = Address(report.Addresses.Higher, isV6);
        var key = new FlowRecordKey
        {
            Eni = eni,
            IsIngress = isIngress,
            HasTuple = (report.Flags & FlowReportFlags.HasTuple) != 0,
            Source = isIngress ? source : eni.OwnAddressFor(source),
            PacketSource = source,
            Destination = isIngress ? eni.OwnAddressFor(destination) : destination,
            PacketDestination = destination,
            SourcePort = Port(report.Ports),
            DestinationPort = Port(report.Ports >> 16),
            Protocol = (byte)(report.Ports >> 48),
            Reason = report.Reason,
            Rule = report.Reason == DropReason.NetworkAcl && report.EgressRule != NetworkAclTable.NoRule
                ? topology.AclRuleWords(report.EgressRule) : FlowLogText.Nothing,
        };
        var totals = new FlowTotals
        {
            Packets = report.PacketsUp,
            Bytes = Math.Max(0, report.BytesUp - (EthernetBytes * report.PacketsUp)),
            StartMs = clock.ToUnixMs(report.FirstMs),
            EndMs = clock.ToUnixMs(report.LastMs),
            EndReason = FlowEndReason.ActiveTimeout,
            InPort = report.SecondPort,
            OutPort = isIngress ? report.FirstPort : 0,
            TranslatedSource = source,
            TranslatedDestination = destination,
        };
        into.Add(new FlowRecord(WithoutPorts(key), totals));
    }

    /// <summary>Of ICMP and others the key's ports are none.</summary>
    private static FlowRecordKey WithoutPorts(in FlowRecordKey key) =>
        key.Protocol is (byte)IpProtocol.Tcp or (byte)IpProtocol.Udp or (byte)IpProtocol.Sctp
            ? key : key with { SourcePort = 0, DestinationPort = 0 };

    private static FlowEndReason EndReasonOf(in FlowReport report)
    {
        bool isClosed = report.State is FlowState.TcpLastAck or FlowState.TcpTimeWait or FlowState.TcpClose ||
            (report.State == FlowState.TcpSynSent && ((report.TcpFlagsUp | report.TcpFlagsDown) & RstFlag) != 0);
        return isClosed ? FlowEndReason.EndOfFlow
            : (report.Flags & FlowReportFlags.IsOver) == 0 ? FlowEndReason.ActiveTimeout
            : (report.Flags & FlowReportFlags.IsExpired) != 0 ? FlowEndReason.IdleTimeout
            : FlowEndReason.Forced;
    }

    private static ushort Port(ulong raw) => BinaryPrimitives.ReverseEndianness((ushort)raw);

    private static IpAddress Address(RawIp6 raw, bool isV6) => isV6
        ? IpAddress.V6(new UInt128(BinaryPrimitives.ReverseEndianness(raw.First), BinaryPrimitives.ReverseEndianness(raw.Second)))
        : IpAddress.V4(BinaryPrimitives.ReverseEndianness((uint)raw.First));
}

/// <summary>From a worker's milliseconds (monotonic, wrapping after 49 days) to those of the world.</summary>
/// <param name="UnixMs">Now, Unix milliseconds.</param>
/// <param name="WorkerMs">Now, the workers' milliseconds.</param>
public readonly record struct FlowClock(long UnixMs, uint WorkerMs)
{
    /// <summary>A worker may have read its clock a little later.</summary>
    private const uint AheadMs = 1 << 16;

    /// <summary>When that was.</summary>
    public long ToUnixMs(uint workerMs)
    {
        uint agoMs = WorkerMs - workerMs;
        return agoMs > uint.MaxValue - AheadMs ? UnixMs : UnixMs - agoMs;
    }
}
