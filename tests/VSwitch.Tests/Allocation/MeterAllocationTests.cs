using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Tests.DataPlane.Wayside;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Allocation;

/// <summary>Nothing is allocated for a packet that an EIP counts, or that is over its bandwidth, nor for a round that is noted.</summary>
public class MeterAllocationTests
{
    private const int Rounds = 2000;

    [Theory]
    [InlineData("out by an EIP")]
    [InlineData("in by an EIP")]
    [InlineData("hairpin")]
    public void A_packet_of_an_eip_allocates_nothing(string name)
    {
        var way = Way.Named(name);
        using var real = new SilentSwitch(Way.Config);
        byte[] frame = way.Udp(100);
        Assert.Equal(0, BytesOf(real, way.InPort, frame));
        int number = real.Snapshot.EipAt(real.Snapshot.EipNames.IndexOf("green-ip")).Number;
        MeterCounters counted = name[0] == 'o' ? real.Workers.Eips.SentBy(number) : real.Workers.Eips.ReceivedBy(number);
        Assert.True(counted.Packets >= 2 * Rounds, "the packets were counted");
    }

    [Fact]
    public void A_packet_over_the_bandwidth_allocates_nothing()
    {
        var way = Way.Named("out by an EIP");
        SwitchConfig config = Way.Config with
        {
            ElasticIps = [.. Way.Config.ElasticIps.Select(e => e.Name == "green-ip" ? e with { BandwidthBitsPerSecond = 1000 } : e)],
        };
        using var real = new SilentSwitch(config);
        Assert.Equal(0, BytesOf(real, way.InPort, way.Udp(100)));
        int port = Array.IndexOf(real.Snapshot.PortNames, way.InPort);
        Assert.True(real.Workers.SumDrops(port, DropReason.EipBandwidth) >= Rounds, "the packets were dropped");
        Assert.Equal(
            real.Workers.SumDrops(port, DropReason.EipBandwidth),
            real.Workers.Eips.SentBy(real.Snapshot.EipAt(real.Snapshot.EipNames.IndexOf("green-ip")).Number).DroppedPackets);
    }

    [Fact]
    public void A_round_that_is_noted_allocates_nothing()
    {
        var rounds = new RoundCounters();
        AllocationGuard.RequireNone("a round", () => rounds.NoteBusy(rounds.BusyNs % 100_000, 3));
        Assert.Equal(2, rounds.BusyRounds);
    }

    private static long BytesOf(SilentSwitch real, string port, byte[] frame)
    {
        int number = Array.IndexOf(real.Snapshot.PortNames, port);
        long nowNs = Way.Start;
        void Run()
        {
            for (int i = 0; i < Rounds; i++)
            {
                real.Workers.Workers[0].Inject(frame, number, nowNs += 1000);
            }
        }

        // The first runs bring the code to its last tier, which the runtime compiles in the background.
        Run();
        return AllocationGuard.BytesOf(Run);
    }
}
