using System.Net;
using System.Net.NetworkInformation;
using PacketDotNet;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Wire;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>The other way: packets that PacketDotNet builds are accepted by our parser, have right checksums by ours, and go through the
/// switch as frames of <see cref="PacketBuilder"/> do.</summary>
public class PacketDotNetPacketTests(ITestOutputHelper output)
{
    private const long NowNs = 1_700_000_000_000_000_000;

    /// <summary>Two ENIs of one subnet, with both families.</summary>
    private static readonly SwitchConfig Config = TestTopologies.Rich();
    private static readonly EniConfig From = Config.Enis.First(e => e.Name == "web");
    private static readonly EniConfig To = Config.Enis.First(e => e.Name != "web" && e.Subnet == From.Subnet && e.PrivateIps.Any(ip => ip.IsV6));

    public static TheoryData<string, bool> Kinds() => new()
    {
        { "tcp", false }, { "tcp", true }, { "udp", false }, { "udp", true }, { "echo", false }, { "echo", true }, { "tagged udp", false }, { "tagged udp", true },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_packet_of_PacketDotNet_is_right_by_ours(string kind, bool isV6)
    {
        for (int payload = 0; payload < 300; payload++)
        {
            byte[] frame = Build(kind, isV6, payload, out _);
            FrameComparison comparison = FrameComparison.Of(frame);
            Assert.True(comparison.Differences.Count == 0 && !comparison.IsMalformed && comparison.ChecksumCount > 0, comparison.ToString());
            Assert.True(FrameChecksum.Verify(frame), comparison.ToString());
            Assert.Empty(PacketFields.Of(frame).Faults);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_packet_of_PacketDotNet_is_what_ours_builds(string kind, bool isV6)
    {
        for (int payload = 0; payload < 300; payload += 7)
        {
            byte[] frame = Build(kind, isV6, payload, out byte[] ours);
            Assert.Equal(Convert.ToHexStringLower(ours), Convert.ToHexStringLower(frame));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_packet_of_PacketDotNet_goes_through_the_switch_as_one_of_ours_does(string kind, bool isV6)
    {
        using var one = new SwitchUnderTest(Config);
        using var other = new SwitchUnderTest(Config);
        byte[] frame = Build(kind, isV6, 40, out byte[] ours);
        ReferenceOutcome seen = one.Receive(From.Name, frame, NowNs);
        ReferenceOutcome expected = other.Receive(From.Name, ours, NowNs);
        Assert.Null(OutcomeComparison.Difference(From.Name, expected, seen));
        bool isTagged = kind.StartsWith("tagged", StringComparison.Ordinal);
        Assert.Equal(isTagged ? DropReason.VlanTagged : DropReason.None, seen.DropReason);
        if (!isTagged)
        {
            (string port, byte[] sent) = Assert.Single(seen.Sent);
            Assert.Equal(To.Name, port);
            Assert.Equal(frame, sent);
            output.WriteLine($"{kind}: {Convert.ToHexStringLower(sent)}");
        }
    }

    [Fact]
    public void An_arp_request_of_PacketDotNet_is_answered_and_the_answer_is_read_by_it()
    {
        IpAddress own = From.PrivateIps.First(ip => !ip.IsV6);
        IpAddress peer = To.PrivateIps.First(ip => !ip.IsV6);
        var request = new ArpPacket(ArpOperation.Request, Hardware(default), Address(peer), Hardware(From.Mac), Address(own));
        var ethernet = new EthernetPacket(Hardware(From.Mac), Hardware(MacAddress.Broadcast), EthernetType.Arp) { PayloadPacket = request };
        Assert.Equal(Frames.ArpRequest(From.Mac, own, peer), ethernet.Bytes);
        Assert.True(EthernetView.TryParse(ethernet.Bytes, out EthernetView view) && ArpView.TryParse(view.Payload, out _));
        using var real = new SwitchUnderTest(Config);
        ReferenceOutcome outcome = real.Receive(From.Name, ethernet.Bytes, NowNs);
        Assert.Equal(OutcomeKind.Answered, outcome.Kind);
        (_, byte[] sent) = Assert.Single(outcome.Sent);
        var answer = (ArpPacket)Packet.ParsePacket(LinkLayers.Ethernet, sent).PayloadPacket;
        Assert.Equal(ArpOperation.Response, answer.Operation);
        Assert.Equal((Address(peer), Address(own)), (answer.SenderProtocolAddress, answer.TargetProtocolAddress));
        Assert.Equal((Hardware(To.Mac), Hardware(From.Mac)), (answer.SenderHardwareAddress, answer.TargetHardwareAddress));
    }

    [Fact]
    public void A_spoiled_packet_of_PacketDotNet_is_wrong_by_ours()
    {
        foreach (object[] row in Kinds())
        {
            byte[] frame = Build((string)row[0], (bool)row[1], 33, out _);
            frame[^1] ^= 0x40;
            Assert.False(FrameChecksum.Verify(frame));
            Assert.False(FrameComparison.Of(frame).Theirs.Checksums.All(c => c.Value));
        }
    }

    /// <summary>A packet by PacketDotNet, with its lengths and checksums computed by it, and the same by our builder.</summary>
    private static byte[] Build(string kind, bool isV6, int payload, out byte[] ours)
    {
        IpAddress source = From.PrivateIps.First(ip => ip.IsV6 == isV6);
        IpAddress destination = To.PrivateIps.First(ip => ip.IsV6 == isV6);
        byte[] data = [.. Enumerable.Range(0, payload).Select(i => (byte)((i * 7) + 1))];
        bool isTagged = kind.StartsWith("tagged", StringComparison.Ordinal);
        var ethernet = new EthernetPacket(Hardware(From.Mac), Hardware(To.Mac), isV6 ? EthernetType.IPv6 : EthernetType.IPv4);
        IPPacket ip = isV6 ? new IPv6Packet(Address(source), Address(destination)) : new IPv4Packet(Address(source), Address(destination));
        PacketBuilder builder = PacketBuilder.Eth(From.Mac, To.Mac);
        builder = (isTagged ? builder.Vlan(100) : builder).Ip(source, destination);
        switch (kind)
        {
            case "tcp":
                ip.PayloadPacket = new TcpPacket(40_000, 80)
                {
                    Synchronize = true,
                    SequenceNumber = 0x8000_0001,
                    WindowSize = 64_000,
                    PayloadData = data,
                };
                builder = builder.Tcp(40_000, 80, TcpBits.Syn, tcp => tcp with { Sequence = 0x8000_0001, Window = 64_000 });
                break;
            case "echo":
                ip.PayloadPacket = isV6 ? Echo6(data) : Echo4(data);
                builder = builder.Echo(false, 7, 8);
                break;
            default:
                ip.PayloadPacket = new UdpPacket(40_000, 1000) { PayloadData = data };
                builder = builder.Udp(40_000, 1000);
                break;
        }

        ethernet.PayloadPacket = ip;
        UpdateChecksums(ip);
        ours = builder.Payload(data).Build();
        byte[] frame = ethernet.Bytes;
        if (ip.PayloadPacket is IcmpV6Packet)
        {
            // See "icmpv6-of-a-built-packet".
            Packet.ParsePacket(LinkLayers.Ethernet, frame).Extract<IcmpV6Packet>().UpdateIcmpChecksum();
        }

        // PacketDotNet parses tags and builds none.
        return isTagged ? [.. frame[..12], 0x81, 0, 0, 100, .. frame[12..]] : frame;
    }

    private static IcmpV4Packet Echo4(byte[] data) => new(new PacketDotNet.Utils.ByteArraySegment([.. new byte[8], .. data]))
    {
        TypeCode = IcmpV4TypeCode.EchoRequest,
        Id = 7,
        Sequence = 8,
    };

    /// <summary>Its header has four bytes; identifier and sequence number are data for PacketDotNet.</summary>
    private static IcmpV6Packet Echo6(byte[] data) =>
        new(new PacketDotNet.Utils.ByteArraySegment([128, 0, 0, 0, 0, 7, 0, 8, .. data]));

    private static void UpdateChecksums(IPPacket ip)
    {
        ip.UpdateCalculatedValues();
        ip.PayloadPacket.UpdateCalculatedValues();
        switch (ip.PayloadPacket)
        {
            case TcpPacket tcp:
                tcp.UpdateTcpChecksum();
                break;
            case UdpPacket udp:
                udp.UpdateUdpChecksum();
                break;
            case IcmpV4Packet icmp:
                icmp.UpdateIcmpChecksum();
                break;
        }

        (ip as IPv4Packet)?.UpdateIPChecksum();
    }

    private static PhysicalAddress Hardware(MacAddress mac) => new(OnesComplement.BytesOf(mac));

    private static IPAddress Address(IpAddress address) => new(OnesComplement.BytesOf(address));
}
