using System.Buffers.Binary;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Wayside;

/// <summary>ICMP errors that pass through (order of checks, section 7; semantics.md section 4): what they quote and how much
/// of it, both ways through an EIP, both ways of a hairpin, and IPv6.</summary>
public class RelatedErrorTests
{
    private static readonly IpAddress Eip = IpAddress.Parse("198.51.100.20");
    private static readonly IpAddress Inside = IpAddress.Parse("10.0.1.10");
    private static readonly IpAddress SomeRouter = IpAddress.Parse("192.0.2.200");

    /// <summary>What "green" sends out by its EIP, to be quoted by somebody outside.</summary>
    public static TheoryData<string, int, bool> Quotes() => new()
    {
        { "udp", 28, true }, { "udp", 27, false }, { "udp", 500, true }, { "udp-without-checksum", 100, true },
        { "tcp", 28, true }, { "tcp", 36, true }, { "tcp", 38, true }, { "tcp", 60, true },
        { "tcp-options", 52, true }, { "tcp-options", 51, false }, { "tcp-options", 80, true }, { "sctp", 28, true },
        { "sctp", 60, true }, { "gre", 28, true }, { "gre", 60, true }, { "esp", 28, true }, { "echo", 28, true },
        { "first-fragment", 28, true }, { "first-fragment", 60, true },
    };

    [Theory]
    [MemberData(nameof(Quotes))]
    public void An_error_from_outside_reaches_the_sender_in_its_own_words(string kind, int quoteBytes, bool passes)
    {
        using var real = new RecordedSwitch(Way.Config);
        byte[] packet = Packet(kind, Way.Named("out by an EIP").Ends);
        byte[] outside = Assert.Single(real.Receive("green", packet, Way.Start)).Frame;
        byte[] error = PacketBuilder.Eth(Way.Outside, Way.Config.Internet!.Mac).Ip(SomeRouter, Eip)
            .IcmpError(11, 0, outside, quoteBytes).Build();
        FrameEnd end = Assert.Single(real.Receive("internet", error, Way.Start));
        if (!passes)
        {
            Assert.Equal(DropReason.MalformedL4, end.Reason);
            return;
        }

        Assert.Equal(("green", DropReason.None), (end.Port, end.Reason));
        PacketAssert.That(end.Frame, PacketAssert.Addresses(SomeRouter, Inside), PacketAssert.Icmp(11, 0));
        AssertQuotes(packet, outside, end.Frame, quoteBytes);
    }

    [Theory]
    [MemberData(nameof(Quotes))]
    public void An_error_of_an_eni_leaves_by_its_EIP(string kind, int quoteBytes, bool passes)
    {
        using var real = new RecordedSwitch(Way.Config);
        byte[] packet = Packet(kind, Way.Named("in by an EIP").Ends);
        byte[] inside = Assert.Single(real.Receive("internet", packet, Way.Start)).Frame;
        byte[] error = PacketBuilder.Eth(Way.MacOf("green"), Way.Gateway).Ip(Inside, Way.Far)
            .IcmpError(3, 3, inside, quoteBytes).Build();
        FrameEnd end = Assert.Single(real.Receive("green", error, Way.Start));
        if (!passes)
        {
            Assert.Equal(DropReason.MalformedL4, end.Reason);
            return;
        }

        Assert.Equal(("internet", DropReason.None), (end.Port, end.Reason));
        PacketAssert.That(end.Frame, PacketAssert.Addresses(Eip, Way.Far), PacketAssert.Icmp(3, 3));
        AssertQuotes(packet, inside, end.Frame, quoteBytes);
    }

    [Fact]
    public void A_hairpins_errors_go_both_ways()
    {
        var way = Way.Named("hairpin");
        using var real = new RecordedSwitch(Way.Config, 4);
        byte[] packet = way.Udp(40);
        byte[] arrived = Assert.Single(real.Receive("loose", packet, Way.Start)).Frame;
        byte[] back = PacketBuilder.Eth(Way.MacOf("green"), Way.Gateway)
            .Ip(Inside, IpAddress.Parse("198.51.100.12")).IcmpError(3, 3, arrived).Build();
        FrameEnd told = Assert.Single(real.Receive("green", back, Way.Start));
        Assert.Equal(("loose", DropReason.None), (told.Port, told.Reason));
        PacketAssert.That(told.Frame, PacketAssert.Addresses(Eip, IpAddress.Parse("10.0.2.11")));
        AssertQuotes(packet, arrived, told.Frame, 68);

        byte[] reply = Frames.Udp(Way.Between("green", "", "10.0.1.10", "198.51.100.12", routed: true), 1000, 5000, 40);
        byte[] replied = Assert.Single(real.Receive("green", reply, Way.Start)).Frame;
        byte[] forth = PacketBuilder.Eth(Way.MacOf("loose"), Way.Gateway)
            .Ip(IpAddress.Parse("10.0.2.11"), Eip).IcmpError(3, 3, replied, 28).Build();
        told = Assert.Single(real.Receive("loose", forth, Way.Start));
        Assert.Equal(("green", DropReason.None), (told.Port, told.Reason));
        PacketAssert.That(told.Frame, PacketAssert.Addresses(IpAddress.Parse("198.51.100.12"), Inside));
        AssertQuotes(reply, replied, told.Frame, 28);
    }

