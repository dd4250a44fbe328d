using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Balancing;

/// <summary>Health checks decide who gets new connections.</summary>
public class BackendHealthTests
{
    private static readonly string Checked =
        "- { protocol: udp, port: 53, healthCheck: { protocol: icmp, interval: 1s, timeout: 500ms, healthy: 2, unhealthy: 2 }, " +
        BalancerLab.Backends("", "") + " }";

    [Fact]
    public void An_unhealthy_backend_gets_no_new_connections_keeps_the_old_ones_and_comes_back()
    {
        using var lab = new BalancerLab(Checked);
        Assert.Equal("w1", Ask(lab, 1));
        Assert.Equal("w2", Ask(lab, 2));
        Seconds(lab, 4, "w1");
        Assert.All(Enumerable.Range(3, 4), port => Assert.Equal("w1", Ask(lab, port)));
        Assert.Equal("w2", Ask(lab, 2));
        Seconds(lab, 4, "w1", "w2");
        Assert.Equal(["w1", "w2"], new[] { Ask(lab, 10), Ask(lab, 11) }.Order());
        Seconds(lab, 4);
        Assert.Single(lab.Drops("c", Question(lab, 12), DropReason.NoHealthyBackend));
    }

    private static PacketBuilder Question(BalancerLab lab, int port) =>
        lab.From("c", BalancerLab.Client, BalancerLab.Vip).Udp((ushort)(6000 + port), 53).Payload("ask");

    private static string Ask(BalancerLab lab, int port) => lab.Passes("c", Question(lab, port)).Port;

    /// <summary>Lets seconds pass, in which some backends answer the switch's echo requests.</summary>
    private static void Seconds(BalancerLab lab, int count, params string[] alive)
    {
        for (int tenth = 0; tenth < 10 * count; tenth++)
        {
            lab.NowNs += 100_000_000;
            foreach ((string port, byte[] frame) in lab.Switch.Wait(lab.NowNs).Where(s => alive.Contains(s.Port) && s.Frame[34] == 8).ToList())
            {
                ushort id = (ushort)((frame[38] << 8) | frame[39]);
                ushort sequence = (ushort)((frame[40] << 8) | frame[41]);
                lab.Send(port, lab.From(port, BalancerLab.AddressOf(port), IpAddress.Read(frame.AsSpan(26, 4), false).ToString())
                    .Echo(true, id, sequence).Payload(frame[42..]).Build());
            }
        }
    }
}
