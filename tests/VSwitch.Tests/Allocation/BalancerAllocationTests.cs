using VSwitch.Testing;
using VSwitch.Tests.DataPlane.Balancing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Allocation;

/// <summary>Nothing is allocated for a load balancer's packets: new connections by each algorithm, known ones, dropped ones.</summary>
public class BalancerAllocationTests
{
    private const int Rounds = 1000;

    [Theory]
    [InlineData("", 80)]
    [InlineData("algorithm: leastConnections", 80)]
    [InlineData("algorithm: sourceIp", 80)]
    [InlineData("stickiness: 10s", 80)]
    [InlineData("", 81)]
    public void A_packet_of_a_load_balancer_allocates_nothing(string options, ushort to)
    {
        using var real = new SilentSwitch(BalancerLab.Read(BalancerLab.Text(
            $"- {{ protocol: udp, port: 80{(options.Length == 0 ? "" : ", " + options)}, {BalancerLab.Backends("", "weight: 3")} }}")));
        var ends = new FrameAddresses(
            MacAddress.Parse("02:00:00:00:00:0c"), BalancerLab.Gateway, IpAddress.Parse(BalancerLab.Client), IpAddress.Parse(BalancerLab.Vip));
        byte[][] frames = [.. Enumerable.Range(0, 100).Select(i => Frames.Udp(ends, (ushort)(1000 + i), to))];
        int port = Array.IndexOf(real.Snapshot.PortNames, "c");
        long nowNs = 1_000_000_000;
        void Run()
        {
            for (int i = 0; i < Rounds; i++)
            {
                // 40 s on, all connections have expired and begin anew.
                nowNs += i % 200 == 0 ? 40_000_000_000 : 1000;
                real.Workers.Workers[0].Inject(frames[i % frames.Length], port, nowNs);
            }
        }

        // The first runs bring the code to its last tier, which the runtime compiles in the background.
        Run();
        Run();
        Assert.Equal(0, AllocationGuard.BytesOf(Run));
        Assert.True(real.Workers.Sum(port).Forwarded == (to == 80 ? real.Workers.Sum(port).ReceivedPackets : 0), "the packets went their way");
    }
}
