using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Trace;
using Xunit;

namespace VSwitch.Tests.DataPlane.Wayside;

/// <summary>An explanation says what happens beside the fast path: held, cut, told, not told and why.</summary>
public class WaysideTraceTests
{
    [Fact]
    public void A_fragment_before_its_first_one_is_held() =>
        Assert.StartsWith("held: a later fragment", Explain("green", Way.Named("within a subnet").Fragments(100, 32)[1])[^1]);

    [Theory]
    [InlineData("10.0.1.10", "198.51.100.99")]
    [InlineData("fd00:9:0:1::10", "2001:db8:100::99")]
    public void A_packet_for_an_unknown_next_hop_is_held(string source, string destination)
    {
        var way = new Way("unknown", "green", "", Way.Between("green", "", source, destination, routed: true));
        IReadOnlyList<string> words = Explain("green", way.Udp(10));
        Assert.Contains($"the MAC of the next hop {destination} is not known: the switch asks for it", words);
        Assert.StartsWith("held: waits for its next hop's MAC", words[^1]);
    }

    [Fact]
    public void A_packet_that_is_too_long_is_cut_or_its_sender_is_told()
    {
        IReadOnlyList<string> words = Explain("web", Way.Named("between subnets").Udp(1400));
        Assert.Contains("1428 bytes are more than the MTU of 1400: cut in fragments", words);
        Assert.Equal("forwarded to loose", words[^1]);
        words = Explain("web", Way.Named("between subnets, IPv6").Udp(1400));
        Assert.Contains("the router tells the sender: too large, with the MTU that it must fit", words);
        Assert.StartsWith("dropped: mtu-exceeded. ", words[^1]);
    }

    [Fact]
    public void Whether_the_sender_is_told_and_why_not()
    {
        Assert.Contains("the router tells the sender: time exceeded", Explain("web", Way.Named("between subnets").Udp(10, ttl: 1)));
        var lost = new Way("lost", "web", "", Way.Between("web", "", "10.0.1.10", "10.0.77.7", routed: true));
        Assert.Contains("the router tells the sender: no route to the destination", Explain("web", lost.Udp(10)));
        SwitchConfig no6 = Way.Config with
        {
            Internet = Way.Config.Internet! with { Addresses = [TestTopologies.Net("198.51.100.1/24")] },
        };
        IReadOnlyList<string> words = [.. Tracer.Explain(no6, "internet", Way.Named("in, IPv6").Udp(10, ttl: 1)).Select(s => s.Text)];
        Assert.Contains("the router does not tell the sender: the router has no address there", words);
        Assert.StartsWith($"dropped: {DropReason.TtlExpired.Name()}. ", words[^1]);
    }

    private static IReadOnlyList<string> Explain(string port, byte[] frame) =>
        [.. Tracer.Explain(Way.Config, port, frame).Select(step => step.Text)];
}
