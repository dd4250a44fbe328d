using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.FlowLogs;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.FlowLogs;

/// <summary>From packets to lines, by hand.</summary>
public sealed class FlowLogLineTests : IDisposable
{
    private const string Own = "${interface-id} ${flow-direction} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${action}";
    private FlowLogBed _bed = new(TestTopologies.Small());

    public void Dispose() => _bed.Dispose();

    [Fact]
    public void The_default_format_is_that_of_AWS_version_2()
    {
        FrameAddresses ends = Ends("a", "b");
        _bed.Send("a", Frames.Udp(ends, 4000, 5000, payload: 72));
        _bed.NowMs += 1500;
        _bed.Send("a", Frames.Udp(ends, 4000, 5000, payload: 72));
        _bed.Send("b", Frames.Udp(ends.Reverse(), 5000, 4000, payload: 12));
        string[] lines = _bed.Lines("blue", null, _bed.Walk());
        Assert.Equal(
        [
            "2 - a 10.0.1.10 10.0.1.11 4000 5000 17 2 200 1700000000 1700000001 ACCEPT OK",
            "2 - a 10.0.1.11 10.0.1.10 5000 4000 17 1 40 1700000000 1700000001 ACCEPT OK",
            "2 - b 10.0.1.10 10.0.1.11 4000 5000 17 2 200 1700000000 1700000001 ACCEPT OK",
            "2 - b 10.0.1.11 10.0.1.10 5000 4000 17 1 40 1700000000 1700000001 ACCEPT OK",
        ], lines);
    }

