using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.ElasticIps;

/// <summary>An EIP that moves from one ENI to another: what becomes of its former holder's connections, both ways, and of new ones
/// (semantics.md decision 10 and section 7).</summary>
public sealed class DriftTests : IDisposable
{
    private static readonly IpAddress Client = TestTopologies.Ip("203.0.113.9");
    private static readonly IpAddress Public = TestTopologies.Ip("198.51.100.10");
    private static readonly MacAddress Gateway = new SwitchSettings().GatewayMac;
    private readonly SwitchConfig _config;
    private readonly SwitchUnderTest _switch;
    private long _nowNs = 1_000_000_000;

    public DriftTests()
    {
        SwitchConfig rich = TestTopologies.Rich();
        _config = rich with
        {
            SecurityGroups = [.. rich.SecurityGroups.Select(g => g with { Ingress = [TestTopologies.From("0.0.0.0/0")], Egress = null })],
            ElasticIps = [TestTopologies.Eip("front", "198.51.100.10", "web")],
        };
        _switch = new SwitchUnderTest(_config, workers: 2);
    }

    [Fact]
    public void A_client_of_the_former_holder_is_reset_and_new_connections_reach_the_new_one_at_once()
    {
        Connect(5000, "web");
        Move("app");
        ReferenceOutcome outcome = FromClient(5000, TcpBits.Ack, sequence: 101, acknowledgment: 901);
        Assert.Equal(DropReason.ConnectionInvalid, outcome.DropReason);
        (string port, byte[] reset) = Assert.Single(outcome.Sent);
        Assert.Equal("internet", port);
        PacketAssert.That(
            reset, PacketAssert.Macs(_config.Internet!.Mac, TestTopologies.GatewayNeighbor), PacketAssert.Addresses(Public, Client),
            PacketAssert.Ports(80, 5000), PacketAssert.Flags(TcpBits.Rst), PacketAssert.Field("tcp.seq", "901"), PacketAssert.Ttl(64));
        Connect(5001, "app");
        Connect(5000, "app");
    }

    [Fact]
    public void A_reset_or_a_packet_without_acknowledgment_gets_no_reset()
    {
        Connect(5000, "web");
        Move("app");
        Assert.Empty(FromClient(5000, TcpBits.Rst, sequence: 101).Sent);
        Assert.Empty(FromClient(5000, TcpBits.Rst | TcpBits.Ack, sequence: 101, acknowledgment: 901).Sent);
        Assert.Empty(FromClient(5000, TcpBits.Fin, sequence: 101).Sent);
    }

    [Fact]
    public void Resets_are_limited_like_errors()
    {
        Move("app");
        int resets = Enumerable.Range(0, 300).Sum(i => FromClient((ushort)(6000 + i), TcpBits.Ack, 1, 1, stepNs: 0).Sent.Count);
        Assert.Equal(100, resets);
    }

    [Fact]
    public void Drop_says_nothing()
    {
        Connect(5000, "web");
        Move("app", DriftMode.Drop);
        ReferenceOutcome outcome = FromClient(5000, TcpBits.Ack, sequence: 101, acknowledgment: 901);
        Assert.Equal(DropReason.ConnectionInvalid, outcome.DropReason);
        Assert.Empty(outcome.Sent);
    }

    [Fact]
    public void Pass_lets_the_new_holder_answer_as_far_as_the_rules_go()
    {
        Connect(5000, "web");
        Move("app", DriftMode.Pass);
        ReferenceOutcome outcome = FromClient(5000, TcpBits.Ack, sequence: 101, acknowledgment: 901);
        Assert.Equal((OutcomeKind.Forwarded, "app"), (outcome.Kind, outcome.Sent[0].Port));
        Assert.Equal(OutcomeKind.Forwarded, FromGuest("app", 5000, TcpBits.Rst, sequence: 901).Kind);

        _switch.Reconfigure(Moved("app", DriftMode.Pass) with { SecurityGroups = [.. _config.SecurityGroups.Select(g => g with { Ingress = [] })] });
        Assert.Equal(DropReason.SecurityGroupIngress, FromClient(5002, TcpBits.Ack, sequence: 101, acknowledgment: 901).DropReason);
    }