    /// <summary>RFC 4884: a short quote is filled up with zeros to 128 bytes, which are no checksum, and extensions follow.
    /// </summary>
    [Theory]
    [InlineData("udp", 36)]
    [InlineData("gre", 60)]
    public void Extensions_and_the_zeros_before_them_stay_as_they_are(string kind, int quoteBytes)
    {
        using var real = new RecordedSwitch(Way.Config);
        byte[] packet = Packet(kind, Way.Named("out by an EIP").Ends);
        byte[] outside = Assert.Single(real.Receive("green", packet, Way.Start)).Frame;
        byte[] extension = [0x20, 0, 0xDF, 0x1C, 0, 8, 1, 1, 0, 1, 1, 1];
        byte[] quote = [.. outside[14..(14 + quoteBytes)], .. new byte[128 - quoteBytes], .. extension];
        byte[] error = PacketBuilder.Eth(Way.Outside, Way.Config.Internet!.Mac).Ip(SomeRouter, Eip)
            .Icmp(11, 0, 32 << 16).Payload(quote).Build();
        FrameEnd end = Assert.Single(real.Receive("internet", error, Way.Start));
        Assert.Equal(DropReason.None, end.Reason);
        Assert.True(OnesComplement.IsRight(end.Frame.AsSpan(34)), "the checksum of the error");
        Assert.Equal(quote[quoteBytes..], end.Frame[(42 + quoteBytes)..]);
        Assert.Equal(Inside, IpAddress.Read(end.Frame.AsSpan(54), false));
    }

    /// <summary>A quote of 8 bytes of TCP that is filled up with zeros: where its checksum would be stands none.</summary>
    [Fact]
    public void Zeros_beyond_the_length_that_the_error_names_are_no_checksum()
    {
        using var real = new RecordedSwitch(Way.Config);
        byte[] packet = Packet("tcp", Way.Named("out by an EIP").Ends);
        byte[] outside = Assert.Single(real.Receive("green", packet, Way.Start)).Frame;
        byte[] quote = [.. outside[14..42], .. new byte[100]];
        byte[] error = PacketBuilder.Eth(Way.Outside, Way.Config.Internet!.Mac).Ip(SomeRouter, Eip)
            .Icmp(3, 1, 7 << 16).Payload(quote).Build();
        FrameEnd end = Assert.Single(real.Receive("internet", error, Way.Start));
        Assert.Equal(DropReason.None, end.Reason);
        Assert.True(OnesComplement.IsRight(end.Frame.AsSpan(34)), "the checksum of the error");
        Assert.Equal(quote[28..], end.Frame[70..]);
    }

