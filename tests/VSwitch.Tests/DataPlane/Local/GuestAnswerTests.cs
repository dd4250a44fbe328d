using VSwitch.DataPlane.Counters;
using VSwitch.Testing;
using VSwitch.Trace;
using Xunit;

namespace VSwitch.Tests.DataPlane.Local;

/// <summary>Answers to guests as the counters, the trace and the other workers see them.</summary>
public sealed class GuestAnswerTests
{
    private static readonly byte[] Duid = Dhcp6Wire.Option(1, 0, 3, 0, 1, 2, 0, 0, 0, 1, 0x10);
    private static readonly byte[] Discover = DhcpWire.Frame(GuestLab.One, DhcpWire.Body(1, GuestLab.One));
    private static readonly byte[] Refused = DhcpWire.Frame(GuestLab.One, DhcpWire.Body(3, GuestLab.One));
    private static readonly byte[] Release = DhcpWire.Frame(GuestLab.One, DhcpWire.Body(7, GuestLab.One));
    private static readonly byte[] Short = DhcpWire.Frame(GuestLab.One, DhcpWire.Body(1, GuestLab.One)[..200]);

    private static readonly byte[] Solicit = Dhcp6Wire.Frame(GuestLab.One, Dhcp6Wire.Body(1, Duid, Dhcp6Wire.Ia(1, [])));

    private static readonly byte[] Commit = Dhcp6Wire.Frame(
        GuestLab.One, Dhcp6Wire.Body(1, Duid, Dhcp6Wire.Ia(1, []), Dhcp6Wire.Option(14)));

    [Fact]
    public void An_answer_counts_once_as_answered_and_each_of_its_frames_as_generated_and_sent()
    {
        using var lab = new GuestLab();
        foreach (byte[] frame in new[] { Discover, Refused, Release, Short, Solicit, Commit })
        {
            lab.Send("one", frame);
        }

        PortCounters counters = lab.Switch.Workers.Sum(Array.IndexOf(lab.Switch.Snapshot.PortNames, "one"));
        Assert.Equal(
            (6, 4, 1, 1, 0), (counters.ReceivedPackets, counters.Answered, counters.Consumed, counters.Dropped, counters.Forwarded));
        Assert.Equal((5, 5), (counters.Generated, counters.SentPackets));
        Assert.Equal(0, lab.Switch.ConnectionCount);
    }

    [Fact]
    public void A_trace_says_what_is_answered()
    {
        using var lab = new GuestLab();
        foreach ((byte[] frame, string words, string verdict) in new[]
        {
            (Discover, "DHCP: the primary address is offered", "answered by the switch"),
            (Refused, "DHCP: refused (NAK), the address is not the ENI's primary one", "answered by the switch"),
            (Release, "", "consumed: the switch takes it and says nothing"),
            (Solicit, "DHCPv6: the addresses are advertised", "answered by the switch"),
            (Commit, "DHCPv6: replied with the addresses, and with a router advertisement", "answered by the switch"),
        })
        {
            IReadOnlyList<VSwitch.DataPlane.Pipeline.TraceStep> steps = Tracer.Explain(lab.Config, "one", frame);
            Assert.Equal(verdict, steps[^1].Text);
            Assert.True(words.Length == 0 || steps.Any(s => s.Text == words), words);
        }

        Assert.StartsWith("dropped: malformed-l4", Tracer.Explain(lab.Config, "one", Short)[^1].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Answers_are_the_same_with_four_workers()
    {
        using var lab = new GuestLab();
        using var wide = new SwitchUnderTest(lab.Config, workers: 4);
        foreach (byte[] frame in new[] { Discover, Refused, Solicit, Commit })
        {
            lab.Send("one", frame, out IReadOnlyList<(string Port, byte[] Frame)> expected);
            IReadOnlyList<(string Port, byte[] Frame)> sent = wide.Receive("one", frame, 1_000_000_000).Sent;
            Assert.Equal(expected.Select(s => Convert.ToHexString(s.Frame)), sent.Select(s => Convert.ToHexString(s.Frame)));
        }
    }
}
