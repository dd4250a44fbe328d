using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.ElasticIps;

/// <summary>An EIP's bandwidth over virtual time (semantics.md decision 11): within 1 % over 10 s, however many connections and workers
/// share it. Twice the bandwidth is offered; the first second empties the bucket and is not counted.</summary>
public class BandwidthCapTests
{
    private const long Rate = 20_000_000;
    private const int FrameBytes = 1514;
    private const long SecondNs = 1_000_000_000;
    private static readonly IpAddress Client = TestTopologies.Ip("203.0.113.9");
    private static readonly IpAddress Public = TestTopologies.Ip("198.51.100.10");
    private static readonly IpAddress Private = TestTopologies.Ip("10.0.1.10");

    public static TheoryData<int, int, bool> Loads
    {
        get
        {
            var rows = new TheoryData<int, int, bool>();
            foreach (int connections in (int[])[1, 64])
            {
                foreach (int workers in (int[])[1, 4])
                {
                    rows.Add(connections, workers, true);
                    rows.Add(connections, workers, false);
                }
            }

            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Loads))]
    public void Exact_for_any_number_of_connections_and_workers_both_ways(int connections, int workers, bool isOut)
    {
        using var bed = new Bed(workers, connections, Rate, bandwidthIn: Rate);
        bed.Run(isOut, SecondNs);
        AssertRate(Rate, bed.Run(isOut, 10 * SecondNs), 10);
    }

    [Theory]
    [InlineData(20_000_000, null, 100_000_000)]
    [InlineData(100_000_000, null, 100_000_000)]
    [InlineData(120_000_000, null, 120_000_000)]
    [InlineData(120_000_000, 30_000_000L, 30_000_000)]
    public void Inbound_is_100_Mbit_up_to_there_else_the_same_unless_said(long bandwidth, long? bandwidthIn, long expected)
    {
        using var bed = new Bed(workers: 1, connections: 4, bandwidth, bandwidthIn) { OfferedBitsPerSecond = expected * 3 / 2 };
        bed.Run(isOut: false, SecondNs / 5);
        AssertRate(expected, bed.Run(isOut: false, SecondNs), 1);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_change_takes_effect_at_once_and_fills_no_bucket(bool isOut)
    {
        using var bed = new Bed(workers: 4, connections: 64, Rate, bandwidthIn: Rate) { OfferedBitsPerSecond = 4 * Rate };
        bed.Run(isOut, SecondNs);
        AssertRate(Rate, bed.Run(isOut, 5 * SecondNs), 5);
        bed.Change(2 * Rate);
        AssertRate(2 * Rate, bed.Run(isOut, 5 * SecondNs), 5);
        bed.Change(Rate / 2);

        // An emptied bucket that were full again would let 131072 bytes more through: 2 % of these five seconds.
        AssertRate(Rate / 2, bed.Run(isOut, 5 * SecondNs), 5);
    }

    [Fact]
    public void Both_ways_have_a_bucket_each()
    {
        using var bed = new Bed(workers: 1, connections: 1, Rate, bandwidthIn: Rate);
        bed.Run(isOut: true, SecondNs);
        bed.Run(isOut: false, SecondNs);
        long sent = 0;
        long received = 0;
        for (int i = 0; i < 50; i++)
        {
            sent += bed.Run(isOut: true, SecondNs / 10);
            received += bed.Run(isOut: false, SecondNs / 10);
        }

        // Each way was offered in turns of 100 ms: the other's 100 ms fill the bucket up to its 131072 bytes.
        long most = (long)(50 * ((Rate / 8 / 10.0) + 131_072));
        Assert.InRange(sent, (long)(0.99 * most), (long)(1.01 * most));
        Assert.InRange(received, (long)(0.99 * most), (long)(1.01 * most));
    }

    private static void AssertRate(long bitsPerSecond, long bytes, double seconds)
    {
        double expected = bitsPerSecond / 8.0 * seconds;
        Assert.InRange(bytes / expected, 0.99, 1.01);
    }

    /// <summary>One ENI with an EIP, and UDP connections opened by the guest.</summary>
    private sealed class Bed : IDisposable
    {
        private readonly SwitchUnderTest _switch;
        private readonly byte[][] _out;
        private readonly byte[][] _in;
        private SwitchConfig _config;
        private long _nowNs = SecondNs;
        private int _turn;

        public Bed(int workers, int connections, long bandwidth, long? bandwidthIn)
        {
            OfferedBitsPerSecond = 2 * bandwidth;
            SwitchConfig rich = TestTopologies.Rich();
            _config = rich with
            {
                SecurityGroups = [.. rich.SecurityGroups.Select(g => g with { Ingress = [TestTopologies.From("0.0.0.0/0")], Egress = null })],
                ElasticIps = [TestTopologies.Eip("web-ip", "198.51.100.10", "web") with { BandwidthBitsPerSecond = bandwidth, BandwidthInBitsPerSecond = bandwidthIn }],
            };
            _switch = new SwitchUnderTest(_config, workers);
            var guest = new FrameAddresses(new MacAddress(0x0200_0000_0011), _config.Switch.GatewayMac, Private, Client);
            var outside = new FrameAddresses(TestTopologies.GatewayNeighbor, _config.Internet!.Mac, Client, Public);
            const int Payload = FrameBytes - 14 - 20 - 8;
            _out = [.. Enumerable.Range(0, connections).Select(i => Frames.Udp(guest, (ushort)(40_000 + i), 9, Payload))];
            _in = [.. Enumerable.Range(0, connections).Select(i => Frames.Udp(outside, 9, (ushort)(40_000 + i), Payload))];
            foreach (byte[] frame in _out)
            {
                Assert.Equal(OutcomeKind.Forwarded, _switch.Receive("web", Frames.Udp(guest, (ushort)((frame[34] << 8) | frame[35]), 9, 16), _nowNs).Kind);
            }
        }

        public long OfferedBitsPerSecond { get; init; }

        /// <summary>Offers load for a time.</summary>
        /// <returns>Bytes of the frames that passed.</returns>
        public long Run(bool isOut, long durationNs)
        {
            long stepNs = FrameBytes * 8 * SecondNs / OfferedBitsPerSecond;
            long endNs = _nowNs + durationNs;
            long passed = 0;
            for (; _nowNs < endNs; _nowNs += stepNs)
            {
                byte[] frame = (isOut ? _out : _in)[_turn++ % _out.Length];
                ReferenceOutcome outcome = _switch.Receive(isOut ? "web" : "internet", frame, _nowNs);
                passed += outcome.Kind == OutcomeKind.Forwarded ? outcome.Sent[0].Frame.Length : 0;
            }

            return passed;
        }

        public void Change(long bitsPerSecond)
        {
            _config = _config with { ElasticIps = [_config.ElasticIps[0] with { BandwidthBitsPerSecond = bitsPerSecond, BandwidthInBitsPerSecond = bitsPerSecond }] };
            _switch.Reconfigure(_config);
        }

        public void Dispose() => _switch.Dispose();
    }
}
