using System.Net;
using System.Net.NetworkInformation;
using PacketDotNet;
using PacketDotNet.DhcpV4;
using PacketDotNet.Ndp;
using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>What the switch says itself, read by PacketDotNet's own parsers of DHCP and neighbour discovery, and as echo and error: the
/// values are those of the configuration.</summary>
public sealed class AnswerDecodingTests : IDisposable
{
    private const long NowNs = 1_700_000_000_000_000_000;
    private const string Yaml = """
        vpcs:
          - name: v
            cidrs: [10.0.0.0/16, "fd00:a::/48"]
            dhcp: { dns: [10.0.0.53, "fd00:a::53", 10.0.0.54], domainName: lab.example, ntp: [10.0.0.123], leaseTime: 2h }
            subnets: [{ name: s, cidrs: [10.0.1.0/25, "fd00:a:0:1::/64"] }, { name: t, cidrs: [10.0.2.0/24, "fd00:a:0:2::/64"] }]
        securityGroups: [{ name: open, vpc: v, template: open }]
        enis:
          - { name: one, subnet: s, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10, "fd00:a:0:1::10"], securityGroups: [open], mtu: 1400 }
          - { name: two, subnet: t, mac: "02:00:00:00:02:09", privateIps: [10.0.2.9, "fd00:a:0:2::9"], securityGroups: [open] }
        """;

    private static readonly MacAddress One = MacAddress.Parse("02:00:00:00:01:10");
    private static readonly IpAddress Own4 = IpAddress.Parse("10.0.1.10");
    private static readonly IpAddress Own6 = IpAddress.Parse("fd00:a:0:1::10");
    private static readonly IpAddress Router4 = IpAddress.Parse("10.0.1.1");
    private static readonly IpAddress Router6 = IpAddress.Parse("fd00:a:0:1::1");
    private readonly MacAddress _router;
    private readonly SwitchUnderTest _real;

    public AnswerDecodingTests()
    {
        ConfigResult read = ConfigReader.Parse("answers.yaml", Yaml);
        Assert.Empty(read.Errors);
        _router = read.Config!.Switch.GatewayMac;
        _real = new SwitchUnderTest(read.Config);
    }

    public void Dispose() => _real.Dispose();

    [Theory]
    [InlineData(1, DhcpV4MessageType.Offer)]
    [InlineData(3, DhcpV4MessageType.Ack)]
    public void A_DHCP_answer_has_what_the_configuration_says(byte question, DhcpV4MessageType answer)
    {
        byte[] body = new byte[240];
        (body[0], body[1], body[2], body[7]) = (1, 1, 6, 0x42);
        One.Write(body.AsSpan(28));
        new byte[] { 99, 130, 83, 99 }.CopyTo(body, 236);
        byte[] options = [53, 1, question, .. question == 3 ? (byte[])[50, 4, .. OnesComplement.BytesOf(Own4)] : [], 55, 7, 1, 3, 6, 15, 26, 42, 51, 255];
        Packet packet = Answer(PacketBuilder.Eth(One, MacAddress.Broadcast).IPv4(default, IpAddress.Parse("255.255.255.255"))
            .Udp(68, 67).Payload([.. body, .. options]).Build());

        DhcpV4Packet dhcp = packet.Extract<DhcpV4Packet>();
        Assert.Equal((answer, DhcpV4Operation.BootReply, 0x42u), (dhcp.MessageType, dhcp.Operation, dhcp.TransactionId));
        Assert.Equal((IPAddress.Parse("10.0.1.10"), Hardware(One)), (dhcp.YourAddress, dhcp.ClientHardwareAddress));
        Dictionary<DhcpV4OptionType, byte[]> said = dhcp.GetOptions().Where(o => o.OptionType != DhcpV4OptionType.Pad)
            .ToDictionary(o => o.OptionType, o => o.Data);
        Assert.Equal([255, 255, 255, 128], said[DhcpV4OptionType.SubnetMask]);
        Assert.Equal([10, 0, 1, 1], said[DhcpV4OptionType.Router]);
        Assert.Equal([10, 0, 1, 1], said[DhcpV4OptionType.DHCPServerId]);
        Assert.Equal([10, 0, 0, 53, 10, 0, 0, 54], said[DhcpV4OptionType.DomainServer]);
        Assert.Equal([10, 0, 0, 123], said[DhcpV4OptionType.NTPServers]);
        Assert.Equal("lab.example"u8.ToArray(), said[DhcpV4OptionType.DomainName]);
        Assert.Equal([0x05, 0x78], said[(DhcpV4OptionType)26]);
        Assert.Equal([0, 0, 0x1C, 0x20], said[DhcpV4OptionType.AddressTime]);
    }

