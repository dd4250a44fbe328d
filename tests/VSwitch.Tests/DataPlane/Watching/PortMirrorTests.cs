using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Watching;
using VSwitch.DataPlane.Workers;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.DataPlane.Watching;

/// <summary>Copies to a port: as the packets were, counted apart, behind the traffic, and never at its cost.</summary>
public sealed class PortMirrorTests
{
    private const long StartNs = 1_000_000_000;

    [Fact]
    public void What_comes_in_and_what_goes_out_is_copied_and_no_counter_of_the_ports_moves()
    {
        using var sut = new RecordedSwitch(TestTopologies.Rich());
        FrameAddresses ends = PacketTapTests.OutOfWeb(sut.Config);
        byte[] frame = Frames.Udp(ends, 4000, 53);
        byte[] refused = Frames.Tcp(ends, 4000, 80, TcpBits.Ack);
        byte[] leaves = Assert.Single(sut.Receive("web", frame, StartNs)).Frame;
        PortCounters before = sut.Workers.Sum(sut.PortOf("db"));
        using var mirror = new PortMirror(sut.Workers, sut.PortOf("db"));
        sut.Watch((mirror, new PacketMatch { Port = sut.PortOf("web"), Direction = PacketDirection.In }));

        IReadOnlyList<FrameEnd> first = sut.Receive("web", frame, StartNs + 1);
        IReadOnlyList<FrameEnd> second = sut.Receive("web", refused, StartNs + 2);
        sut.Watch((mirror, new PacketMatch { Port = sut.PortOf("internet"), Direction = PacketDirection.Out }));
        IReadOnlyList<FrameEnd> third = sut.Receive("web", frame, StartNs + 3);

        Assert.Equal([("internet", Hex(leaves)), ("db", Hex(frame))], Sent(first));
        Assert.Equal([("db", Hex(refused))], Sent(second));
        Assert.Equal([("internet", Hex(leaves)), ("db", Hex(leaves))], Sent(third));
        Assert.Equal((3, frame.Length + refused.Length + leaves.Length, 0), mirror.Counts);
        PortCounters after = sut.Workers.Sum(sut.PortOf("db"));
        Assert.Equal((before.SentPackets, before.SentBytes, before.Generated), (after.SentPackets, after.SentBytes, after.Generated));
        sut.Finish(StartNs + 4);
    }

    [Fact]
    public void Two_ports_may_mirror_each_other_and_each_packet_is_copied_once()
    {
        using var sut = new RecordedSwitch(TestTopologies.Small());
        using var toB = new PortMirror(sut.Workers, sut.PortOf("b"));
        using var toA = new PortMirror(sut.Workers, sut.PortOf("a"));
        sut.Watch((toB, new PacketMatch { Port = sut.PortOf("a") }), (toA, new PacketMatch { Port = sut.PortOf("b") }));
        byte[] frame = Frames.Udp(PacketTapTests.AToB(sut.Config), 1, 2);

        IReadOnlyList<FrameEnd> ends = sut.Receive("a", frame, StartNs);

        Assert.Equal([("b", Hex(frame)), ("b", Hex(frame)), ("a", Hex(frame))], Sent(ends));
        sut.Finish(StartNs + 1);
    }

    [Fact]
    public void A_port_that_takes_nothing_loses_copies_and_nothing_else()
    {
        using var sut = new RecordedSwitch(TestTopologies.Rich());
        sut.Limit("db", 0);
        using var mirror = new PortMirror(sut.Workers, sut.PortOf("db"));
        sut.Watch((mirror, new PacketMatch { Port = sut.PortOf("web") }));

        Assert.Equal("internet", Assert.Single(sut.Receive("web", Frames.Udp(PacketTapTests.OutOfWeb(sut.Config), 4000, 53), StartNs)).Port);

        Assert.Equal((0, 0, 1), mirror.Counts);
        sut.Finish(StartNs + 1);
    }

