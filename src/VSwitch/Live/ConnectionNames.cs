using System.Buffers.Binary;
using System.Globalization;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.Live;

/// <summary>The names of what connections refer to by number, in the configuration in force.</summary>
internal sealed class ConnectionNames
{
    private const string Removed = "(removed)";
    private readonly ForwardingSnapshot _snapshot;
    private readonly Dictionary<IpAddress, string> _elasticIps = [];

    /// <summary>Makes them.</summary>
    /// <param name="snapshot">The snapshot in force.</param>
    /// <param name="config">What it was compiled of.</param>
    public ConnectionNames(ForwardingSnapshot snapshot, SwitchConfig config)
    {
        _snapshot = snapshot;
        foreach (ElasticIpConfig eip in config.ElasticIps)
        {
            _elasticIps.TryAdd(eip.Address, eip.Name);
        }
    }

    /// <summary>The names in force in a switch.</summary>
    public static ConnectionNames Of(SwitchHost host) => new(host.Snapshot, host.Config);

    /// <summary>The name of an IP protocol: tcp, udp, icmp, icmpv6, sctp, or its number.</summary>
    public static string ProtocolName(byte protocol) => protocol switch
    {
        1 => "icmp",
        6 => "tcp",
        17 => "udp",
        58 => "icmpv6",
        132 => "sctp",
        _ => protocol.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>A connection in words.</summary>
    public LiveConnection Describe(in ConnectionRecord record)
    {
        ConnectionEnds ends = ConnectionEnds.Of(record);
        (ushort from, ushort to) = record.IsOpenerHigher ? (record.HigherPort, record.LowerPort) : (record.LowerPort, record.HigherPort);
        bool hasPorts = record.Protocol is 6 or 17 or 132;

        // A load balancer's client knows its backend by the listener's port.
        ushort sentTo = (ushort)(to ^ (record.Forward.PortXor >> 16));
        bool isQuery = record.Entry.State == FlowState.Icmp;
        uint seenIn = record.Forward.PolicyVersion;
        return new LiveConnection
        {
            Vpc = VpcName(record, seenIn),
            Peering = PeeringOf(record)?.Name,
            Protocol = ProtocolName(record.Protocol),
            State = record.Entry.State.Name(),
            Source = ends.Source.ToString(),
            SourcePort = hasPorts ? BinaryPrimitives.ReverseEndianness(from) : null,
            Destination = ends.Destination.ToString(),
            DestinationPort = hasPorts ? BinaryPrimitives.ReverseEndianness(sentTo) : null,
            TranslatedDestinationPort = hasPorts && sentTo != to ? BinaryPrimitives.ReverseEndianness(to) : null,
            IcmpId = isQuery ? BinaryPrimitives.ReverseEndianness(from) : null,
            TranslatedSource = ends.SeenSource == ends.Source ? null : ends.SeenSource.ToString(),
            TranslatedDestination = ends.SeenDestination == ends.Destination ? null : ends.SeenDestination.ToString(),
            SourceEip = ends.SeenSource == ends.Source ? null : _elasticIps.GetValueOrDefault(ends.SeenSource),
            DestinationEip = ends.SeenDestination == ends.Destination ? null : _elasticIps.GetValueOrDefault(ends.Destination),
            OpenerPort = PortName(record.OpenerPort, seenIn),
            OtherPort = PortName(record.OtherPort, seenIn),
            PacketsOut = record.Sent.Packets,
            BytesOut = record.Sent.Bytes,
            PacketsIn = record.Received.Packets,
            BytesIn = record.Received.Bytes,
            AgeSeconds = record.AgeMs / 1000.0,
            IdleTimeoutSeconds = record.RemainingMs / 1000.0,
            EgressRule = record.Detail.EgressRule < 0 ? null : _snapshot.SecurityGroups.Describe(record.Detail.EgressRule),
            IngressRule = record.Detail.IngressRule < 0 ? null : _snapshot.SecurityGroups.Describe(record.Detail.IngressRule),
            Worker = record.Worker,
        };
    }

    private unsafe string VpcName(in ConnectionRecord record, uint seenIn)
    {
        int vpc = record.Space != 0 && PeeringOf(record) == null ? record.Space : record.OpenerPort < _snapshot.PortCount ? _snapshot.Enis[record.OpenerPort].Vpc : 0;
        return vpc > 0 && vpc < _snapshot.Vpcs.Length && _snapshot.Vpcs[vpc].Since <= seenIn ? _snapshot.Vpcs[vpc].Name : Removed;
    }

    private Peering? PeeringOf(in ConnectionRecord record) => record.Space < _snapshot.Vpcs.Length ? _snapshot.Vpcs[record.Space].Peering : null;

    /// <summary>A port whose number another ENI has by now is not that one.</summary>
    private string PortName(int port, uint seenIn) =>
        port < _snapshot.PortNames.Length && _snapshot.PortSince(port) <= seenIn ? _snapshot.PortNames[port] : Removed;
}
