using VSwitch.ControlPlane.Filters;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Workers;
using VSwitch.Live;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Tests.DataPlane.Policy;
using Xunit;

namespace VSwitch.Tests.DataPlane.Flows;

/// <summary>Which connections the words of a filter mean, and what becomes of those that are cleared.</summary>
public sealed class ConnectionFilterTests : IDisposable
{
    private const string A = "10.0.1.10";
    private const string B = "10.0.2.10";
    private const string A6 = "fd00:b:0:1::10";
    private const string B6 = "fd00:b:0:2::10";
    private const string EipOfA = "203.0.113.10";
    private const string EipOfB = "203.0.113.11";
    private readonly PolicyLab _lab = new(PolicyLab.Text());

    public ConnectionFilterTests()
    {
        // inside, out, in, hairpin, six, ping, gre: one of each kind, by source port 1 to 5.
        _lab.Establish("a", A, B, "b");
        _lab.Passes("a", _lab.From("a", A, PolicyLab.World4).Udp(2, 53), "internet");
        _lab.Passes("internet", _lab.From("internet", PolicyLab.World4, EipOfB).Udp(3, 443), "b");
        _lab.Passes("a", _lab.From("a", A, EipOfB).Udp(4, 443), "b");
        _lab.Passes("b", _lab.From("b", B6, A6).Udp(5, 443), "a");
        _lab.Passes("a2", _lab.From("a2", "10.0.1.11", B).Echo(false, 443, 1), "b");
    }

    [Theory]
    [InlineData("", "inside out in hairpin six ping")]
    [InlineData("tcp", "inside")]
    [InlineData("udp", "out in hairpin six")]
    [InlineData("icmp", "ping")]
    [InlineData("icmpv6", "")]
    [InlineData("state established", "inside")]
    [InlineData("state udp and eni a", "out hairpin six")]
    [InlineData("state icmp", "ping")]
    [InlineData("eni a", "inside out hairpin six")]
    [InlineData("eni b", "inside in hairpin six ping")]
    [InlineData("eni a and eni b", "inside hairpin six")]
    [InlineData("eni r", "")]
    [InlineData("port internet", "out in")]
    [InlineData("port a2", "ping")]
    [InlineData("vpc blue", "inside out in hairpin six ping")]
    [InlineData("host 10.0.1.10", "inside out hairpin")]
    [InlineData("host 10.0.2.10", "inside in hairpin ping")]
    [InlineData("host 203.0.113.10", "out hairpin")]
    [InlineData("host 203.0.113.11", "in hairpin")]
    [InlineData("host 203.0.113.11 and host 10.0.1.10", "hairpin")]
    [InlineData("host 192.0.2.7", "out in")]
    [InlineData("host fd00:b:0:1::10", "six")]
    [InlineData("net fd00:b:0:2::/64", "six")]
    [InlineData("net 10.0.1.0/24", "inside out hairpin ping")]
    [InlineData("net 0.0.0.0/0", "inside out in hairpin ping")]
    [InlineData("net ::/0", "six")]
    [InlineData("sport 3", "in")]
    [InlineData("sport 443", "")]
    [InlineData("dport 443", "inside in hairpin six")]
    [InlineData("dport 5", "")]
    [InlineData("l4port 5", "six")]
    [InlineData("l4port 443", "inside in hairpin six")]
    [InlineData("l4port 443 and l4port 4", "hairpin")]
    [InlineData("proto 47", "")]
    public void The_words_mean(string words, string expected)
    {
        IEnumerable<string> found = _lab.Switch.Connections(Compile(words)).Select(NameOf);
        Assert.Equal(expected.Split(' ', StringSplitOptions.RemoveEmptyEntries).Order(), found.Order());
    }

    [Theory]
    [InlineData("eni nobody", "there is no ENI 'nobody'")]
    [InlineData("eni internet", "port internet")]
    [InlineData("port nowhere", "there is no port 'nowhere'")]
    [InlineData("vpc red", "there is no VPC 'red'")]
    [InlineData("state open", "the states are syn-sent, syn-recv, established")]
    [InlineData("state free", "'state free' is none")]
    [InlineData("verdict dropped", "'verdict' is asked of packets")]
    [InlineData("reason no-route", "'reason' is asked of packets")]
    [InlineData("dir in", "'dir' is asked of packets")]
    public void Says_what_connections_have_not(string words, string sentence) =>
        Assert.Contains(sentence, Assert.Throws<ArgumentException>(() => Compile(words)).Message, StringComparison.Ordinal);

    [Fact]
    public void Two_vpcs_with_the_same_addresses_are_kept_apart()
    {
        using var rich = new SwitchUnderTest(TestTopologies.Rich());
        EnisOf(rich, out FrameAddresses blue, out FrameAddresses green);
        rich.Receive("loose", Frames.Udp(blue, 1, 2), 1_000_000_000);
        rich.Receive("green", Frames.Udp(green, 1, 2), 1_000_000_000);
        ConnectionRecord only = Assert.Single(rich.Connections(ConnectionFilters.Compile(Parse("vpc green"), rich.Snapshot)));
        Assert.Equal("green", rich.Snapshot.PortNames[only.OpenerPort]);
    }

