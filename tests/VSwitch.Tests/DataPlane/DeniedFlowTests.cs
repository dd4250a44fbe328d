using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using Xunit;

namespace VSwitch.Tests.DataPlane;

/// <summary>A remembered denial must say what the rules would say: of that flow, in that direction, from that port, to that MAC, under
/// that policy, and of no other packet.</summary>
public sealed class DeniedFlowTests : IDisposable
{
    private const ushort Client = 4000;
    private const ushort Service = 5000;
    private const long StartNs = 1_000_000_000;
    private static readonly SwitchConfig Closed = Config("10.0.9.0/24");
    private static readonly SwitchConfig Open = Config("0.0.0.0/0");
    private static readonly FrameAddresses There =
        new(Closed.Enis[0].Mac, Closed.Enis[1].Mac, Closed.Enis[0].PrivateIps[0], Closed.Enis[1].PrivateIps[0]);

    private readonly SwitchUnderTest _switch = new(Closed);
    private long _nowNs = StartNs;

    [Fact]
    public void A_denied_flow_stays_denied_with_its_reason()
    {
        for (int i = 0; i < 5; i++)
        {
            Assert.Equal(DropReason.SecurityGroupIngress, Send("a", Frames.Udp(There, Client, Service)));
            Assert.Equal(DropReason.SecurityGroupIngress, Send("a", Frames.Tcp(There, Client, Service, TcpBits.Syn)));
        }

        Assert.Equal(0, _switch.ConnectionCount);
    }

    [Fact]
    public void A_new_policy_is_asked_anew_and_the_old_one_again()
    {
        byte[] frame = Frames.Udp(There, Client, Service);
        Deny(frame);
        _switch.Reconfigure(Open);
        Assert.Equal(DropReason.None, Send("a", frame));
        _switch.Reconfigure(Closed);
        Deny(frame);
    }

    [Fact]
    public void The_other_direction_is_judged_for_itself_and_its_connection_lets_replies_through()
    {
        byte[] frame = Frames.Udp(There, Client, Service);
        Deny(frame);
        Assert.Equal(DropReason.None, Send("b", Frames.Udp(There.Reverse(), Service, Client)));
        Assert.Equal(DropReason.None, Send("a", frame));
    }

    [Fact]
    public void Another_packet_of_the_same_tuple_gets_its_own_reason()
    {
        Deny(Frames.Tcp(There, Client, Service, TcpBits.Syn));
        Assert.Equal(DropReason.ConnectionInvalid, Send("a", Frames.Tcp(There, Client, Service, TcpBits.Ack)));
        Assert.Equal(DropReason.ConnectionInvalid, Send("a", Frames.Tcp(There, Client, Service, TcpBits.Syn | TcpBits.Ack)));
        FrameAddresses nobody = There with { DestinationMac = TestTopologies.Mac("02:00:00:00:00:77") };
        Assert.Equal(DropReason.UnknownDestinationMac, Send("a", Frames.Tcp(nobody, Client, Service, TcpBits.Syn)));
        FrameAddresses forged = There with { SourceMac = TestTopologies.Mac("02:00:00:00:00:77") };
        Assert.Equal(DropReason.SpoofedMac, Send("a", Frames.Tcp(forged, Client, Service, TcpBits.Syn)));
        Assert.Equal(DropReason.SpoofedMac, Send("b", Frames.Tcp(There, Client, Service, TcpBits.Syn)));
        Assert.Equal(DropReason.SecurityGroupIngress, Send("a", Frames.Tcp(There, Client, Service, TcpBits.Syn)));
    }

    [Fact]
    public void A_routed_packet_at_the_end_of_its_life_is_answered_although_its_flow_is_denied()
    {
        FrameAddresses routed = There with { DestinationMac = Closed.Switch.GatewayMac };
        byte[] frame = Frames.Udp(routed, Client, Service);
        Deny(frame);
        byte[] dying = Frames.Begin(routed, ttl: 1).Udp(Client, Service).Payload(16).Build();
        Assert.Equal(DropReason.TtlExpired, Send("a", dying));
        Deny(frame);
    }

    public void Dispose() => _switch.Dispose();

    private void Deny(byte[] frame)
    {
        Assert.Equal(DropReason.SecurityGroupIngress, Send("a", frame));
        Assert.Equal(DropReason.SecurityGroupIngress, Send("a", frame));
    }

    private DropReason Send(string port, byte[] frame)
    {
        _nowNs += 1_000_000;
        ReferenceOutcome outcome = _switch.Receive(port, frame, _nowNs);
        return outcome.DropReason;
    }

    /// <summary>As <see cref="TestTopologies.Small"/>, but b takes traffic only from a prefix.</summary>
    private static SwitchConfig Config(string from)
    {
        SwitchConfig small = TestTopologies.Small();
        var narrow = new SecurityGroupConfig { Name = "narrow", Vpc = "blue", Ingress = [TestTopologies.From(from)] };
        return small with
        {
            SecurityGroups = [.. small.SecurityGroups, narrow],
            Enis = [small.Enis[0], small.Enis[1] with { SecurityGroups = ["narrow"] }],
        };
    }
}
