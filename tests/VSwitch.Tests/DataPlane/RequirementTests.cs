using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Wire;
using Xunit;
using static VSwitch.Tests.DataPlane.RequirementWords;
using static VSwitch.Tests.Testing.RowWords;

namespace VSwitch.Tests.DataPlane;

/// <summary>The requirement lists of tests/vectors on the real switch; tests/README.md has the table, and a house test
/// holds the two together.</summary>
public class RequirementTests
{
    private const long StartNs = 1_000_000_000_000;
    private const long Second = 1_000_000_000;
    private static readonly FrameAddresses WebToLoose = Routed("web", "10.0.1.10", "10.0.2.11");
    private static readonly Dictionary<string,
        RequirementRow> Rows = AllRows().ToDictionary(row => row.ToString(), StringComparer.Ordinal);

    public static TheoryData<string> NatNames() => [.. RequirementsNat.All().Select(row => row.ToString())];

    public static TheoryData<string> RouterNames() => [.. RequirementsRouter.All().Select(row => row.ToString())];

    public static TheoryData<string> OvsNames() => [.. RequirementsOvs.All().Select(row => row.ToString())];

    [Theory]
    [MemberData(nameof(NatNames))]
    public void Nat(string row) => Rows[row].Check();

    [Theory]
    [MemberData(nameof(RouterNames))]
    public void Router(string row) => Rows[row].Check();

    [Theory]
    [MemberData(nameof(OvsNames))]
    public void Ovs(string row) => Rows[row].Check();

    [Fact]
    public void The_first_and_the_last_of_100000_flows_are_treated_alike()
    {
        // Slower than the EIP's 200 Mbit/s.
        const long MicrosecondsApart = 10;
        using var real = new SwitchUnderTest(Rich);
        var outcomes = new HashSet<string>();
        for (int i = 0; i < 100_000; i++)
        {
            FrameAddresses ends = Routed("web", "10.0.1.10", i < 50_000 ? World : "203.0.113.70");
            ReferenceOutcome outcome = real.Receive("web", Frames.Udp(ends, (ushort)(1000 + (i % 50_000)), 53),
                StartNs + (i * MicrosecondsApart * 1000));
            outcomes.Add($"{outcome} {IpAddress.Read(outcome.Sent[0].Frame.AsSpan(26), false)}");
        }

        Assert.Equal([$"Forwarded -> internet [58] {WebEip}"], outcomes);
        Assert.Equal(100_000, real.ConnectionCount);
    }