    [Theory]
    [InlineData("out, IPv6", "internet")]
    [InlineData("in, IPv6", "green")]
    public void Errors_of_IPv6_pass_through_extension_headers_of_their_own_and_of_the_quote(string name, string from)
    {
        var way = Way.Named(name);
        using var real = new RecordedSwitch(Way.Config, 2);
        byte[] packet = PacketBuilder.Eth(way.Ends.SourceMac, way.Ends.DestinationMac).IPv6(way.Ends.Source, way.Ends.Destination)
            .HopByHop().DestinationOptions().Fragment6(0, false, 5).Udp(5000, 1000).Payload(40).Build();
        byte[] arrived = Assert.Single(real.Receive(way.InPort, packet, Way.Start)).Frame;
        FrameAddresses back = from == "internet" ? Way.FromOutside("2001:db8:7::9", "fd00:9:0:1::10")
            : Way.Between("green", "", "fd00:9:0:1::10", "2001:db8:7::9", routed: true);
        PacketBuilder head = PacketBuilder.Eth(back.SourceMac, back.DestinationMac).IPv6(back.Source, back.Destination)
            .HopByHop().DestinationOptions();
        byte[] error = head.IcmpError(1, 4, arrived, 40 + 24 + 8).Build();
        FrameEnd end = Assert.Single(real.Receive(from, error, Way.Start));
        Assert.Equal((way.InPort, DropReason.None), (end.Port, end.Reason));
        PacketAssert.That(end.Frame, PacketAssert.Ttl(63));
        Assert.Equal(error[22..], end.Frame[22..]);
        byte[] cut = head.IcmpError(1, 4, arrived, 40 + 24 + 7).Build();
        Assert.Equal(DropReason.MalformedL4, Assert.Single(real.Receive(from, cut, Way.Start)).Reason);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_quoted_later_fragment_and_a_fragment_of_an_error_are_related_to_nothing(bool isV6)
    {
        var way = Way.Named(isV6 ? "out, IPv6" : "out by an EIP");
        using var real = new RecordedSwitch(Way.Config, 2);
        IReadOnlyList<byte[]> fragments = way.Fragments(100, 32);
        byte[] first = Assert.Single(real.Receive("green", fragments[0], Way.Start)).Frame;
        byte[] later = Assert.Single(real.Receive("green", fragments[1], Way.Start)).Frame;
        FrameAddresses back = Way.FromOutside(isV6 ? "2001:db8:7::9" : "192.0.2.9", isV6 ? "fd00:9:0:1::10" : "198.51.100.20");
        byte[] Error(byte[] quoted) => Frames.Begin(back).IcmpError(isV6 ? (byte)1 : (byte)3, 1, quoted).Build();
        Assert.Equal(DropReason.ConnectionInvalid, Assert.Single(real.Receive("internet", Error(later), Way.Start)).Reason);
        Assert.Equal(DropReason.None, Assert.Single(real.Receive("internet", Error(first), Way.Start)).Reason);
        IReadOnlyList<byte[]> cut = Frames.Fragments(Error(first), 40, 3);
        Assert.Empty(real.Receive("internet", cut[1], Way.Start));
        Assert.Equal(
            [DropReason.ConnectionInvalid, DropReason.FragmentUnmatched],
            real.Receive("internet", cut[0], Way.Start).Select(e => e.Reason));
        real.Finish(Way.Start);
    }

    [Fact]
    public void An_error_that_is_too_long_is_cut_or_dropped_in_silence()
    {
        var way = Way.Named("between subnets");
        using var real = new RecordedSwitch(Way.Config);
        byte[] packet = Frames.Udp(Way.Between("loose", "", "10.0.2.11", "10.0.1.10", routed: true), 5000, 1000, 1370);
        byte[] arrived = Assert.Single(real.Receive("loose", packet, Way.Start)).Frame;
        PacketBuilder head(bool df) => PacketBuilder.Eth(way.Ends.SourceMac, way.Ends.DestinationMac)
            .IPv4(way.Ends.Source, way.Ends.Destination, ip => ip with { DontFragment = df, Identification = 4 });
        byte[] error = head(true).IcmpError(3, 3, arrived, 1398).Build();
        Assert.Equal(DropReason.MtuExceeded, Assert.Single(real.Receive("web", error, Way.Start)).Reason);
        error = head(false).IcmpError(3, 3, arrived, 1398).Build();
        IReadOnlyList<FrameEnd> ends = real.Receive("web", error, Way.Start);
        Assert.Equal(2, ends.Count);
        PacketAssert.That(Reassembler.Join(ends.Select(e => e.Frame)), PacketAssert.Icmp(3, 3), PacketAssert.Ttl(63));
    }

    /// <summary>The quote is the packet as its own sender sent it, but for the TTL of the hop and the header checksum.</summary>
    private static void AssertQuotes(byte[] packet, byte[] seen, byte[] error, int quoteBytes)
    {
        byte[] expected = packet[14..Math.Min(packet.Length, 14 + quoteBytes)];
        expected[8] = seen[22];
        (expected[10], expected[11]) = (0, 0);
        int header = (expected[0] & 15) * 4;
        BinaryPrimitives.WriteUInt16BigEndian(expected.AsSpan(10), OnesComplement.Checksum(expected.AsSpan(0, header)));
        Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString(error, 42, error.Length - 42));
    }

    private static byte[] Packet(string kind, FrameAddresses ends)
    {
        PacketBuilder ip = PacketBuilder.Eth(ends.SourceMac, ends.DestinationMac).IPv4(
            ends.Source, ends.Destination, ip => ip with { Options = kind == "tcp-options" ? new byte[24] : [] });
        return kind switch
        {
            "udp" => ip.Udp(5000, 1000).Payload(8).Build(),
            "udp-without-checksum" => ip.Udp(5000, 1000, udp => udp with { Checksum = 0 }).Payload(64).Build(),
            "tcp" or "tcp-options" => ip.Tcp(5000, 80, TcpBits.Syn).Payload(40).Build(),
            "sctp" => ip.Sctp(5000, 1000).Payload(40).Build(),
            "gre" => ip.Protocol(47).Payload(40).Build(),
            "esp" => ip.Protocol(50).Payload(40).Build(),
            "echo" => ip.Echo(false, 9, 1).Payload(40).Build(),
            _ => Frames.Fragments(ip.Udp(5000, 1000).Payload(200).Build(), 80, 6)[0],
        };
    }
}
