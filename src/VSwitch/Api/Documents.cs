using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Probes;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;

namespace VSwitch.Api;

/// <summary>The switch at a glance.</summary>
/// <param name="Version">Version of the program.</param>
/// <param name="StartedAt">When it started, UTC.</param>
/// <param name="UptimeSeconds">Seconds since then.</param>
/// <param name="Revision">Grows by one with each change that was put in force.</param>
/// <param name="Workers">Worker threads.</param>
/// <param name="Ports">Ports, the internet side included where there is one.</param>
/// <param name="Connections">Live connections.</param>
/// <param name="State">The state folder; left out without one.</param>
internal sealed record StatusDocument(
    string Version, DateTime StartedAt, double UptimeSeconds, long Revision, int Workers, int Ports, int Connections, StateFolderDocument? State);

/// <summary>The folder in which changes survive.</summary>
/// <param name="Folder">Its path, as it was given.</param>
/// <param name="Refused">Changes since the start that could not be kept, and so were not made.</param>
/// <param name="LastRefusal">Why the last change could not be kept; left out when it was.</param>
internal sealed record StateFolderDocument(string Folder, long Refused, string? LastRefusal);

/// <summary>What passed a port. received = forwarded + answered + consumed + dropped + carried + held, up to what is under way.</summary>
/// <param name="Received">Frames that came in.</param>
/// <param name="Sent">Frames that went out: forwarded ones and the switch's own.</param>
/// <param name="Forwarded">Of those that came in here: sent on.</param>
/// <param name="Answered">Of those that came in here: answered by the switch (ARP, ND, DHCP, echo).</param>
/// <param name="Consumed">Of those that came in here: taken in silence.</param>
/// <param name="Dropped">Of those that came in here: dropped.</param>
/// <param name="Held">Of those that came in here: waiting now.</param>
/// <param name="Generated">Frames that the switch made itself and sent here.</param>
/// <param name="ReceivedBytes">Bytes that came in.</param>
/// <param name="SentBytes">Bytes that went out.</param>
/// <param name="Drops">Dropped ones by reason; reasons without a drop are left out.</param>
/// <param name="Carried">Of those that came in here: carried the frame of a gateway, which counts as received there; left out when none did.</param>
internal sealed record CountersDocument(
    long Received, long Sent, long Forwarded, long Answered, long Consumed, long Dropped, long Held, long Generated,
    long ReceivedBytes, long SentBytes, IReadOnlyDictionary<string, long> Drops, long? Carried = null);

/// <summary>The device of a port.</summary>
/// <param name="Name">Its name: the interface, the file.</param>
/// <param name="Kind">tap, interface or pcap.</param>
/// <param name="Queues">Receive (and transmit) queues.</param>
/// <param name="Offload">Takes and gives super-packets and partial checksums.</param>
/// <param name="Mtu">Largest IP packet, bytes.</param>
/// <param name="Up">False while the interface is down or gone.</param>
/// <param name="ReceiveErrors">Receive calls that failed.</param>
/// <param name="TransmitErrors">Transmit calls that failed for another reason than a full queue.</param>
/// <param name="Lost">Frames the device lost before the switch saw them.</param>
/// <param name="LastError">The last error in words.</param>
internal sealed record DeviceDocument(
    string Name, string Kind, int Queues, bool Offload, int Mtu, bool Up, long ReceiveErrors, long TransmitErrors, long Lost,
    string? LastError);

/// <summary>A port: an ENI, or the internet side.</summary>
/// <param name="Name">The ENI's name, or internet.</param>
/// <param name="Device">What it is attached to; left out when nothing is.</param>
/// <param name="Counters">What passed it.</param>
internal sealed record PortDocument(string Name, DeviceDocument? Device, CountersDocument Counters);

/// <summary>All ports.</summary>
internal sealed record PortsDocument(IReadOnlyList<PortDocument> Ports);

/// <summary>An elastic IP of an ENI.</summary>
internal sealed record BoundElasticIp(string Name, string Address, string PrivateIp);

/// <summary>The pcap files of a device as configured.</summary>
internal sealed record PcapDocument(string? In, string? Out);