    [Fact]
    public unsafe void Copies_never_take_more_than_half_of_the_free_buffers()
    {
        const int Buffers = 64;
        const int Burst = 50;
        using var sut = new RecordedSwitch(TestTopologies.Small(), smallBuffers: Buffers);
        using var mirror = new PortMirror(sut.Workers, sut.PortOf("a"));
        sut.Watch((mirror, new PacketMatch { Port = sut.PortOf("a"), Direction = PacketDirection.In }));
        Worker worker = sut.Workers.Workers[0];
        byte[] frame = Frames.Udp(PacketTapTests.AToB(sut.Config), 1, 2);
        PacketBuffer** packets = stackalloc PacketBuffer*[Burst];
        for (int i = 0; i < Burst; i++)
        {
            packets[i] = worker.Pool.Rent(frame.Length);
            frame.CopyTo(new Span<byte>(packets[i]->Data, packets[i]->CapacityBytes));
            packets[i]->Length = frame.Length;
        }

        worker.Pipeline.Begin(StartNs, 0);
        worker.Pipeline.Process(packets, Burst, sut.PortOf("a"));
        worker.Pipeline.Flush();

        (long copied, _, long lost) = mirror.Counts;
        Assert.Equal(Burst, sut.Workers.Sum(sut.PortOf("a")).Forwarded);
        Assert.Equal(Burst, copied + lost);
        Assert.InRange(copied, 1, (Buffers - Burst) / 2 + 1);
        Assert.Equal(Buffers, worker.Pool.SmallFreeCount);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_super_packet_is_copied_whole_or_in_segments_as_the_port_can(bool takesOffload)
    {
        using var sut = new RecordedSwitch(TestTopologies.Rich());
        if (!takesOffload)
        {
            sut.TakeOffloadFrom("db");
        }

        using var mirror = new PortMirror(sut.Workers, sut.PortOf("db"));
        sut.Watch((mirror, new PacketMatch { Port = sut.PortOf("web"), Direction = PacketDirection.In }));
        byte[] right = Frames.Udp(PacketTapTests.OutOfWeb(sut.Config), 4000, 53, 2500);
        (byte[] frame, VirtioNetHeader offload) = SuperPackets.Of(right, segment: 1000);

        FrameEnd[] copies = [.. sut.Receive("web", frame, offload, StartNs).Where(e => e.Port == "db")];

        if (takesOffload)
        {
            Assert.Equal(Hex(frame), Hex(Assert.Single(copies).Frame));
        }
        else
        {
            SuperPackets.AssertCut(right, 1000, [.. copies.Select(c => c.Frame)]);
        }

        Assert.Equal((copies.Length, copies.Sum(c => c.Frame.Length), 0), mirror.Counts);
        sut.Finish(StartNs + 1);
    }

    [Fact]
    public void What_no_device_can_cut_is_not_copied()
    {
        using var sut = new RecordedSwitch(TestTopologies.Rich());
        using var mirror = new PortMirror(sut.Workers, sut.PortOf("db"));
        sut.Watch((mirror, new PacketMatch { Port = sut.PortOf("web") }));
        (byte[] frame, VirtioNetHeader offload) = SuperPackets.Of(Frames.Udp(PacketTapTests.OutOfWeb(sut.Config), 4000, 53, 2500), segment: 1000);
        offload.GsoSize = 0;

        FrameEnd end = Assert.Single(sut.Receive("web", frame, offload, StartNs));

        Assert.Equal(DropReason.MalformedL4, end.Reason);
        Assert.Equal((0, 0, 1), mirror.Counts);
        sut.Finish(StartNs + 1);
    }

    private static (string, string)[] Sent(IReadOnlyList<FrameEnd> ends) =>
        [.. ends.Where(e => e.Reason == DropReason.None).Select(e => (e.Port, Hex(e.Frame)))];

    private static string Hex(byte[] frame) => Convert.ToHexString(frame);
}