    [Fact]
    public void Every_field_has_its_column_and_a_rule_stays_one_column()
    {
        _bed.Send("a", Frames.Tcp(Ends("a", "b"), 4000, 22, TcpBits.Syn));
        string all = string.Join(' ', Enum.GetValues<FlowLogField>().Select(f => $"${{{FlowLogFormat.NameOf(f)}}}"));
        string[] lines = _bed.Lines("blue", all, _bed.Walk());
        Assert.Equal(2, lines.Length);
        Assert.All(lines, line => Assert.Equal(Enum.GetValues<FlowLogField>().Length, line.Split(' ').Length));
        Assert.Equal(
            "5 - a 10.0.1.10 10.0.1.11 4000 22 6 1 40 1700000000 1700000000 ACCEPT OK blue blue-a - 2 IPv4 10.0.1.10 10.0.1.11 " +
            "- - - - - - egress 1 - group_open,_egress_default_(all)",
            lines.Single(l => l.Contains(" egress ", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("${srcaddr} ${dstaddr}", 2)]
    [InlineData("${srcaddr} ${vpc-id}", 3)]
    [InlineData("${region} ${vpc-id}", 4)]
    [InlineData("${flow-direction} ${srcaddr}", 5)]
    [InlineData("${drop-reason}", 2)]
    public void The_version_is_the_highest_that_a_field_needs(string format, int version) =>
        Assert.Equal(version, FlowLogFormat.Parse(format, out _)!.Version);

    [Theory]
    [InlineData("${srcaddr} ${nope}", "there is no field 'nope'; fields are account-id, action,")]
    [InlineData("srcaddr", "'srcaddr' is not a field")]
    [InlineData("${srcaddr},${dstaddr}", "there is no field")]
    [InlineData("  ", "the format has no field")]
    public void A_wrong_format_is_told(string format, string words)
    {
        Assert.Null(FlowLogFormat.Parse(format, out string? wrong));
        Assert.Contains(words, wrong, StringComparison.Ordinal);
    }

    [Fact]
    public void TCP_flags_are_gathered_by_direction_and_interval()
    {
        FrameAddresses ends = Ends("a", "b");
        const string Format = "${interface-id} ${flow-direction} ${tcp-flags}";
        _bed.Send("a", Frames.Tcp(ends, 4000, 22, TcpBits.Syn));
        _bed.Send("b", Frames.Tcp(ends.Reverse(), 22, 4000, TcpBits.Syn | TcpBits.Ack));
        _bed.Send("a", Frames.Tcp(ends, 4000, 22, TcpBits.Ack));
        Assert.Equal(["a egress 2", "a ingress 18", "b egress 18", "b ingress 2"], _bed.Lines("blue", Format, _bed.Walk()));
        _bed.Send("a", Frames.Tcp(ends, 4000, 22, TcpBits.Ack, payload: 10));
        Assert.Equal(["a egress 0", "b ingress 0"], _bed.Lines("blue", Format, _bed.Walk()).Where(l => l.Contains("gress", StringComparison.Ordinal)));
        _bed.Send("a", Frames.Tcp(ends, 4000, 22, TcpBits.Fin | TcpBits.Ack, 0, 11, 1));
        _bed.Send("b", Frames.Tcp(ends.Reverse(), 22, 4000, TcpBits.Rst | TcpBits.Ack, 0, 1, 12));
        Assert.Equal(["a egress 1", "a ingress 4", "b egress 4", "b ingress 1"], _bed.Lines("blue", Format, _bed.Walk()));
    }

    [Fact]
    public void What_security_groups_and_ACLs_refuse_is_the_refusing_ENIs()
    {
        SwitchConfig small = TestTopologies.Small();
        Use(small with
        {
            SecurityGroups = [small.SecurityGroups[0] with { Ingress = [TestTopologies.Rule("0.0.0.0/0", 17, 53, 53)], Egress = [TestTopologies.Rule("0.0.0.0/0", 17)] }],
        });
        FrameAddresses ends = Ends("a", "b");
        _bed.Send("a", Frames.Udp(ends, 4000, 53));
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(DropReason.SecurityGroupIngress, _bed.Send("a", Frames.Udp(ends, 4000, 54)).DropReason);
        }

        Assert.Equal(DropReason.SecurityGroupEgress, _bed.Send("a", Frames.Tcp(ends, 4000, 22, TcpBits.Syn)).DropReason);
        Assert.Equal(
        [
            "a egress 10.0.1.10 10.0.1.11 4000 22 6 1 REJECT security-group-egress",
            "b ingress 10.0.1.10 10.0.1.11 4000 54 17 3 REJECT security-group-ingress",
        ], _bed.Lines("blue", Own + " ${drop-reason}", _bed.Walk(), FlowLogTraffic.Reject));
        Assert.Empty(_bed.Walk());
    }

    [Fact]
    public void A_packet_without_addresses_is_the_senders_and_has_none()
    {
        FrameAddresses ends = Ends("a", "b");
        byte[] broken = Frames.Udp(ends, 4000, 53);
        broken[24] ^= 1;
        _bed.Send("a", broken);
        _bed.Send("a", Frames.Udp(ends with { SourceMac = TestTopologies.Mac("02:00:00:00:00:77") }, 4000, 53));
        Assert.Equal(
        [
            "a egress - - - - - 1 REJECT bad-ipv4-checksum",
            "a egress - - - - - 1 REJECT spoofed-mac",
        ], _bed.Lines("blue", Own + " ${drop-reason}", _bed.Walk(), FlowLogTraffic.Reject).Where(l => l.Contains("REJECT", StringComparison.Ordinal)));
    }

    [Fact]
    public void Pings_with_several_identifiers_are_one_record_without_ports()
    {
        FrameAddresses ends = Ends("a", "b");
        _bed.Send("a", Frames.Echo(ends, 1, 1));
        _bed.Send("a", Frames.Echo(ends, 2, 1));
        _bed.Send("b", Frames.Echo(ends.Reverse(), 2, 1, reply: true));
        Assert.Equal(
        [
            "a egress 10.0.1.10 10.0.1.11 0 0 1 2 ACCEPT", "a ingress 10.0.1.11 10.0.1.10 0 0 1 1 ACCEPT",
            "b egress 10.0.1.11 10.0.1.10 0 0 1 1 ACCEPT", "b ingress 10.0.1.10 10.0.1.11 0 0 1 2 ACCEPT",
        ], _bed.Lines("blue", Own, _bed.Walk()));
    }

    [Fact]
    public void An_ENI_that_routes_shows_its_own_address_and_the_packets()
    {
        SwitchConfig small = TestTopologies.Small();
        Use(small with { Enis = [small.Enis[0], small.Enis[1] with { SourceDestCheck = false }] });
        FrameAddresses ends = Ends("a", "b") with { Destination = TestTopologies.Ip("192.0.2.9") };
        Assert.Equal(DropReason.None, _bed.Send("a", Frames.Udp(ends, 4000, 53)).DropReason);
        Assert.Equal(
            ["a 10.0.1.10 192.0.2.9 10.0.1.10 192.0.2.9", "b 10.0.1.10 10.0.1.11 10.0.1.10 192.0.2.9"],
            _bed.Lines("blue", "${interface-id} ${srcaddr} ${dstaddr} ${pkt-srcaddr} ${pkt-dstaddr}", _bed.Walk()));
    }

    [Fact]
    public void An_ENI_without_traffic_gets_NODATA_and_one_with_losses_SKIPDATA()
    {
        Assert.Equal(
            ["2 - a - - - - - - - 1700000000 1700000060 - NODATA", "2 - b - - - - - - - 1700000000 1700000060 - NODATA"],
            _bed.Lines("blue", null, []));
        var aggregator = new FlowLogAggregator(new FlowLogConfig { Name = "t", Subnet = "blue-a" }, FlowLogBed.StartMs);
        aggregator.NoteLoss(_bed.Topology.Enis.First());
        FlowLogInterval interval = aggregator.Close(FlowLogBed.StartMs + 1000, _bed.Topology.Enis);
        Assert.Equal("a", Assert.Single(interval.Incomplete).Name);
        Assert.Equal("b", Assert.Single(interval.WithoutTraffic).Name);
        Assert.Empty(aggregator.Close(FlowLogBed.StartMs + 2000, _bed.Topology.Enis).Incomplete);
    }

    [Fact]
    public void What_was_carried_before_the_log_began_is_not_in_it()
    {
        _bed.Dispose();
        _bed = new FlowLogBed(TestTopologies.Small(), isOn: false);
        FrameAddresses ends = Ends("a", "b");
        _bed.Send("a", Frames.Udp(ends, 4000, 53));
        _bed.Send("a", Frames.Udp(ends, 4001, 53));
        _bed.TurnOn();
        Assert.Empty(_bed.Walk());
        _bed.Send("a", Frames.Udp(ends, 4000, 53));
        _bed.Send("a", Frames.Udp(ends, 4002, 53));
        Assert.Equal(
            ["a egress 10.0.1.10 10.0.1.11 4000 53 17 1 ACCEPT", "a egress 10.0.1.10 10.0.1.11 4002 53 17 1 ACCEPT"],
            _bed.Lines("blue", Own, _bed.Walk()).Where(l => l.StartsWith('a')));
    }

    [Fact]
    public void A_connection_that_ends_reports_the_rest_at_once_and_only_once()
    {
        FrameAddresses ends = Ends("a", "b");
        _bed.Send("a", Frames.Udp(ends, 4000, 53));
        Assert.Equal(2, _bed.Walk().Count);
        _bed.Send("a", Frames.Udp(ends, 4000, 53));
        _bed.NowMs += 60_000;
        _bed.Expire();
        FlowRecord[] last = [.. _bed.Read()];
        Assert.Equal(2, last.Length);
        Assert.All(last, r => Assert.Equal((1, FlowEndReason.IdleTimeout), (r.Totals.Packets, r.Totals.EndReason)));
        Assert.Empty(_bed.Walk());
    }

    private void Use(SwitchConfig config)
    {
        _bed.Dispose();
        _bed = new FlowLogBed(config);
    }

    private static FrameAddresses Ends(string from, string to)
    {
        SwitchConfig config = TestTopologies.Small();
        EniConfig source = config.Enis.First(e => e.Name == from);
        EniConfig destination = config.Enis.First(e => e.Name == to);
        return new FrameAddresses(source.Mac, destination.Mac, source.PrivateIps[0], destination.PrivateIps[0]);
    }
}