    [Fact]
    public void Every_state_has_a_name_of_its_own()
    {
        foreach (FlowState state in Enum.GetValues<FlowState>().Where(s => s != FlowState.Free))
        {
            Assert.True(FlowStates.TryParse(state.Name(), out FlowState again));
            Assert.Equal(state, again);
        }

        Assert.Equal(Enum.GetValues<FlowState>().Length - 1, FlowStates.All.Length);
        Assert.False(FlowStates.TryParse("free", out _));
    }

    [Fact]
    public void What_is_cleared_is_judged_as_without_a_connection()
    {
        Assert.Equal(1, Clear("tcp"));
        Assert.Equal(5, _lab.ConnectionCount);
        _lab.Drops("a", _lab.Data("a", A, B), DropReason.ConnectionInvalid);
        _lab.Drops("b", _lab.Reply("b", B, A), DropReason.ConnectionInvalid);
        _lab.Establish("a", A, B, "b");

        // UDP begins again with its next packet, from either end that the rules let.
        Assert.Equal(6, Clear(""));
        Assert.Equal(0, _lab.ConnectionCount);
        Assert.Equal(0, Clear(""));
        _lab.Passes("a", _lab.From("a", A, PolicyLab.World4).Udp(2, 53), "internet");
        Assert.Equal(1, _lab.ConnectionCount);
    }

    [Fact]
    public void A_loose_eni_picks_a_cleared_connection_up()
    {
        using var lab = new PolicyLab(PolicyLab.Text());
        lab.Change(lab.Config with { Enis = [.. lab.Config.Enis.Select(eni => eni with { TcpLoose = eni.Name == "r" })] });
        lab.Establish("a", A, "10.0.2.20", "r");
        Clear(lab, "");
        lab.Passes("a", lab.Data("a", A, "10.0.2.20"), "r");
        Assert.Equal(1, lab.ConnectionCount);
    }

    [Fact]
    public void Fragments_and_errors_do_not_bring_a_cleared_connection_back()
    {
        byte[] whole = _lab.From("a", A, B).Udp(6, 7).Payload(64).Build();
        IReadOnlyList<byte[]> fragments = Frames.Fragments(whole, 40, 77);
        Assert.Equal(OutcomeKind.Forwarded, _lab.Send("a", fragments[0]).Kind);
        byte[] seen = _lab.Passes("a", _lab.From("a", A, B).Udp(6, 8), "b");
        Assert.Equal(2, Clear("sport 6"));

        // Its slots hold other connections now.
        _lab.Passes("a", _lab.From("a", A, B).Udp(60, 7), "b");
        _lab.Passes("a", _lab.From("a", A, B).Udp(61, 7), "b");
        ReferenceOutcome later = _lab.Send("a", fragments[1]);
        Assert.Equal((OutcomeKind.Dropped, DropReason.FragmentUnmatched), (later.Kind, later.DropReason));
        _lab.Drops("b", _lab.From("b", B, A).IcmpError(3, 3, seen), DropReason.ConnectionInvalid);
        Assert.Empty(_lab.Switch.Connections(Compile("sport 6")));
    }

    [Fact]
    public void A_clear_ends_when_nobody_waits_for_it()
    {
        var clear = new ConnectionClear(ConnectionFilter.All);
        clear.Cancel();
        Worker worker = _lab.Switch.Workers.Workers[0];
        worker.Post(clear);
        worker.RunErrand();
        Assert.True(clear.IsDone);
        Assert.Equal(0, clear.Count);
        Assert.Equal(6, _lab.ConnectionCount);
    }

    public void Dispose() => _lab.Dispose();

    private static PacketFilter Parse(string words) =>
        PacketFilter.TryParse(words, out PacketFilter filter, out string? error) ? filter : throw new ArgumentException(error);

    private static void EnisOf(SwitchUnderTest rich, out FrameAddresses blue, out FrameAddresses green)
    {
        var config = TestTopologies.Rich();
        FrameAddresses Ends(string from, string to) => new(
            config.Enis.Single(e => e.Name == from).Mac, config.Enis.Single(e => e.Name == to).Mac,
            config.Enis.Single(e => e.Name == from).PrivateIps[0], config.Enis.Single(e => e.Name == to).PrivateIps[0]);
        blue = Ends("loose", "db");
        green = Ends("green", "twin");
        Assert.True(rich.HasPort("loose"));
    }

    private static string NameOf(ConnectionRecord record)
    {
        ConnectionEnds ends = ConnectionEnds.Of(record);
        return record.Protocol switch
        {
            6 => "inside",
            1 => "ping",
            _ when record.IsV6 => "six",
            _ when record.OpenerPort == 0 => "in",
            _ => record.OtherPort == 0 ? "out" : ends.Destination.ToString() == EipOfB && ends.SeenSource.ToString() == EipOfA ? "hairpin" : "?",
        };
    }

    private ConnectionFilter Compile(string words) => ConnectionFilters.Compile(Parse(words), _lab.Switch.Snapshot);

    private int Clear(string words) => Clear(_lab, words);

    private static int Clear(PolicyLab lab, string words)
    {
        var clear = new ConnectionClear(ConnectionFilters.Compile(Parse(words), lab.Switch.Snapshot));
        Worker worker = lab.Switch.Workers.Workers[0];
        worker.Post(clear);
        while (!clear.IsDone)
        {
            worker.RunErrand();
        }

        return clear.Count;
    }
}
