using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Wire;

/// <summary>The one text of each address (RFC 5952), and the order of addresses and prefixes.</summary>
public class AddressFormatTests
{
    /// <summary>The examples of RFC 5952 sections 4 and 5, and the corners of the longest run.</summary>
    [Theory]
    [InlineData("::", "::")]
    [InlineData("::1", "::1")]
    [InlineData("1::", "1::")]
    [InlineData("0:0:0:0:0:0:0:0", "::")]
    [InlineData("2001:0db8::0001", "2001:db8::1")]
    [InlineData("2001:db8:0:0:0:0:2:1", "2001:db8::2:1")]
    [InlineData("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1")]
    [InlineData("2001:0:0:1:0:0:0:1", "2001:0:0:1::1")]
    [InlineData("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1")]
    [InlineData("2001:DB8::ABCD", "2001:db8::abcd")]
    [InlineData("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0")]
    [InlineData("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8")]
    [InlineData("1:0:0:4:5:6:0:0", "1::4:5:6:0:0")]
    [InlineData("0:0:3:0:0:0:7:8", "0:0:3::7:8")]
    [InlineData("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304")]
    [InlineData("::ffff:192.0.2.1", "::ffff:192.0.2.1")]
    [InlineData("::ffff:c000:201", "::ffff:192.0.2.1")]
    [InlineData("::1:2", "::1:2")]
    [InlineData("::1.2.3.4", "::102:304")]
    [InlineData("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]
    public void An_IPv6_address_is_read_and_written_as_RFC_5952_says(string text, string expected)
    {
        IpAddress address = IpAddress.Parse(text);
        Assert.True(address.IsV6);
        Assert.Equal(expected, address.ToString());
        Assert.Equal(address, IpAddress.Parse(expected));
    }

    [Theory]
    [InlineData("::1.2.3.04")]
    [InlineData("::1.2.3.4:5")]
    [InlineData("1:2:3:4:5:6:7:1.2.3.4")]
    [InlineData("1.2.3.4::")]
    [InlineData(":1::2")]
    [InlineData("1::2:")]
    [InlineData("1:::2")]
    [InlineData("::1:2:3:4:5:6:7:8")]
    [InlineData("1:2:3:4::5:6:7:8")]
    [InlineData("+1::")]
    [InlineData(" ::1")]
    [InlineData("1\0::")]
    [InlineData("::\u0661")]
    public void Almost_an_IPv6_address_is_refused(string text)
    {
        Assert.False(IpAddress.TryParse(text, null, out IpAddress address));
        Assert.Equal(default, address);
    }

    [Fact]
    public void Random_addresses_are_written_into_a_span_that_is_long_enough()
    {
        var random = new Random(Seeded.Take("address texts"));
        char[] text = new char[IpPrefix.MaxTextLength];
        for (int i = 0; i < 20_000; i++)
        {
            IpAddress address = Any(random, isV6: i % 2 == 0);
            Assert.True(address.TryFormat(text, out int length, default, null));
            Assert.InRange(length, 2, IpAddress.MaxTextLength);
            Assert.Equal(address.ToString(), new string(text, 0, length));
            Assert.Equal(address, IpAddress.Parse(text.AsSpan(0, length)));
            Assert.False(address.TryFormat(text.AsSpan(0, length - 1), out int none, default, null));
            Assert.Equal(0, none);
            Assert.Equal(
                new System.Net.IPAddress(OnesComplement.BytesOf(address)), System.Net.IPAddress.Parse(address.ToString()));

            var prefix = new IpPrefix(address, random.Next(address.BitCount + 1));
            Assert.True(prefix.TryFormat(text, out length, default, null));
            Assert.Equal(prefix.ToString(), new string(text, 0, length));
        }
    }

    [Fact]
    public void Orders_are_by_family_then_number_then_length()
    {
        string[] addresses = ["0.0.0.0", "9.255.255.255", "10.0.0.0", "255.255.255.255", "::", "::1", "fe80::1"];
        AssertOrdered([.. addresses.Select(a => IpAddress.Parse(a))]);
        Assert.True(IpAddress.Parse("10.0.0.1") < IpAddress.Parse("10.0.0.2") && IpAddress.Parse("::") >= IpAddress.Parse("1.1.1.1"));

        string[] prefixes = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.1.0.0/16", "::/0", "2001:db8::/32", "2001:db8::/48"];
        AssertOrdered([.. prefixes.Select(p => IpPrefix.Parse(p))]);
        Assert.True(IpPrefix.Parse("10.0.0.0/16") > IpPrefix.Parse("10.0.0.0/8"));

        string[] macs = ["00:00:00:00:00:00", "02:00:00:00:00:01", "02:00:00:00:01:00", "ff:ff:ff:ff:ff:ff"];
        AssertOrdered([.. macs.Select(m => MacAddress.Parse(m))]);
        Assert.True(MacAddress.Parse(macs[0]) <= MacAddress.Broadcast && MacAddress.Broadcast.IsMulticast);
    }

    [Fact]
    public void A_five_tuple_reversed_twice_is_itself()
    {
        var tuple = new FiveTuple(IpAddress.Parse("10.0.0.1"), IpAddress.Parse("10.0.0.2"), 4242, 80, IpProtocol.Tcp);
        var v6 = new FiveTuple(IpAddress.Parse("2001:db8::1"), IpAddress.Parse("::2"), 1, 2, IpProtocol.Udp);
        Assert.Equal(
            new FiveTuple(IpAddress.Parse("10.0.0.2"), IpAddress.Parse("10.0.0.1"), 80, 4242, IpProtocol.Tcp), tuple.Reverse());
        Assert.Equal(tuple, tuple.Reverse().Reverse());
        Assert.NotEqual(tuple, tuple.Reverse());
        Assert.Equal("Tcp 10.0.0.1:4242 > 10.0.0.2:80", tuple.ToString());
        Assert.Equal("Udp [2001:db8::1]:1 > [::2]:2", v6.ToString());
    }

    private static IpAddress Any(Random random, bool isV6)
    {
        if (!isV6)
        {
            return IpAddress.V4((uint)random.NextInt64(1L << 32));
        }

        UInt128 bits = 0;
        for (int group = 0; group < 8; group++)
        {
            bits = (bits << 16) | (random.Next(2) == 0 ? 0u : (uint)random.Next(1 << random.Next(1, 17)));
        }

        return IpAddress.V6(bits);
    }

    private static void AssertOrdered<T>(T[] sorted)
        where T : IComparable<T>
    {
        for (int i = 0; i < sorted.Length; i++)
        {
            for (int j = 0; j < sorted.Length; j++)
            {
                Assert.Equal(i.CompareTo(j), Math.Sign(sorted[i].CompareTo(sorted[j])));
            }
        }
    }
}