    [Fact]
    public void A_neighbour_advertisement_names_the_routers_MAC()
    {
        Packet packet = Answer(Frames.Solicitation(One, Own6, Router6));
        var advertisement = (NdpNeighborAdvertisementPacket)packet.Extract<IcmpV6Packet>().PayloadPacket;
        Assert.Equal(IPAddress.Parse("fd00:a:0:1::1"), advertisement.TargetAddress);
        Assert.Equal((true, true), (advertisement.Router, advertisement.Solicited));
        var option = Assert.IsType<NdpLinkLayerAddressOption>(Assert.Single(advertisement.OptionsCollection));
        Assert.Equal(Hardware(_router), option.LinkLayerAddress);
        Assert.Equal(255, packet.Extract<IPv6Packet>().HopLimit);
    }

    [Fact]
    public void A_router_advertisement_names_MAC_MTU_and_prefix()
    {
        Packet packet = Answer(PacketBuilder.Eth(One, MacAddress.Parse("33:33:00:00:00:02"))
            .IPv6(Frames.LinkLocal(One), IpAddress.Parse("ff02::2"), ip => ip with { HopLimit = 255 }).Icmp(133, 0).Build());
        var advertisement = (NdpRouterAdvertisementPacket)packet.Extract<IcmpV6Packet>().PayloadPacket;
        Assert.True(advertisement.RouterLifetime > 0);
        Assert.Equal(Hardware(_router), advertisement.OptionsCollection.OfType<NdpLinkLayerAddressOption>().Single().LinkLayerAddress);
        Assert.Equal(1400u, advertisement.OptionsCollection.OfType<NdpMtuOption>().Single().Mtu);
        Assert.Equal(IPAddress.Parse("fd00:a:0:1::"), advertisement.OptionsCollection.OfType<NdpLinkPrefixInformationOption>().Single().Prefix);
        Assert.Equal(255, packet.Extract<IPv6Packet>().HopLimit);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_router_answers_an_echo_with_its_data(bool isV6)
    {
        byte[] data = [.. Enumerable.Range(0, 77).Select(i => (byte)i)];
        Packet packet = Answer(PacketBuilder.Eth(One, _router).Ip(isV6 ? Own6 : Own4, isV6 ? Router6 : Router4).Echo(false, 5, 6).Payload(data).Build());
        if (isV6)
        {
            IcmpV6Packet icmp = packet.Extract<IcmpV6Packet>();
            Assert.Equal(IcmpV6Type.EchoReply, icmp.Type);
            Assert.Equal([0, 5, 0, 6, .. data], icmp.PayloadData);
        }
        else
        {
            IcmpV4Packet icmp = packet.Extract<IcmpV4Packet>();
            Assert.Equal((IcmpV4TypeCode.EchoReply, 5, 6), (icmp.TypeCode, icmp.Id, icmp.Sequence));
            Assert.Equal(data, icmp.Data);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_error_quotes_the_packet_that_died(bool isV6)
    {
        byte[] frame = PacketBuilder.Eth(One, _router)
            .Ip(isV6 ? Own6 : Own4, IpAddress.Parse(isV6 ? "fd00:a:0:2::9" : "10.0.2.9"), ttl: 1).Udp(40_000, 1000).Payload(30).Build();
        Packet packet = Answer(frame, OutcomeKind.Dropped);
        byte[] quote = isV6 ? packet.Extract<IcmpV6Packet>().PayloadData[4..] : packet.Extract<IcmpV4Packet>().PayloadData;
        Assert.Equal(frame[14..], quote);
        Assert.Equal(isV6 ? 3 : 11, isV6 ? (byte)packet.Extract<IcmpV6Packet>().Type : (ushort)packet.Extract<IcmpV4Packet>().TypeCode >> 8);
    }

    /// <summary>The one frame that the switch sends for a question, compared with ours and its checksums right.</summary>
    private Packet Answer(byte[] question, OutcomeKind kind = OutcomeKind.Answered)
    {
        ReferenceOutcome outcome = _real.Receive("one", question, NowNs);
        Assert.Equal(kind, outcome.Kind);
        (_, byte[] sent) = Assert.Single(outcome.Sent);
        FrameComparison comparison = FrameComparison.Of(sent);
        Assert.True(comparison.Differences.Count == 0 && comparison.Theirs.Checksums.Count > 0, comparison.ToString());
        Assert.All(comparison.Theirs.Checksums, c => Assert.True(c.Value, c.Key));
        Packet packet = Packet.ParsePacket(LinkLayers.Ethernet, sent.ToArray());
        Assert.Equal((Hardware(One), Hardware(_router)), (((EthernetPacket)packet).DestinationHardwareAddress, ((EthernetPacket)packet).SourceHardwareAddress));
        return packet;
    }

    private static PhysicalAddress Hardware(MacAddress mac) => new(OnesComplement.BytesOf(mac));
}