    [Fact]
    public void An_EIP_inside_a_VPC_is_refused_with_its_place()
    {
        ConfigResult read = ConfigReader.Parse("eip.yaml", """
            internet: { mac: "02:76:73:00:00:02", addresses: [198.51.100.1/24] }
            vpcs:
              - name: blue
                cidrs: [10.0.0.0/16]
                subnets: [{ name: blue-a, cidrs: [10.0.1.0/24] }]
                routeTables: [{ name: main, main: true }]
            securityGroups: [{ name: open, vpc: blue, ingress: [] }]
            enis: [{ name: vm1, subnet: blue-a, mac: "02:00:00:00:00:31", privateIps: [10.0.1.10], securityGroups: [open] }]
            elasticIps: [{ name: e, address: 10.0.1.77, eni: vm1 }]
            """);
        Assert.Contains("10.0.1.77 is inside VPC 'blue'", Assert.Single(read.Errors).ToString(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Errors_of_the_router_are_limited_to_100_at_once_and_100_a_second()
    {
        using var real = new SwitchUnderTest(Rich);
        byte[] frame = Frames.Begin(WebToLoose, ttl: 1).Udp(1, 2).Build();
        int Answered(int count, long nowNs) => Enumerable.Range(0, count).Count(_ =>
        {
            ReferenceOutcome outcome = real.Receive("web", frame, nowNs);
            Assert.Equal(DropReason.TtlExpired, outcome.DropReason);
            return outcome.Sent.Count == 1;
        });
        Assert.Equal(100, Answered(1000, StartNs));
        Assert.Equal(50, Answered(1000, StartNs + (Second / 2)));
        Assert.Equal(100, Answered(1000, StartNs + (60 * Second)));
    }

    [Fact]
    public void Without_DF_a_packet_larger_than_the_MTU_leaves_in_fragments()
    {
        using var real = new SwitchUnderTest(Rich);
        byte[] big = PacketBuilder.Eth(MacOf("web"), Gateway)
            .IPv4(WebToLoose.Source, WebToLoose.Destination,
                ip => ip with { Identification = 9, Options = [148, 4, 0, 0, 7, 3, 4, 0] })
            .Udp(1, 2).Payload(1464).Build();
        ReferenceOutcome outcome = real.Receive("web", big, StartNs);
        Assert.Equal(OutcomeKind.Forwarded, outcome.Kind);
        byte[][] sent = [.. outcome.Sent.Select(s => s.Frame)];
        Assert.Equal(2, sent.Length);
        Assert.All(sent, frame => PacketAssert.That(frame, PacketAssert.Ttl(63), PacketAssert.Field("ip.id", "9")));
        Assert.All(sent, frame => Assert.InRange(frame.Length, 14 + 28, 14 + 1400));
        byte[] payload = [.. sent.SelectMany(frame => frame[(14 + ((frame[14] & 15) * 4))..])];
        Assert.Equal(Convert.ToHexString(big[42..]), Convert.ToHexString(payload));
        Assert.Equal((0x2000, 0), (Word(sent[0], 20), Word(sent[1], 20) >> 13));
        Assert.Equal(sent[0].Length - 42, (Word(sent[1], 20) & 0x1FFF) * 8);

        // RFC 791: router alert has the copied flag, record route has not.
        Assert.Equal("9404000007030400", PacketFields.Of(sent[0])["ip.options"]);
        Assert.Equal("94040000", PacketFields.Of(sent[1])["ip.options"]);
    }

    [Fact]
    public void Fragments_leave_in_the_sizes_in_which_they_came()
    {
        using var real = new SwitchUnderTest(Rich);
        IReadOnlyList<byte[]> pieces = Frames.Fragments(Frames.Udp(WebToLoose, 1, 2, 200), 64, 3);
        int[] sizes = [.. pieces.Select(piece => Assert.Single(real.Receive("web", piece, StartNs).Sent).Frame.Length)];
        Assert.Equal(pieces.Select(p => p.Length), sizes);
    }

    [Fact]
    public void Fragments_before_their_first_wait_for_it_and_follow_in_order_of_arrival()
    {
        using var real = new SwitchUnderTest(Rich);
        IReadOnlyList<byte[]> pieces = Frames.Fragments(Frames.Udp(WebToLoose, 1, 2, 88), 32, 3);
        Assert.Equal(OutcomeKind.Held, real.Receive("web", pieces[2], StartNs).Kind);
        Assert.Equal(OutcomeKind.Held, real.Receive("web", pieces[1], StartNs).Kind);
        ReferenceOutcome outcome = real.Receive("web", pieces[0], StartNs + (Second / 2));
        Assert.Equal([0x2000, 8, 0x2004], outcome.Sent.Select(s => Word(s.Frame, 20)));
        Assert.All(outcome.Sent, s => Assert.Equal("loose", s.Port));
    }

    [Fact]
    public void A_flood_of_later_fragments_holds_64_packets_and_no_more()
    {
        using var real = new SwitchUnderTest(Rich);
        for (uint id = 0; id < 200; id++)
        {
            ReferenceOutcome outcome = real.Receive("web",
                Frames.Fragments(Frames.Udp(WebToLoose, 1, 2, 88), 32, id)[1], StartNs);
            Assert.Equal(id < 64 ? (OutcomeKind.Held, DropReason.None) : (OutcomeKind.Dropped,
                DropReason.FragmentUnmatched), (outcome.Kind, outcome.DropReason));
        }

        real.Receive("app", Frames.Udp(Routed("app", "10.0.1.11", "10.0.2.10"), 1, 2), StartNs + Second);
        Assert.Equal(200, real.Workers.SumDrops(Array.IndexOf(real.Snapshot.PortNames, "web"),
            DropReason.FragmentUnmatched));
        Assert.Equal(0, real.MissingBuffers(StartNs + Second));
    }

    [Fact]
    public void The_first_packet_to_a_cold_next_hop_leaves_when_it_answers()
    {
        using var real = new SwitchUnderTest(Rich);
        IpAddress cold = Ip("198.51.100.88");
        ReferenceOutcome held = real.Receive("web", Frames.Udp(Routed("web", "10.0.1.10", "198.51.100.88"), 1, 2),
            StartNs);
        Assert.Equal(OutcomeKind.Held, held.Kind);
        PacketAssert.Equal(Frames.ArpRequest(Inet, Ip("198.51.100.1"), cold), Assert.Single(held.Sent).Frame);
        var mac = MacAddress.Parse("02:00:00:00:98:01");
        ReferenceOutcome learnt = real.Receive("internet", Frames.ArpReply(mac, cold, Inet, Ip("198.51.100.1")),
            StartNs + (Second / 10));
        PacketAssert.That(Assert.Single(learnt.Sent).Frame, PacketAssert.Macs(Inet, mac),
            PacketAssert.Addresses(Ip(WebEip), cold), PacketAssert.Ttl(63));
    }

    [Fact]
    public void A_next_hop_that_never_answers_ends_in_host_unreachable()
    {
        using var real = new SwitchUnderTest(Rich);
        Assert.Equal(OutcomeKind.Held,
            real.Receive("web", Frames.Udp(Routed("web", "10.0.1.10", "198.51.100.88"), 1, 2), StartNs).Kind);
        ReferenceOutcome later = real.Receive("app", Frames.Udp(Routed("app", "10.0.1.11", "10.0.2.10"), 1, 2),
            StartNs + Second + 1);
        byte[] error = Assert.Single(later.Sent, s => s.Port == "web").Frame;
        PacketAssert.That(error, PacketAssert.Icmp(3, 1), PacketAssert.Addresses(Ip("10.0.1.1"), Ip("10.0.1.10")),
            PacketAssert.Field("quote.ip.dst", "198.51.100.88"));
    }

    /// <summary>All rows; the house test asks for their ids.</summary>
    internal static IEnumerable<RequirementRow> AllRows() => [.. RequirementsNat.All(), .. RequirementsRouter.All(),
        .. RequirementsOvs.All()];

    private static int Word(byte[] frame, int at) => (frame[at] << 8) | frame[at + 1];
}