/// <summary>A device as configured: one of tap, interface, pcap and sharppcap.</summary>
internal sealed record DeviceConfigDocument(string? Tap, string? Interface, PcapDocument? Pcap, string? Sharppcap, int? Queues, bool? Offload);

/// <summary>An ENI as configured, with what it has.</summary>
/// <param name="Name">Its name: the port's.</param>
/// <param name="Instance">Its instance.</param>
/// <param name="Primary">The instance's first interface.</param>
/// <param name="Vpc">The VPC of its subnet.</param>
/// <param name="Subnet">Its subnet.</param>
/// <param name="Mac">Its MAC.</param>
/// <param name="PrivateIps">Its addresses; the first is the primary one.</param>
/// <param name="SecurityGroups">Its groups.</param>
/// <param name="Device">What it is to be attached to.</param>
/// <param name="Tcp">strict, or loose: connections in mid-stream are admitted.</param>
/// <param name="SourceDestCheck">False for an ENI that routes.</param>
/// <param name="Mtu">Largest IP packet in force, bytes.</param>
/// <param name="ElasticIps">EIPs bound to it.</param>
/// <param name="Attachment">primary or secondary: of its instance; detached: of none, and nothing passes; none: a port by itself.</param>
/// <param name="DeleteWithInstance">Goes when its instance is deleted.</param>
/// <param name="Queues">Queues in use.</param>
/// <param name="Counters">What passed its port.</param>
/// <param name="Limits">What it may send and get a second; left out when there is no limit.</param>
/// <param name="Dscp">The DSCP of what it sends by name or number, or keep.</param>
internal sealed record EniDocument(
    string Name, string? Instance, bool Primary, string Vpc, string Subnet, string Mac, IReadOnlyList<string> PrivateIps,
    IReadOnlyList<string> SecurityGroups, DeviceConfigDocument? Device, string Tcp, bool SourceDestCheck, int Mtu,
    IReadOnlyList<BoundElasticIp> ElasticIps, string Attachment, bool DeleteWithInstance, int Queues, CountersDocument Counters,
    EniLimitsDocument? Limits, string Dscp);

/// <summary>What an ENI may send and get a second, and what was over it. A limit that is left out is none.</summary>
/// <param name="Egress">Bits a second that it may send.</param>
/// <param name="Ingress">Bits a second that it may get.</param>
/// <param name="EgressPackets">Packets a second that it may send.</param>
/// <param name="IngressPackets">Packets a second that it may get.</param>
/// <param name="DroppedOut">Packets that it sent over its limits.</param>
/// <param name="DroppedIn">Packets for it that were over its limits.</param>
internal sealed record EniLimitsDocument(
    long? Egress, long? Ingress, int? EgressPackets, int? IngressPackets, long DroppedOut, long DroppedIn);

/// <summary>All ENIs.</summary>
internal sealed record EnisDocument(IReadOnlyList<EniDocument> Enis);

/// <summary>One allow rule as configured.</summary>
/// <param name="Protocol">tcp, udp, icmp, icmpv6, sctp, gre, esp, ah, all, or a number.</param>
/// <param name="Ports">Destination ports: "80,443,8000-8100".</param>
/// <param name="IcmpType">ICMP type.</param>
/// <param name="IcmpCode">ICMP code.</param>
/// <param name="Source">The other end of an ingress rule: a prefix, sg:NAME or prefixList:NAME.</param>
/// <param name="Destination">The other end of an egress rule.</param>
/// <param name="Peering">The peering by which a group is reached, where the rule says it.</param>
/// <param name="Remark">Free text.</param>
/// <param name="Stale">Why the rule matches nothing: what its group needs is not there; left out while it stands.</param>
internal sealed record RuleDocument(
    string Protocol, string? Ports, int? IcmpType, int? IcmpCode, string? Source, string? Destination, string? Peering, string? Remark,
    string? Stale);

