using System.Buffers.Binary;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.FlowLogs;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Wire;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.FlowLogs;

/// <summary>The records of random traffic add up to that traffic, to the packet and the byte. What they are held against is read from
/// the frames that go into the switch and come out of it.</summary>
public sealed class FlowLogExactnessTests(ITestOutputHelper output)
{
    private const int FrameCount = 20_000;

    /// <summary>Who speaks to whom first, in <see cref="TestTopologies.Rich"/>: ports, whether by the router, destination.</summary>
    private static readonly (string From, string To, bool IsRouted)[] Openings =
    [
        ("web", "10.0.1.11", false), ("app", "10.0.1.10", false), ("app", "10.0.2.10", true), ("app", "10.0.2.11", true),
        ("loose", "198.51.100.77", true), ("app", "198.51.100.77", true), ("app", "198.51.100.12", true), ("loose", "198.51.100.20", true),
        ("internet", "198.51.100.10", true), ("internet", "198.51.100.12", true), ("internet", "198.51.100.20", true),
        ("green", "10.0.1.11", false), ("twin", "fd00:9:0:1::10", false), ("green", "fd00:9:0:1::11", true),
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void All_records_add_up_to_what_went_in_and_came_out(int workers)
    {
        int seed = Seeded.Take("flow log records", output.WriteLine);
        using var bed = new FlowLogBed(TestTopologies.Rich(), workers);
        var seen = new Seen();
        var records = new List<FlowRecord>();
        Run(bed, new Random(seed), seen, () => records.AddRange(bed.Walk()));
        records.AddRange(bed.Walk());

        var accepted = records.Where(r => r.Key.IsAccepted).GroupBy(r => new Flow(
            r.Key.Eni.Name, r.Key.IsIngress, r.Key.Source, r.Key.Destination, r.Key.SourcePort, r.Key.DestinationPort, r.Key.Protocol))
            .ToDictionary(g => g.Key, g => (g.Sum(r => r.Totals.Packets), g.Sum(r => r.Totals.Bytes)));
        Assert.True(seen.Passed.Count > 100, $"{seen.Passed.Count} flows passed");
        Assert.Equal(seen.Passed.OrderBy(f => f.Key.ToString()), accepted.OrderBy(f => f.Key.ToString()));
        var rejected = records.Where(r => !r.Key.IsAccepted).GroupBy(r => r.Key.Reason).ToDictionary(g => g.Key, g => g.Sum(r => r.Totals.Packets));
        Assert.True(seen.Dropped.Count > 2, $"{seen.Dropped.Count} reasons");
        Assert.Equal(seen.Dropped.OrderBy(d => d.Key), rejected.OrderBy(d => d.Key));
    }

    [Fact]
    public void With_a_ring_that_overflows_records_and_told_losses_add_up()
    {
        int seed = Seeded.Take("flow logs with losses", output.WriteLine);
        SwitchConfig tight = TestTopologies.Tight();
        using var bed = new FlowLogBed(tight, ringCapacity: 8);
        var seen = new Seen();
        var records = new List<FlowRecord>();
        Run(bed, new Random(seed), seen, () => records.AddRange(bed.Walk(mayDrain: false)));
        for (int i = 0; i < 100; i++)
        {
            // What a full ring did not take from a live connection comes with a later walk.
            records.AddRange(bed.Walk());
        }

        foreach (EniConfig eni in tight.Enis.Where(e => e.Name != "db"))
        {
            long passed = seen.Passed.Where(f => f.Key.Eni == eni.Name).Sum(f => f.Value.Packets);
            long logged = records.Where(r => r.Key.Eni.Name == eni.Name && r.Key.IsAccepted).Sum(r => r.Totals.Packets);
            Assert.Equal(passed, logged + bed.LossOf(eni.Name).Packets);
        }

        Assert.True(bed.LossOf("app").Reports > 0, "the ring overflowed");
    }

    private static void Run(FlowLogBed bed, Random random, Seen seen, Action walk)
    {
        SwitchConfig config = TestTopologies.Rich();
        var answers = new List<(string Port, FrameAddresses Ends, ushort From, ushort To, byte Protocol)>();
        for (int i = 0; i < FrameCount; i++)
        {
            bed.NowMs += random.Next(20);
            bool isAnswer = answers.Count > 0 && random.Next(2) == 0;
            (string port, FrameAddresses ends, ushort from, ushort to, byte protocol) = isAnswer
                ? answers[random.Next(answers.Count)] : Opening(config, random);
            byte[] frame = protocol == (byte)IpProtocol.Udp
                ? Frames.Udp(ends, from, to, random.Next(1200))
                : Frames.Tcp(ends, from, to, isAnswer ? TcpBits.Syn | TcpBits.Ack : TcpBits.Syn);
            ReferenceOutcome outcome = bed.Send(port, frame);
            if (outcome.Kind == OutcomeKind.Forwarded)
            {
                (string outPort, byte[] outFrame) = Assert.Single(outcome.Sent);
                seen.Pass(port, frame, outPort, outFrame);
                answers.Add((outPort, ReplyTo(outFrame), to, from, protocol));
            }
            else
            {
                Assert.Equal(OutcomeKind.Dropped, outcome.Kind);
                seen.Dropped[outcome.DropReason] = seen.Dropped.GetValueOrDefault(outcome.DropReason) + 1;
            }

            if (random.Next(500) == 0)
            {
                walk();
            }
        }
    }

    private static (string, FrameAddresses, ushort, ushort, byte) Opening(SwitchConfig config, Random random)
    {
        (string from, string to, bool isRouted) = Openings[random.Next(Openings.Length)];
        IpAddress destination = TestTopologies.Ip(to);
        ushort port = (ushort)(random.Next(3) == 0 ? 80 : 1000 + random.Next(20));
        byte protocol = (byte)(random.Next(2) == 0 ? IpProtocol.Udp : IpProtocol.Tcp);
        ushort client = (ushort)(5000 + random.Next(30));
        if (from == "internet")
        {
            IpAddress outside = TestTopologies.Ip("203.0.113.5");
            return (from, new FrameAddresses(TestTopologies.GatewayNeighbor, config.Internet!.Mac, outside, destination), client, port, protocol);
        }

        EniConfig eni = config.Enis.First(e => e.Name == from);
        EniConfig? peer = config.Enis.FirstOrDefault(e => e.Subnet == eni.Subnet && e.PrivateIps.Contains(destination));
        IpAddress source = eni.PrivateIps.First(a => a.IsV6 == destination.IsV6);
        return (from, new FrameAddresses(eni.Mac, isRouted ? config.Switch.GatewayMac : peer!.Mac, source, destination), client, port, protocol);
    }

    private static FrameAddresses ReplyTo(byte[] frame)
    {
        Flow flow = Seen.FlowOf("", false, frame);
        return new FrameAddresses(MacAddress.Read(frame), MacAddress.Read(frame.AsSpan(6)), flow.Destination, flow.Source);
    }

    private readonly record struct Flow(
        string Eni, bool IsIngress, IpAddress Source, IpAddress Destination, ushort From, ushort To, byte Protocol);

    private sealed class Seen
    {
        public Dictionary<Flow, (long Packets, long Bytes)> Passed { get; } = [];

        public Dictionary<DropReason, long> Dropped { get; } = [];

        public void Pass(string inPort, byte[] inFrame, string outPort, byte[] outFrame)
        {
            Count(inPort, isIngress: false, inFrame, inFrame.Length);
            Count(outPort, isIngress: true, outFrame, inFrame.Length);
        }

        public static Flow FlowOf(string eni, bool isIngress, byte[] frame)
        {
            bool isV6 = frame[12] == 0x86;
            int addresses = isV6 ? 22 : 26;
            int size = isV6 ? 16 : 4;
            int l4 = isV6 ? 54 : 34;
            return new Flow(
                eni, isIngress, IpAddress.Read(frame.AsSpan(addresses), isV6), IpAddress.Read(frame.AsSpan(addresses + size), isV6),
                BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(l4)), BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(l4 + 2)),
                frame[isV6 ? 20 : 23]);
        }

        private void Count(string port, bool isIngress, byte[] frame, int length)
        {
            if (port != "internet")
            {
                Flow flow = FlowOf(port, isIngress, frame);
                (long packets, long bytes) = Passed.GetValueOrDefault(flow);
                Passed[flow] = (packets + 1, bytes + length - 14);
            }
        }
    }
}