    [Fact]
    public void What_the_former_holder_still_sends_goes_nowhere()
    {
        Connect(5000, "web");
        Move("app");
        ReferenceOutcome outcome = FromGuest("web", 5000, TcpBits.Ack, sequence: 901, acknowledgment: 101);
        Assert.Equal((DropReason.ConnectionInvalid, 0), (outcome.DropReason, outcome.Sent.Count));
        Assert.Equal(0, _switch.ConnectionCount);
    }

    [Fact]
    public void Udp_of_the_former_holder_begins_anew_at_the_new_one()
    {
        Assert.Equal("web", Udp(7000).Sent[0].Port);
        Move("app");
        Assert.Equal("app", Udp(7000).Sent[0].Port);

        ReferenceOutcome Udp(ushort port) => _switch.Receive(
            "internet", Frames.Udp(new FrameAddresses(TestTopologies.GatewayNeighbor, _config.Internet!.Mac, Client, Public), port, 53), _nowNs += 1000);
    }

    [Fact]
    public void Only_an_EIP_that_was_elsewhere_resets()
    {
        Assert.Empty(FromClient(5000, TcpBits.Ack, 101, 901).Sent);
        Move(null);
        Assert.Equal(DropReason.EipUnbound, FromClient(5000, TcpBits.Ack, 101, 901).DropReason);

        // Back where it was: as if nothing had been.
        Move("web");
        Assert.Empty(FromClient(5000, TcpBits.Ack, 101, 901).Sent);

        // Through nowhere to another holder it has moved.
        Move(null);
        Move("app");
        Assert.Single(FromClient(5000, TcpBits.Ack, 101, 901).Sent);
    }

    [Fact]
    public void An_unbound_EIP_ends_its_connections_both_ways()
    {
        Connect(5000, "web");
        Move(null);
        Assert.Equal(DropReason.EipUnbound, FromClient(5000, TcpBits.Ack, 101, 901).DropReason);
        Assert.Equal(DropReason.EipUnbound, FromGuest("web", 5000, TcpBits.Ack, 901, 101).DropReason);
    }

    public void Dispose() => _switch.Dispose();

    private SwitchConfig Moved(string? eni, DriftMode mode) =>
        _config with { ElasticIps = [_config.ElasticIps[0] with { Eni = eni, Drift = mode }] };

    private void Move(string? eni, DriftMode mode = DriftMode.Reset) => _switch.Reconfigure(Moved(eni, mode));

    private void Connect(ushort port, string holder)
    {
        ReferenceOutcome syn = FromClient(port, TcpBits.Syn, sequence: 100);
        Assert.Equal((OutcomeKind.Forwarded, holder), (syn.Kind, syn.Sent[0].Port));
        Assert.Equal(OutcomeKind.Forwarded, FromGuest(holder, port, TcpBits.Syn | TcpBits.Ack, 900, 101).Kind);
        Assert.Equal(OutcomeKind.Forwarded, FromClient(port, TcpBits.Ack, 101, 901).Kind);
    }

    private ReferenceOutcome FromClient(ushort port, TcpBits flags, uint sequence, uint acknowledgment = 0, long stepNs = 1000) => _switch.Receive(
        "internet", PacketBuilder.Eth(TestTopologies.GatewayNeighbor, _config.Internet!.Mac).IPv4(Client, Public)
            .Tcp(port, 80, flags, t => t with { Sequence = sequence, Acknowledgment = acknowledgment }).Build(), _nowNs += stepNs);

    private ReferenceOutcome FromGuest(string eni, ushort port, TcpBits flags, uint sequence, uint acknowledgment = 0)
    {
        EniConfig from = _config.Enis.First(e => e.Name == eni);
        return _switch.Receive(
            eni, PacketBuilder.Eth(from.Mac, Gateway).IPv4(from.PrivateIps[0], Client)
                .Tcp(80, port, flags, t => t with { Sequence = sequence, Acknowledgment = acknowledgment }).Build(), _nowNs += 1000);
    }
}
