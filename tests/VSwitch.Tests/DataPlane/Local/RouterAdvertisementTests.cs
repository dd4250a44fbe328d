using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Local;

/// <summary>Router advertisements by order of checks sections 6 and 8, RFC 4861, 8106 and 8319, byte by byte.</summary>
public sealed class RouterAdvertisementTests : IDisposable
{
    private static readonly IpAddress AllNodes = IpAddress.Parse("ff02::1");
    private static readonly IpAddress AllRouters = IpAddress.Parse("ff02::2");
    private readonly GuestLab _lab = new();

    public void Dispose() => _lab.Dispose();

    [Fact]
    public void A_solicitation_is_answered_to_its_sender()
    {
        byte[] frame = _lab.Ask("one", Solicitation(GuestLab.One, Frames.LinkLocal(GuestLab.One), GuestLab.One));
        PacketAssert.That(
            frame, PacketAssert.Macs(GuestLab.GatewayMac, GuestLab.One), PacketAssert.Ttl(255), PacketAssert.Icmp(134, 0),
            PacketAssert.Addresses(GuestLab.Router6, Frames.LinkLocal(GuestLab.One)), PacketAssert.Unpadded());

        // Hop limit 64, managed and other, 65535 s, no timers; then: source link-layer address, MTU, prefix, name server.
        string expected = "40c0ffff" + "00000000" + "00000000" +
            "0101" + "027673000001" +
            "0501" + "0000" + "00000578" +
            "0304" + "40" + "80" + "ffffffff" + "ffffffff" + "00000000" + "fd00000a000000010000000000000000" +
            "1903" + "0000" + "0000ffff" + "fd00000a000000000000000000000053";
        Assert.Equal(expected, Convert.ToHexStringLower(frame[58..]));
    }

    [Fact]
    public void From_nowhere_it_is_answered_to_all_nodes()
    {
        byte[] frame = _lab.Ask("one", Solicitation(GuestLab.One, IpAddress.Parse("::"), null));
        PacketAssert.That(
            frame, PacketAssert.Macs(GuestLab.GatewayMac, MacAddress.Parse("33:33:00:00:00:01")), PacketAssert.Ttl(255),
            PacketAssert.Icmp(134, 0), PacketAssert.Addresses(GuestLab.Router6, AllNodes));
    }

    [Fact]
    public void A_port_too_narrow_for_IPv6_is_told_no_MTU_and_the_prefix_has_its_own_length()
    {
        byte[] frame = _lab.Ask("six", Solicitation(GuestLab.Six, Frames.LinkLocal(GuestLab.Six), GuestLab.Six));
        Assert.Equal("0304" + "50" + "80", Convert.ToHexStringLower(frame[78..82]));
    }

    [Fact]
    public void Subnets_without_IPv6_or_without_DHCP_say_nothing()
    {
        Assert.Equal("consumed", _lab.Send("four", Solicitation(GuestLab.Four, Frames.LinkLocal(GuestLab.Four), null)));
        Assert.Equal("consumed", _lab.Send("quiet", Solicitation(GuestLab.Quiet, Frames.LinkLocal(GuestLab.Quiet), null)));
    }

    [Fact]
    public void Bad_and_forged_solicitations_are_dropped()
    {
        byte[] good = Solicitation(GuestLab.One, Frames.LinkLocal(GuestLab.One), GuestLab.One);
        byte[] hop = [.. good];
        hop[21] = 64;
        Assert.Equal("malformed-l4", _lab.Send("one", hop));
        byte[] sum = [.. good];
        sum[^1] ^= 1;
        Assert.Equal("malformed-l4", _lab.Send("one", sum));
        Assert.Equal("spoofed-ip", _lab.Send("one", Solicitation(GuestLab.One, Frames.LinkLocal(GuestLab.Four), GuestLab.One)));
        Assert.Equal("spoofed-mac", _lab.Send("one", Solicitation(GuestLab.One, Frames.LinkLocal(GuestLab.One), GuestLab.Four)));
    }

    private static byte[] Solicitation(MacAddress mac, IpAddress source, MacAddress? option) =>
        PacketBuilder.Eth(mac, MacAddress.Parse("33:33:00:00:00:02")).IPv6(source, AllRouters, ip => ip with { HopLimit = 255 })
            .Icmp(133, 0).Payload(option is { } own ? [1, 1, .. OnesComplement.BytesOf(own)] : []).Build();
}