/// <summary>A security group as configured, with the ENIs that have it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Vpc">Its VPC.</param>
/// <param name="Ingress">Rules for packets to the ENI.</param>
/// <param name="Egress">Rules for packets from the ENI; left out = all is allowed, empty = nothing.</param>
/// <param name="LiveConnections">What becomes of live connections when the rules change.</param>
/// <param name="Enis">ENIs that have it.</param>
internal sealed record SecurityGroupDocument(
    string Name, string Vpc, IReadOnlyList<RuleDocument> Ingress, IReadOnlyList<RuleDocument>? Egress,
    LiveConnectionPolicy LiveConnections, IReadOnlyList<string> Enis);

/// <summary>All security groups.</summary>
internal sealed record SecurityGroupsDocument(IReadOnlyList<SecurityGroupDocument> SecurityGroups);

/// <summary>One route in force.</summary>
/// <param name="Destination">Prefix.</param>
/// <param name="Target">local, internet, blackhole, eni:NAME, peering:NAME; of the internet side "link" or "via ADDRESS".</param>
/// <param name="PrefixList">The list that the destination is from.</param>
/// <param name="Note">Why it drops all: "peering not active"; left out for others.</param>
internal sealed record RouteDocument(string Destination, string Target, string? PrefixList, string? Note = null);

/// <summary>A route table in force.</summary>
/// <param name="Name">Its name; "local" for a VPC's subnets that have no table, "internet" for the public side.</param>
/// <param name="Vpc">Its VPC; left out for the public side.</param>
/// <param name="Main">The table of subnets that name none.</param>
/// <param name="Subnets">Subnets that use it.</param>
/// <param name="Routes">Its routes, local ones included; the longest prefix wins, but local ones beat all others.</param>
internal sealed record RouteTableDocument(string Name, string? Vpc, bool Main, IReadOnlyList<string> Subnets, IReadOnlyList<RouteDocument> Routes);

/// <summary>All route tables.</summary>
internal sealed record RouteTablesDocument(IReadOnlyList<RouteTableDocument> RouteTables);

/// <summary>What an elastic IP carried one way; of IP, headers included, Ethernet not.</summary>
/// <param name="Packets">Packets forwarded.</param>
/// <param name="Bytes">Bytes of them.</param>
/// <param name="DroppedPackets">Packets over its bandwidth.</param>
/// <param name="DroppedBytes">Bytes of them.</param>
internal sealed record MeterDocument(long Packets, long Bytes, long DroppedPackets, long DroppedBytes);

/// <summary>An elastic IP as configured.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">Its public address.</param>
/// <param name="Eni">The ENI it is bound to; left out while unbound.</param>
/// <param name="PrivateIp">The private address it maps to, also where the configuration leaves it to the ENI's primary one.</param>
/// <param name="Bandwidth">Outbound cap, bits per second; left out = none.</param>
/// <param name="BandwidthIn">Inbound cap as configured, bits per second.</param>
/// <param name="Billing">How it is billed.</param>
/// <param name="Sent">From its ENI.</param>
/// <param name="Received">To its ENI.</param>
internal sealed record ElasticIpDocument(
    string Name, string Address, string? Eni, string? PrivateIp, long? Bandwidth, long? BandwidthIn, BillingType Billing,
    MeterDocument Sent, MeterDocument Received)
{
    /// <summary>The NAT gateway that has it.</summary>
    public string? NatGateway { get; init; }

    /// <summary>The load balancer that has it.</summary>
    public string? LoadBalancer { get; init; }

    /// <summary>What its health check says of where it is; left out without one.</summary>
    public HealthDocument? Health { get; init; }

    /// <summary>Where it goes when that fails; left out without standbys.</summary>
    public IReadOnlyList<EipPlaceDocument>? Standby { get; init; }

    /// <summary>The ENI that it left because it failed, and goes back to.</summary>
    public string? Home { get; init; }

    /// <summary>What becomes of its former holder's connections; left out for reset.</summary>
    public DriftMode? Drift { get; init; }

    /// <summary>How often it went from one holder to another since the switch started.</summary>
    public long Moves { get; init; }
}

