using VSwitch.ControlPlane.Filters;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Watching;
using Xunit;

namespace VSwitch.Tests.ControlPlane.Filters;

/// <summary>The words of a filter, as a table.</summary>
public sealed class PacketFilterTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("  ", "")]
    [InlineData("eni web-1", "eni web-1")]
    [InlineData("eni a and eni b", "eni a and eni b")]
    [InlineData("vpc blue and port internet", "vpc blue and port internet")]
    [InlineData("host 10.0.1.10", "host 10.0.1.10")]
    [InlineData("host 10.0.1.10 and host 2001:db8::1", "host 10.0.1.10 and host 2001:db8::1")]
    [InlineData("net 10.0.0.0/8 and tcp", "net 10.0.0.0/8 and proto 6")]
    [InlineData("net 10.0.0.1/32", "host 10.0.0.1")]
    [InlineData("net ::/0", "net ::/0")]
    [InlineData("sport 1 and dport 65535", "sport 1 and dport 65535")]
    [InlineData("l4port 53 and udp and l4port 0", "l4port 53 and l4port 0 and proto 17")]
    [InlineData("icmp", "proto 1")]
    [InlineData("icmpv6", "proto 58")]
    [InlineData("proto gre", "proto 47")]
    [InlineData("proto 255", "proto 255")]
    [InlineData("state established", "state established")]
    [InlineData("verdict dropped and reason no-route and dir in", "verdict dropped and reason no-route and dir in")]
    [InlineData("dir   out\tand\nverdict forwarded", "verdict forwarded and dir out")]
    [InlineData("eni and", null)]
    [InlineData("eni and and vpc x", null)]
    public void Reads_the_words_and_writes_them_again(string text, string? again)
    {
        bool isGood = PacketFilter.TryParse(text, out PacketFilter filter, out string? error);

        Assert.Equal(again != null, isGood);
        Assert.Equal(again ?? "", filter.ToString());
        Assert.Equal(again == null, error != null);
        Assert.Equal(string.IsNullOrEmpty(again), filter.IsAll);
    }

    [Theory]
    [InlineData("colour red", "'colour' is no word of a filter; the words are eni NAME, vpc NAME")]
    [InlineData("Eni x", "'Eni' is no word")]
    [InlineData("eni", "'eni' needs something behind it")]
    [InlineData("tcp udp", "'udp' stands where 'and' was expected")]
    [InlineData("tcp and", "nothing follows the last 'and'")]
    [InlineData("and tcp", "'and' is no word")]
    [InlineData("tcp and udp", "the protocol stands there twice")]
    [InlineData("tcp and proto 6", "the protocol stands there twice")]
    [InlineData("host 10.0.0.0/8", "for a range write net PREFIX")]
    [InlineData("net 10.0.0.1/8", "write 10.0.0.0/8")]
    [InlineData("net 10.0.0.1", "is no prefix")]
    [InlineData("sport 65536", "'sport 65536' is no port")]
    [InlineData("dport -1", "'dport -1' is no port")]
    [InlineData("l4port http", "'l4port http' is no port")]
    [InlineData("dport 1 and dport 2", "'dport' stands there twice")]
    [InlineData("vpc a and vpc a", "'vpc' stands there twice")]
    [InlineData("port a and port b", "'port' stands there twice")]
    [InlineData("dir in and dir out", "'dir' stands there twice")]
    [InlineData("proto all", "is no IP protocol")]
    [InlineData("proto 256", "is no IP protocol")]
    [InlineData("verdict passed", "the verdicts are forwarded, dropped, answered, consumed, generated")]
    [InlineData("reason none", "'reason none' is no drop reason")]
    [InlineData("reason because", "'reason because' is no drop reason")]
    [InlineData("dir up", "neither dir in nor dir out")]
    public void Says_what_is_wrong(string text, string sentence)
    {
        Assert.False(PacketFilter.TryParse(text, out PacketFilter filter, out string? error));

        Assert.Contains(sentence, error, StringComparison.Ordinal);
        Assert.True(filter.IsAll);
    }

    [Fact]
    public void A_filter_has_an_end()
    {
        string longest = string.Join(" and ", Enumerable.Repeat("l4port 1", PacketFilter.MaxTerms));

        Assert.True(PacketFilter.TryParse(longest, out _, out _));
        Assert.False(PacketFilter.TryParse(longest + " and tcp", out _, out string? error));
        Assert.Contains("at most 16", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_verdict_and_every_reason_is_a_word()
    {
        foreach (PacketVerdict verdict in Enum.GetValues<PacketVerdict>())
        {
            Assert.True(PacketFilter.TryParse($"verdict {verdict.Name()}", out PacketFilter filter, out _));
            Assert.Equal(verdict, filter.Verdict);
            Assert.Equal("verdict", filter.PacketOnlyWord);
        }

        foreach (DropReason reason in DropReasons.All.ToArray().Where(r => r != DropReason.None))
        {
            Assert.True(PacketFilter.TryParse($"reason {reason.Name()}", out PacketFilter filter, out _));
            Assert.Equal(reason, filter.Reason);
            Assert.Equal("reason", filter.PacketOnlyWord);
        }
    }
}
