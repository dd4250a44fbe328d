using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using Xunit;
using static VSwitch.Tests.Testing.RowWords;

namespace VSwitch.Tests.Allocation;

/// <summary>Nothing is allocated for a packet that an ENI limits or marks, nor for one to an EIP under attack.</summary>
public class GuardAllocationTests
{
    private const int Rounds = 2000;

    [Theory]
    [InlineData(1_000_000, DropReason.None)]
    [InlineData(10, DropReason.EniPacketRate)]
    public void A_limited_and_marked_packet_allocates_nothing(int packets, DropReason reason)
    {
        SwitchConfig config = Small with
        {
            Enis = [.. Small.Enis.Select(e => e with { Limits = new EniLimitsConfig { EgressPacketsPerSecond = packets, IngressBitsPerSecond = 1_000_000_000 }, Dscp = 46 })],
        };
        using var real = new SilentSwitch(config);
        Assert.Equal(0, BytesOf(real, "a", Frames.Udp(Switched("a", "b", "10.0.1.10", "10.0.1.11"), 1, 2)));
        long dropped = real.Workers.SumDrops(real.Snapshot.PortNames.IndexOf("a"), DropReason.EniPacketRate);
        Assert.Equal(reason == DropReason.EniPacketRate, dropped > 0);
    }

    [Fact]
    public void A_challenge_a_proof_and_a_scrubbed_packet_allocate_nothing()
    {
        var protection = new ProtectionConfig { SynsPerSecond = 1, NewConnectionsPerSecond = 1 };
        SwitchConfig config = Rich with
        {
            ElasticIps = [.. Rich.ElasticIps.Select(e => e.Name == "web-ip" ? e with { Protection = protection } : e)],
        };
        using var real = new SilentSwitch(config);
        byte[][] frames =
        [
            .. Enumerable.Range(1, 200).SelectMany(i => new[]
            {
                Frames.Tcp(Outside($"203.0.113.{i}", "198.51.100.10"), 4000, 80, TcpBits.Syn),
                Frames.Tcp(Outside($"203.0.113.{i}", "198.51.100.10"), 4000, 80, TcpBits.Rst),
                Frames.Udp(Outside($"203.0.113.{i}", "198.51.100.10"), 4000, 1000),
            }),
        ];
        Assert.Equal(0, BytesOf(real, "internet", frames));
        Assert.True(real.Workers.SumDrops(0, DropReason.ScrubbingSyn) > 100);
        Assert.True(real.Workers.SumDrops(0, DropReason.ScrubbingRate) > 100);
    }

    private static long BytesOf(SilentSwitch real, string port, params byte[][] frames)
    {
        int number = Array.IndexOf(real.Snapshot.PortNames, port);
        long nowNs = 1_000_000_000_000;
        void Run()
        {
            for (int i = 0; i < Rounds; i++)
            {
                real.Workers.Workers[0].Inject(frames[i % frames.Length], number, nowNs += 1000);
            }
        }

        // The first run brings the code to its last tier.
        Run();
        return AllocationGuard.BytesOf(Run);
    }
}