/// <summary>What a health check says.</summary>
/// <param name="Status">unknown, healthy or unhealthy.</param>
/// <param name="ForSeconds">So long already.</param>
/// <param name="RoundTripSeconds">From the last question that was answered to its answer; left out when none was.</param>
/// <param name="Sent">Questions.</param>
/// <param name="Answered">Questions that were answered well.</param>
/// <param name="Failed">Questions that were refused, or not answered in time.</param>
internal sealed record HealthDocument(ProbeHealth Status, double ForSeconds, double? RoundTripSeconds, long Sent, long Answered, long Failed)
{
    private const double NanosecondsPerSecond = 1e9;

    /// <summary>Of what is known now.</summary>
    public static HealthDocument Of(in ProbeReading reading) => new(
        reading.Health, Math.Max(0, WorkerThread.NowNs() - reading.SinceNs) / NanosecondsPerSecond,
        reading.RoundTripNs == 0 ? null : reading.RoundTripNs / NanosecondsPerSecond, reading.Sent, reading.Answered, reading.Failed);
}

/// <summary>An address of an ENI that an elastic IP may go to.</summary>
/// <param name="Eni">The ENI.</param>
/// <param name="PrivateIp">Its private address.</param>
/// <param name="Health">What the health check says of it; left out without one.</param>
internal sealed record EipPlaceDocument(string Eni, string PrivateIp, HealthDocument? Health);

/// <summary>All elastic IPs.</summary>
internal sealed record ElasticIpsDocument(IReadOnlyList<ElasticIpDocument> ElasticIps);

/// <summary>Packet buffers of a worker.</summary>
/// <param name="Free">Free now.</param>
/// <param name="Total">It was made with; workers exchange some, so that a few more may be free.</param>
internal sealed record BuffersDocument(int Free, int Total);

/// <summary>How a worker fared lately: since the last time that somebody asked, a second at least.</summary>
/// <param name="Seconds">How long that is.</param>
/// <param name="Load">Share of it that was spent on rounds with packets, 0 to 1.</param>
/// <param name="LatencyP50Seconds">Half of the packets were in the switch no longer than this.</param>
/// <param name="LatencyP99Seconds">99 of 100 were.</param>
internal sealed record LatelyDocument(double Seconds, double Load, double LatencyP50Seconds, double LatencyP99Seconds);

/// <summary>One worker.</summary>
/// <param name="Index">Its number, from 0.</param>
/// <param name="Processor">The processor that it is pinned to; left out when it is not.</param>
/// <param name="Ports">Ports that it polls a queue of.</param>
/// <param name="Queues">Device queues that it polls.</param>
/// <param name="RssEntries">Entries of the workers' indirection table that name it, of 128.</param>
/// <param name="Connections">Live connections that it owns.</param>
/// <param name="BurstCount">Bursts that had packets.</param>
/// <param name="BurstPackets">Packets in them.</param>
/// <param name="MeanBurst">Packets in a burst, on average.</param>
/// <param name="HandedOver">Frames given to other workers.</param>
/// <param name="TakenOver">Frames taken from other workers.</param>
/// <param name="FlowsCreated">Connections begun.</param>
/// <param name="FlowsRemoved">Connections over.</param>
/// <param name="FlowsEvicted">Half-open connections that made room for others.</param>
/// <param name="Held">Packets that wait.</param>
/// <param name="SmallBuffers">Buffers for frames up to about 2 KiB.</param>
/// <param name="LargeBuffers">Buffers for super-packets.</param>
/// <param name="BusySeconds">Seconds since the start that it spent on rounds with packets; two readings give its load.</param>
/// <param name="Lately">How it fared lately.</param>
internal sealed record WorkerDocument(
    int Index, int? Processor, int Ports, int Queues, int RssEntries, int Connections, long BurstCount, long BurstPackets, double MeanBurst, long HandedOver, long TakenOver,
    long FlowsCreated, long FlowsRemoved, long FlowsEvicted, int Held, BuffersDocument SmallBuffers, BuffersDocument LargeBuffers,
    double BusySeconds, LatelyDocument Lately);

/// <summary>All workers.</summary>
internal sealed record WorkersDocument(IReadOnlyList<WorkerDocument> Workers);
