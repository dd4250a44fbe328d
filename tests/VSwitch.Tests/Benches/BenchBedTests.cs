using VSwitch.Bench;
using VSwitch.DataPlane.Buffers;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Benches;

/// <summary>What is measured is what is said to be measured: the frames are valid, both directions come half and half, every one is
/// forwarded as it must be, and nothing else.</summary>
public unsafe class BenchBedTests
{
    private const int Flows = 100;

    [Theory]
    [InlineData((int)BenchScenario.L2, 64)]
    [InlineData((int)BenchScenario.Sg, 64)]
    [InlineData((int)BenchScenario.Eip, 64)]
    [InlineData((int)BenchScenario.Eip, 1500)]
    public void What_comes_out_is_what_must(int scenario, int frameBytes)
    {
        using var bed = new BenchBed(new BenchCase((BenchScenario)scenario, Flows, FrameBytes: frameBytes));
        int checkedCount = OutputCheck.Run(bed, bursts: 2);
        Assert.Equal(2 * BenchBed.Burst * bed.Sources[0].Length, checkedCount);
    }

    [Theory]
    [InlineData((int)BenchScenario.L2)]
    [InlineData((int)BenchScenario.Sg)]
    [InlineData((int)BenchScenario.Eip)]
    public void Both_directions_come_half_and_half(int scenario)
    {
        using var bed = new BenchBed(new BenchCase((BenchScenario)scenario, Flows));
        Assert.Equal(BenchLab.Groups, bed.Sources[0].Count(s => s.IsReply));
        Assert.Equal(BenchLab.Groups, bed.Sources[0].Count(s => !s.IsReply));
    }

    [Fact]
    public void Denied_openings_are_dropped_every_one()
    {
        using var bed = new BenchBed(new BenchCase(BenchScenario.Denied, Flows));
        long sent = StepAll(bed);
        Assert.Equal(sent, bed.Dropped);
        Assert.Equal(0, bed.Forwarded);
        Assert.Equal(0, bed.Workers.ConnectionCount);
    }

    [Fact]
    public void Sequential_order_is_the_order_of_the_flows()
    {
        using var bed = new BenchBed(new BenchCase(BenchScenario.Sg, Flows * BenchLab.Groups, Order: BenchOrder.Sequential));
        Assert.Equal(Enumerable.Range(0, BenchBed.Burst).Select(i => 1024 + i), ClientPorts(bed));
        using var shuffled = new BenchBed(new BenchCase(BenchScenario.Sg, Flows * BenchLab.Groups));
        Assert.NotEqual(ClientPorts(bed).Order(), ClientPorts(shuffled));
    }

    [Fact]
    public void Sources_by_owner_hand_nothing_over()
    {
        using var any = new BenchBed(new BenchCase(BenchScenario.Sg, Flows, Workers: 2), split: SourceSplit.Any);
        using var owner = new BenchBed(new BenchCase(BenchScenario.Sg, Flows, Workers: 2), split: SourceSplit.Owner);
        Assert.True(HandedOver(any) > 0);
        Assert.Equal(0, HandedOver(owner));
    }

    [Theory]
    [InlineData((int)BenchScenario.L2, false)]
    [InlineData((int)BenchScenario.Sg, true)]
    [InlineData((int)BenchScenario.Eip, false)]
    [InlineData((int)BenchScenario.Eip, true)]
    public void Frames_have_right_checksums_before_and_after(int scenario, bool isReply)
    {
        var lab = new BenchLab((BenchScenario)scenario, rules: 50, capacity: 1024);
        byte[] frame = new byte[100];
        lab.Write(frame, 12_345, isReply, TcpFlags.Ack, 1, 1);
        Assert.True(FrameChecksum.Verify(frame));
        byte[] expected = [.. frame];
        lab.RewriteAsExpected(expected, 12_345, isReply);
        Assert.True(FrameChecksum.Verify(expected));
        Assert.Equal(scenario == (int)BenchScenario.L2, expected.AsSpan().SequenceEqual(frame));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(50)]
    public void A_group_has_as_many_rules_as_were_asked_for(int rules)
    {
        var lab = new BenchLab(BenchScenario.Sg, rules, capacity: 1024);
        Assert.Equal(rules, lab.Config.SecurityGroups[0].Ingress.Count);
        Assert.Equal(rules, lab.WithRules(rules, salt: 3).SecurityGroups[0].Ingress.Count);
        Assert.Equal(1, lab.Config.SecurityGroups[0].Ingress
            .Zip(lab.WithOneRuleChanged(3).SecurityGroups[0].Ingress).Count(pair => pair.First != pair.Second &&
                !pair.First.Ports.SequenceEqual(pair.Second.Ports)));
    }

    private static long StepAll(BenchBed bed)
    {
        PacketBuffer** list = stackalloc PacketBuffer*[BenchBed.Burst];
        long sent = 0;
        foreach (FrameSource source in bed.Sources[0])
        {
            sent += bed.Step(list, source);
        }

        return sent;
    }

    private static long HandedOver(BenchBed bed)
    {
        PacketBuffer** list = stackalloc PacketBuffer*[BenchBed.Burst];
        long before = bed.Workers.Workers.Sum(w => w.Counters.HandedOver);
        for (int w = 0; w < bed.Sources.Length; w++)
        {
            foreach (FrameSource source in bed.Sources[w])
            {
                int count = source.Receive(bed.Workers.Workers[w].Pool, list, BenchBed.Burst);
                bed.Process(bed.Workers.Workers[w], list, count, source.Port);
            }
        }

        return bed.Workers.Workers.Sum(w => w.Counters.HandedOver) - before;
    }

    private static List<int> ClientPorts(BenchBed bed)
    {
        PacketBuffer** list = stackalloc PacketBuffer*[BenchBed.Burst];
        PacketPool pool = bed.Workers.Workers[0].Pool;
        int count = bed.Sources[0].First(s => !s.IsReply).Receive(pool, list, BenchBed.Burst);
        var ports = new List<int>();
        for (int i = 0; i < count; i++)
        {
            ports.Add((list[i]->Data[34] << 8) | list[i]->Data[35]);
            pool.Return(list[i]);
        }

        return ports;
    }
}
