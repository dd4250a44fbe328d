using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Tests.Testing;
using VSwitch.Wire;
using Xunit;
using static VSwitch.Tests.DataPlane.RequirementWords;
using static VSwitch.Tests.Testing.RowWords;

namespace VSwitch.Tests.DataPlane;

/// <summary>Every row of vectors/timeouts.tsv against the idle times of semantics.md decision 5: each of ours is
/// measured to the millisecond, and each row names the state of ours that it speaks of. Decision 5 overrides the
/// numbers of other systems; where ours is shorter than an RFC's minimum, <see cref="Shorter"/> says so.</summary>
public class TimeoutTests
{
    private const long StartNs = 1_000_000_000_000;
    private static readonly FrameAddresses WebToApp = Switched("web", "app", "10.0.1.10", "10.0.1.11");
    private static readonly FrameAddresses AppToWeb = WebToApp.Reverse();

    /// <summary>Our states: idle time in seconds, what leads to it, and a packet that only a live connection lets
    /// through.</summary>
    private static readonly Dictionary<string, (int Seconds, RowStep[] Steps, RowStep Probe)> States = new(StringComparer.Ordinal)
    {
        ["SYN_SENT"] = (60, [Web(Syn, 0, 0)], App(SynAck, 0, 1)),
        ["SYN_RECV"] = (60, [Web(Syn, 0, 0), App(SynAck, 0, 1)], Web(Ack, 1, 1)),
        ["SYN_SENT2"] = (60, [Web(Syn, 0, 0), App(Syn, 0, 0)], App(SynAck, 0, 1)),
        ["ESTABLISHED"] = (432_000, Open, App(Ack, 1, 1)),
        ["FIN_WAIT"] = (120, [.. Open, Web(Ack | TcpBits.Fin, 1, 1)], App(Ack, 1, 2)),
        ["CLOSE_WAIT"] = (120, [.. Open, Web(Ack | TcpBits.Fin, 1, 1), App(Ack, 1, 2)], App(Ack, 1, 2)),
        ["LAST_ACK"] = (120, [.. Open, Web(Ack | TcpBits.Fin, 1, 1), App(Ack, 1, 2), App(Ack | TcpBits.Fin, 1, 2)],
            Web(Ack, 2, 2)),
        ["TIME_WAIT"] = (120, [.. Open, Web(Ack | TcpBits.Fin, 1, 1), App(Ack, 1, 2), App(Ack | TcpBits.Fin, 1, 2),
            Web(Ack, 2, 2)], App(Ack, 2, 2)),
        ["CLOSE"] = (10, [.. Open, Web(Rst, 1, 0)], App(Ack, 1, 1)),
        ["udp one way"] = (30, [WebUdp("forwarded internet")], WorldUdp("forwarded web")),
        ["udp both ways"] = (180, [WebUdp("forwarded internet"), WorldUdp("forwarded web")], WorldUdp("forwarded web")),
        ["icmp"] = (30, [In("web", Frames.Echo(WebOut, 7, 1), "")],
            In("internet", Frames.Echo(WorldIn, 7, 1, reply: true), "")),
        ["icmpv6"] = (30, [In("web", Frames.Echo(Web6ToApp6, 7, 1), "")],
            In("app", Frames.Echo(Web6ToApp6.Reverse(), 7, 1, reply: true), "")),
        ["other"] = (600, [In("web", Gre(WebOut), "")], In("internet", Gre(WorldIn), "")),
    };

