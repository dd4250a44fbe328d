using System.Buffers.Binary;
using VSwitch.ControlPlane.Compile;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.ControlPlane.Compile;

/// <summary>Raw is what a little-endian load of the wire bytes gives.</summary>
public class RawTests
{
    [Theory]
    [InlineData("10.1.2.3")]
    [InlineData("255.255.255.254")]
    [InlineData("0.0.0.1")]
    public void An_ipv4_address_is_its_bytes(string text)
    {
        byte[] wire = new byte[4];
        IpAddress.Parse(text).Write(wire);
        Assert.Equal(BinaryPrimitives.ReadUInt32LittleEndian(wire), Raw.Ip4(IpAddress.Parse(text)));
    }

    [Fact]
    public void An_ipv6_address_is_its_bytes()
    {
        byte[] wire = new byte[16];
        var address = IpAddress.Parse("2001:db8:1:2:3:4:5:6");
        address.Write(wire);
        var expected = new RawIp6(BinaryPrimitives.ReadUInt64LittleEndian(wire), BinaryPrimitives.ReadUInt64LittleEndian(wire.AsSpan(8)));
        Assert.Equal(expected, Raw.Ip6(address));
    }

    [Fact]
    public void A_mac_is_its_six_bytes_in_the_low_bits()
    {
        byte[] wire = new byte[8];
        var mac = MacAddress.Parse("02:13:24:35:46:57");
        mac.Write(wire);
        Assert.Equal(BinaryPrimitives.ReadUInt64LittleEndian(wire), Raw.Mac(mac));
    }

    [Theory]
    [InlineData("10.1.2.3/12", "10.0.0.0", "10.15.255.255", "10.16.0.0")]
    [InlineData("0.0.0.0/0", "0.0.0.0", "255.255.255.255", null)]
    [InlineData("10.0.0.1/32", "10.0.0.1", "10.0.0.1", "10.0.0.2")]
    [InlineData("2001:db8::/33", "2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", "2001:db8:8000::")]
    [InlineData("2001:db8::8/125", "2001:db8::8", "2001:db8::f", "2001:db8::10")]
    [InlineData("::/0", "::", "ffff::", null)]
    public void A_prefix_holds_its_first_and_last_address(string prefix, string first, string last, string? beyond)
    {
        var net = IpPrefix.Parse(prefix);
        Func<string, bool> contains = net.IsV6
            ? text => Raw.Prefix6(net).Contains(Raw.Ip6(IpAddress.Parse(text)))
            : text => Raw.Prefix4(net).Contains(Raw.Ip4(IpAddress.Parse(text)));
        Assert.True(contains(first) && contains(last));
        Assert.False(beyond != null && contains(beyond));
    }

    /// <summary>The example of RFC 4291 appendix A: 34-56-78-9A-BC-DE becomes 3656:78ff:fe9a:bcde.</summary>
    [Fact]
    public void A_link_local_address_is_eui_64() => Assert.Equal(
        Raw.Ip6(IpAddress.Parse("fe80::3656:78ff:fe9a:bcde")).Second, Raw.LinkLocalLow(MacAddress.Parse("34:56:78:9a:bc:de")));
}
