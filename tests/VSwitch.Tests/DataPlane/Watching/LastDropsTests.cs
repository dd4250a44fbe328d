using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Watching;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.DataPlane.Watching;

/// <summary>The last packet of each reason.</summary>
public sealed class LastDropsTests
{
    private const long StartNs = 1_000_000_000;

    [Fact]
    public void Each_reason_keeps_its_last_packet()
    {
        using var sut = new RecordedSwitch(TestTopologies.Small());
        LastDrops drops = sut.Workers.Workers[0].Pipeline.LastDrops;
        FrameAddresses ends = PacketTapTests.AToB(sut.Config);
        byte[] first = Frames.Tcp(ends, 1, 2, TcpBits.Ack, 300);
        byte[] second = Frames.Tcp(ends, 3, 4, TcpBits.Ack);
        byte[] other = Frames.Udp(ends with { SourceMac = ends.DestinationMac }, 1, 2);

        Assert.Null(drops.Read(DropReason.ConnectionInvalid));
        sut.Receive("a", first, StartNs);
        LastDrop? afterFirst = drops.Read(DropReason.ConnectionInvalid);
        sut.Receive("a", second, StartNs + 1);
        sut.Receive("a", other, StartNs + 2);

        Assert.Equal((StartNs, sut.PortOf("a"), first.Length), (afterFirst!.TimeNs, afterFirst.Port, afterFirst.Length));
        Assert.Equal(first[..LastDrops.KeptBytes], afterFirst.Frame);
        Assert.Equal(second, drops.Read(DropReason.ConnectionInvalid)!.Frame);
        Assert.Equal(other, drops.Read(DropReason.SpoofedMac)!.Frame);
        Assert.Null(drops.Read(DropReason.NoRoute));
    }

    [Fact]
    public void Under_a_flood_the_packet_kept_is_of_the_last_millisecond()
    {
        using var sut = new RecordedSwitch(TestTopologies.Small());
        LastDrops drops = sut.Workers.Workers[0].Pipeline.LastDrops;
        FrameAddresses ends = PacketTapTests.AToB(sut.Config);
        for (int i = 0; i < 10_000; i++)
        {
            long nowNs = StartNs + (i * 1000L);
            sut.Receive("a", Frames.Tcp(ends, (ushort)i, 2, TcpBits.Ack), nowNs);
            Assert.InRange(drops.Read(DropReason.ConnectionInvalid)!.TimeNs, nowNs - 1_000_000, nowNs);
        }
    }
}
