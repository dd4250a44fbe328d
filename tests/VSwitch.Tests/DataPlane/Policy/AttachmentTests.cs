using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Policy;

/// <summary>An ENI is detached and attached under traffic: what it meets meanwhile, and that nothing of the guest before it reaches the one
/// after it.</summary>
public sealed class AttachmentTests
{
    private const string A = "10.0.1.10";
    private const string A2 = "10.0.1.11";
    private const string B = "10.0.2.10";

    [Fact]
    public void What_is_for_a_detached_ENI_and_what_it_sends_is_dropped_as_port_down()
    {
        using var lab = new PolicyLab(PolicyLab.Text());
        Detach(lab, "b");
        lab.Drops("a", lab.From("a", A, B).Tcp(40000, 443, TcpBits.Syn), DropReason.PortDown);
        lab.Drops("internet", lab.From("internet", PolicyLab.World4, "203.0.113.11").Udp(1000, 2000), DropReason.PortDown);
        lab.Drops("b", lab.From("b", B, A).Udp(1000, 2000), DropReason.PortDown);
        lab.Drops("b", lab.From("b", "fd00:b:0:2::10", "fd00:b:0:1::10").Udp(1000, 2000), DropReason.PortDown);
        Assert.Equal(0, lab.ConnectionCount);
        lab.Passes("a", lab.Within("a", "a2", A, A2).Udp(1000, 2000), "a2");
    }

    [Fact]
    public void Nobody_hears_of_a_detached_ENI()
    {
        using var lab = new PolicyLab(PolicyLab.Text());
        EniConfig a = lab.Config.Enis[0];
        byte[] who = Frames.ArpRequest(a.Mac, IpAddress.Parse(A), IpAddress.Parse(A2));
        byte[] who6 = Frames.Solicitation(a.Mac, IpAddress.Parse("fd00:b:0:1::10"), IpAddress.Parse("fd00:b:0:1::11"));
        Assert.Equal(OutcomeKind.Answered, lab.Send("a", who).Kind);
        Assert.Equal(OutcomeKind.Answered, lab.Send("a", who6).Kind);
        Detach(lab, "a2");
        Assert.Equal(OutcomeKind.Consumed, lab.Send("a", who).Kind);
        Assert.Equal(OutcomeKind.Consumed, lab.Send("a", who6).Kind);
        Attach(lab, "a2");
        Assert.Equal(OutcomeKind.Answered, lab.Send("a", who).Kind);
    }

    [Theory]
    [InlineData("a", A, B, "b", null)]
    [InlineData("internet", PolicyLab.World4, "203.0.113.11", "b", B)]
    public void Its_connections_end_and_none_of_them_reaches_the_next_guest(string port, string source, string destination, string other, string? seen)
    {
        using var lab = new PolicyLab(PolicyLab.Text());
        lab.Establish(port, source, destination, other, seenDestination: seen);
        Detach(lab, other);
        lab.Drops(port, lab.Data(port, source, destination), DropReason.ConnectionInvalid);
        Attach(lab, other);
        lab.Drops(port, lab.Data(port, source, destination), DropReason.ConnectionInvalid);
        lab.Drops(other, lab.Reply(other, seen ?? destination, source), DropReason.ConnectionInvalid);
        Assert.Equal(0, lab.ConnectionCount);
        lab.Establish(port, source, destination, other, seenDestination: seen);
    }

    [Fact]
    public void An_ENI_that_changes_its_instance_at_once_loses_its_connections_and_others_keep_theirs()
    {
        using var lab = new PolicyLab(PolicyLab.Text());
        lab.Establish("a", A, B, "b");
        lab.Passes("a", lab.Within("a", "a2", A, A2).Udp(1000, 2000), "a2");
        SwitchConfig moved = lab.Config with
        {
            Instances = [new InstanceConfig("vm", 1, default)],
            Enis = [.. lab.Config.Enis.Select(e => e.Name == "b" ? e with { Instance = "vm", Primary = true } : e)],
        };
        lab.Change(moved);
        lab.Drops("a", lab.Data("a", A, B), DropReason.ConnectionInvalid);
        lab.Passes("a2", lab.Within("a2", "a", A2, A).Udp(2000, 1000), "a");
        lab.Establish("a", A, B, "b");
        lab.Change(moved with { Instances = [new InstanceConfig("vm", 2, default)] });
        lab.Passes("a", lab.Data("a", A, B), "b");
    }

    private static void Detach(PolicyLab lab, string name) => Set(lab, name, isDetached: true);

    private static void Attach(PolicyLab lab, string name) => Set(lab, name, isDetached: false);

    private static void Set(PolicyLab lab, string name, bool isDetached) => lab.Change(
        lab.Config with { Enis = [.. lab.Config.Enis.Select(e => e.Name == name ? e with { Detached = isDetached } : e)] });
}