    /// <summary>Row of the list (system, protocol, state): our state.</summary>
    private static readonly Dictionary<string, string> OursOf = new(StringComparer.Ordinal)
    {
        ["linux tcp SYN_SENT"] = "SYN_SENT",
        ["linux tcp SYN_RECV"] = "SYN_RECV",
        ["linux tcp ESTABLISHED"] = "ESTABLISHED",
        ["linux tcp FIN_WAIT"] = "FIN_WAIT",
        ["linux tcp CLOSE_WAIT"] = "CLOSE_WAIT",
        ["linux tcp LAST_ACK"] = "LAST_ACK",
        ["linux tcp TIME_WAIT"] = "TIME_WAIT",
        ["linux tcp CLOSE"] = "CLOSE",
        ["linux tcp SYN_SENT2"] = "SYN_SENT2",

        // Decision 5 has no time of its own for retransmission and for data that nobody acknowledged: established is
        // established.
        ["linux tcp MAX_RETRANS"] = "ESTABLISHED",
        ["linux tcp UNACKNOWLEDGED"] = "ESTABLISHED",
        ["linux udp unreplied"] = "udp one way",
        ["linux udp replied (stream, still active after 2 s)"] = "udp both ways",
        ["linux icmp "] = "icmp",
        ["linux icmpv6 "] = "icmpv6",
        ["linux generic "] = "other",
        ["ovs-userspace tcp SYN_SENT (first packet)"] = "SYN_SENT",
        ["ovs-userspace tcp SYN_RECV (opening)"] = "SYN_RECV",
        ["ovs-userspace tcp ESTABLISHED"] = "ESTABLISHED",
        ["ovs-userspace tcp FIN_WAIT / closing (one side closed)"] = "FIN_WAIT",
        ["ovs-userspace tcp TIME_WAIT (both FIN seen)"] = "TIME_WAIT",
        ["ovs-userspace tcp CLOSE (both closed)"] = "CLOSE",
        ["ovs-userspace udp first"] = "udp one way",
        ["ovs-userspace udp single (several packets one way)"] = "udp one way",
        ["ovs-userspace udp multiple (both ways)"] = "udp both ways",
        ["ovs-userspace icmp first"] = "icmp",
        ["ovs-userspace icmp reply"] = "icmp",
        ["rfc5382/7857 tcp established minimum"] = "ESTABLISHED",
        ["rfc5382/7857 tcp transitory minimum (default)"] = "SYN_SENT",
        ["rfc7857 tcp wait after RST before delete (SHOULD)"] = "CLOSE",
        ["rfc4787 udp minimum (non well-known destination port)"] = "udp both ways",
        ["rfc4787 udp recommended default"] = "udp both ways",
        ["rfc5508 icmp query minimum"] = "icmp",
    };

    /// <summary>Minimums of an RFC that decision 5 goes below; all can be set higher (timeouts of the
    /// configuration).</summary>
    private static readonly string[] Shorter =
    [
        "rfc4787 udp recommended default", "rfc5382/7857 tcp transitory minimum (default)",
            "rfc5508 icmp query minimum",
        "rfc7857 tcp wait after RST before delete (SHOULD)",
    ];

    public static TheoryData<string> StateNames() => [.. States.Keys];

    [Theory]
    [MemberData(nameof(StateNames))]
    public void A_state_lives_exactly_its_time(string state)
    {
        (int seconds, RowStep[] steps, RowStep probe) = States[state];
        Assert.Equal(OutcomeKind.Forwarded, ProbeAfter(steps, probe, (seconds * 1000L) - 1));
        Assert.Equal(OutcomeKind.Dropped, ProbeAfter(steps, probe, seconds * 1000L));
    }

    [Fact]
    public void Every_row_of_the_list_has_a_state_of_ours()
    {
        TsvRow[] rows = [.. TsvFile.Read(RepositoryRoot.Vector("timeouts.tsv")).Rows];
        Assert.Equal(rows.Select(Name).Order(StringComparer.Ordinal), OursOf.Keys.Order(StringComparer.Ordinal));
        Assert.All(OursOf.Values, state => Assert.Contains(state, States.Keys));
        IEnumerable<string> belowMinimum = rows.Where(r => r["system"].StartsWith("rfc", StringComparison.Ordinal))
            .Where(r => States[OursOf[Name(r)]].Seconds < int.Parse(r["seconds"],
                System.Globalization.CultureInfo.InvariantCulture)).Select(Name);
        Assert.Equal(Shorter, belowMinimum.Order(StringComparer.Ordinal));
    }

    private static FrameAddresses Web6ToApp6 => Switched("web", "app", Web6, App6);

    private static RowStep[] Open => [Web(Syn, 0, 0), App(SynAck, 0, 1), Web(Ack, 1, 1)];

    private static OutcomeKind ProbeAfter(RowStep[] steps, RowStep probe, long ms)
    {
        using var real = new SwitchUnderTest(Rich);
        foreach (RowStep step in steps)
        {
            ReferenceOutcome outcome = real.Receive(step.Port, step.Frame, StartNs);
            Assert.True(outcome.Kind == OutcomeKind.Forwarded, outcome.ToString());
        }

        return real.Receive(probe.Port, probe.Frame, StartNs + (ms * 1_000_000)).Kind;
    }

    private static RowStep Web(TcpBits flags, uint sequence, uint ack) => In("web",
        Segment(WebToApp, 40000, 80, flags, sequence, ack), "");

    private static RowStep App(TcpBits flags, uint sequence, uint ack) => In("app",
        Segment(AppToWeb, 80, 40000, flags, sequence, ack), "");

    private static byte[] Gre(FrameAddresses ends) => Frames.Begin(ends).Protocol(47).Payload(20).Build();

    private static string Name(TsvRow row) => $"{row["system"]} {row["protocol"]} {row["state"]}";
}
