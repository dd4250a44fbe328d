using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Wire;

/// <summary>Text of addresses: what is written is read back, and bad text is refused without an exception.</summary>
public class AddressTextTests
{
    private const int Rounds = 20_000;

    [Fact]
    public void Every_mac_is_read_back_from_its_text_and_bytes()
    {
        var random = new Random(Seeded.Take("MAC text"));
        byte[] bytes = new byte[6];
        for (int i = 0; i < Rounds; i++)
        {
            var mac = new MacAddress((ulong)random.NextInt64(1L << 48));
            mac.Write(bytes);
            Assert.Equal(mac, MacAddress.Read(bytes));
            Assert.Equal(mac, MacAddress.Parse(mac.ToString()));
            Assert.Equal(mac, MacAddress.Parse(mac.ToString().ToUpperInvariant().Replace(':', '-')));
            Assert.Equal((bytes[0] & 1) != 0, mac.IsMulticast);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("02:00:00:00:00")]
    [InlineData("02:00:00:00:00:0")]
    [InlineData("02:00:00:00:00:001")]
    [InlineData("02:00:00:00:00:0g")]
    [InlineData("02:00:00:00:00:0\0")]
    [InlineData("02:00:00:00:00: 1")]
    [InlineData("02:00:00:00:00:+1")]
    [InlineData("02:00-00:00:00:01")]
    [InlineData("02.00.00.00.00.01")]
    [InlineData("0200.0000.0001")]
    [InlineData("02:00:00:00:00:０1")]
    public void Bad_mac(string text)
    {
        Assert.False(MacAddress.TryParse(text, null, out MacAddress mac));
        Assert.Equal(default, mac);
        Assert.Throws<FormatException>(() => MacAddress.Parse(text));
    }

    [Fact]
    public void Every_address_is_read_back_from_its_text_and_bytes()
    {
        var random = new Random(Seeded.Take("IP text"));
        for (int i = 0; i < Rounds; i++)
        {
            IpAddress address = Any(random);
            Assert.Equal(address, IpAddress.Parse(address.ToString()));
            Assert.Equal(address, IpAddress.Read(OnesComplement.BytesOf(address), address.IsV6));
            var prefix = new IpPrefix(address, random.Next(address.BitCount + 1));
            Assert.Equal(prefix, IpPrefix.Parse(prefix.ToString()));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("10")]
    [InlineData("10.0.0")]
    [InlineData("10.0.0.")]
    [InlineData("10.0.0.1.")]
    [InlineData("10.0.0.1.2")]
    [InlineData(".10.0.0.1")]
    [InlineData("10..0.1")]
    [InlineData("10.0.0.256")]
    [InlineData("10.0.0.1000")]
    [InlineData("10.0.0.01")]
    [InlineData("10.0.0.0x1")]
    [InlineData("10.0.0.-1")]
    [InlineData(" 10.0.0.1")]
    [InlineData("10.0.0.1 ")]
    [InlineData("10.0.0.1\0")]
    [InlineData("10.0.0.1/32")]
    [InlineData(":")]
    [InlineData(":::")]
    [InlineData("1::2::3")]
    [InlineData("1:2:3:4:5:6:7")]
    [InlineData("1:2:3:4:5:6:7:8:9")]
    [InlineData("1:2:3:4:5:6:7:8::")]
    [InlineData("12345::")]
    [InlineData("g::")]
    [InlineData("::1 ")]
    [InlineData("::1\0")]
    [InlineData("fe80::1%eth0")]
    [InlineData("[::1]")]
    [InlineData("[::1]:80")]
    [InlineData("::1/128")]
    [InlineData("::ffff:1.2.3")]
    [InlineData("::ffff:01.2.3.4")]
    public void Bad_address(string text)
    {
        Assert.False(IpAddress.TryParse(text, null, out IpAddress address));
        Assert.Equal(default, address);
        Assert.Throws<FormatException>(() => IpAddress.Parse(text));
    }

    [Theory]
    [InlineData("10.0.0.0")]
    [InlineData("10.0.0.0/")]
    [InlineData("10.0.0.0/33")]
    [InlineData("10.0.0.0/-1")]
    [InlineData("10.0.0.0/+8")]
    [InlineData("10.0.0.0/08")]
    [InlineData("10.0.0.0/8 ")]
    [InlineData("10.0.0.0/8\0")]
    [InlineData("10.0.0.0/8/8")]
    [InlineData("10.0.0.0/255.0.0.0")]
    [InlineData("10.0.0.0/4294967304")]
    [InlineData("fd00::/129")]
    [InlineData("fd00::/")]
    [InlineData("/8")]
    public void Bad_prefix(string text)
    {
        Assert.False(IpPrefix.TryParse(text, null, out IpPrefix prefix));
        Assert.Equal(default, prefix);
        Assert.Throws<FormatException>(() => IpPrefix.Parse(text));
    }

    [Theory]
    [InlineData("10.1.2.3/16", "10.1.0.0", "10.1.255.255")]
    [InlineData("10.1.2.3/0", "0.0.0.0", "255.255.255.255")]
    [InlineData("10.1.2.3/32", "10.1.2.3", "10.1.2.3")]
    [InlineData("fd00:b::7/48", "fd00:b::", "fd00:b:0:ffff:ffff:ffff:ffff:ffff")]
    [InlineData("fd00::7/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]
    [InlineData("fd00::7/128", "fd00::7", "fd00::7")]
    public void Bounds_of_a_prefix(string text, string first, string last)
    {
        IpPrefix prefix = IpPrefix.Parse(text);
        Assert.Equal(IpAddress.Parse(first), prefix.Network);
        Assert.Equal(IpAddress.Parse(last), prefix.Last);
        Assert.True(prefix.Contains(prefix.Network) && prefix.Contains(prefix.Last));
        Assert.Equal(first == last || prefix.Address == prefix.Network, prefix.IsNetwork);
    }

    [Fact]
    public void Overlap_is_one_prefix_inside_the_other()
    {
        IpPrefix[] all = [.. new[] { "10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8", "0.0.0.0/0", "::/0", "fd00::/8" }
            .Select(text => IpPrefix.Parse(text))];
        string[] pairs =
        [
            .. from a in all from b in all where a.Overlaps(b) && a.Length < b.Length select $"{a} {b}",
        ];
        Assert.Equal(
            ["10.0.0.0/8 10.1.0.0/16", "0.0.0.0/0 10.0.0.0/8", "0.0.0.0/0 10.1.0.0/16", "0.0.0.0/0 11.0.0.0/8", "::/0 fd00::/8"],
            pairs);
        Assert.All(all, a => Assert.All(all, b => Assert.Equal(a.Overlaps(b), b.Overlaps(a))));
    }

    private static IpAddress Any(Random random)
    {
        if (random.Next(2) == 0)
        {
            return IpAddress.V4((uint)random.NextInt64(1L << 32));
        }

        // Groups of zeros are what the short form of RFC 5952 is about.
        UInt128 bits = 0;
        for (int group = 0; group < 8; group++)
        {
            bits = (bits << 16) | (random.Next(2) == 0 ? 0u : (uint)random.Next(0x10000));
        }

        return IpAddress.V6(bits);
    }
}
