using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using Xunit;
using static VSwitch.SystemTests.BlackBox.BenchPort;

namespace VSwitch.SystemTests.BlackBox;

/// <summary>Section A of the black-box cases: what rules let through.</summary>
public class SecurityGroupTests
{
    [RootFact("nc")]
    public void BB03_default_deny_is_silent() => Bench.Run(new BenchSetup { Kernel = [A, B] }, bench =>
    {
        (int exit, string output) = bench.Network.Run(A, "nc", "-v", "-w3", "10.1.0.11", "80");
        Assert.NotEqual(0, exit);
        Assert.Contains("timed out", output, StringComparison.Ordinal);
        Assert.DoesNotContain("refused", output, StringComparison.Ordinal);

        // Drops are counted on the port by which a frame came in. All that A sent but its ARP request is SYNs.
        VSwitch.DataPlane.Counters.PortCounters a = bench.Counters(A);
        long syns = a.ReceivedPackets - a.Answered - a.Consumed;
        Assert.True(syns >= 2, $"{syns} SYNs");
        Assert.Equal(syns, bench.Drops(A, DropReason.SecurityGroupIngress));
        Assert.Equal(0, bench.Network[B].Count);
        Assert.All(bench.Network[A].Frames, f => PacketAssert.That(f, PacketAssert.Field("eth.type", "0x0806")));
    });

    /// <summary>Security groups only allow (semantics.md decision 1), so their table is rule 2 alone; the rule that
    /// denies stands where the switch has order and denial, in a network ACL. That judges what crosses the border of a
    /// subnet: the senders A and B, the receiver C.</summary>
    [RootFact]
    public void BB06_the_table_of_verdicts_is_the_documented_one()
    {
        const string Allow = "protocol: udp, ports: \"1000-3000\", source: 10.1.0.10/32";
        const string Deny = "protocol: udp, ports: \"2000-2999\", source: 10.1.0.0/24";
        Bench.Run(new BenchSetup { RulesB = $"{{ {Allow} }}" }, bench => Assert.Equal(
            [1000, 1999, 2000, 2500, 2999, 3000], Passing(bench, [A, C], B, DropReason.SecurityGroupIngress)));
        string acl =
            $"{{ priority: 1, action: deny, {Deny} }}, {{ priority: 2, action: allow, {Allow} }}";
        var setup = new BenchSetup
        {
            NetworkAcls = $"{{ name: border, vpc: vpc1, ingress: [{acl}] }}",
            SubnetOfC = "networkAcl: border",
            RulesC = "{ protocol: all, source: 0.0.0.0/0 }",
        };
        Bench.Run(setup, bench => Assert.Equal([1000, 1999, 3000], Passing(bench, [A, B], C, DropReason.NetworkAcl)));
    }

    [RootFact]
    public void BB08_udp_without_data_and_padding_are_told_apart() => Bench.Run(
        new BenchSetup { RulesB = "{ protocol: udp, source: 0.0.0.0/0 }" }, bench =>
        {
            PacketBuilder empty = Frames.Begin(A.To(B)).Udp(40000, 9);
            byte[] bare = empty.Build();
            Assert.Equal(42, bare.Length);
            byte[] padded = empty.PadTo(60).Build();
            Assert.Equal(60, padded.Length);
            foreach (byte[] frame in (byte[][])[bare, padded])
            {
                byte[] arrived = bench.Pass(A, frame, B, PacketAssert.Field("udp.length", "8"),
                    PacketAssert.Without("payload"), PacketAssert.Unpadded());
                PacketAssert.Equal(bare, arrived);
            }

            foreach (int length in (int[])[7, 9])
            {
                PacketBuilder wrong = Frames.Begin(A.To(B)).Udp(40001, 9, u => u with { Length = length });
                bench.Drop(A, wrong.Build(), DropReason.MalformedL4);
                bench.Drop(A, wrong.PadTo(60).Build(), DropReason.MalformedL4);
            }
        });

    [RootFact]
    public void BB18_other_protocols_are_judged_by_number_and_keep_state() => Bench.Run(
        new BenchSetup
        {
            RulesB = "{ protocol: 47, source: 10.1.0.10/32 }, { protocol: tcp, ports: \"80\", source: 0.0.0.0/0 }, " +
                "{ protocol: udp, ports: \"80\", source: 0.0.0.0/0 }",
        },
        bench =>
        {
            // The payload begins as TCP and UDP from port 40000 to the allowed port 80 do.
            byte[] payload = Frames.Tcp(A.To(B), 40000, 80, TcpBits.Syn, 20)[34..];
            byte[] Of(FrameAddresses ends, byte protocol) => Frames.Begin(ends).Protocol(protocol).Payload(payload)
                .Build();

            bench.Pass(A, Of(A.To(B), 47), B, PacketAssert.Field("ip.protocol", "47"));
            foreach (byte protocol in (byte[])[112, 132, 50, 255])
            {
                bench.Drop(A, Of(A.To(B), protocol), DropReason.SecurityGroupIngress);
            }

            Assert.Equal(1, bench.ConnectionCount);
            bench.Pass(B, Of(B.To(A), 47), A, PacketAssert.Field("ip.protocol", "47"));
            bench.Drop(B, Of(B.To(A), 112), DropReason.SecurityGroupIngress);
            Assert.Equal(1, bench.ConnectionCount);
        });

    /// <summary>Sends UDP and TCP SYNs of two senders to eight ports: 32 verdicts. Gives the ports that pass, which are
    /// UDP of the first sender; all else is dropped for the reason.</summary>
    private static List<int> Passing(Bench bench, BenchPort[] senders, BenchPort to, DropReason reason)
    {
        var passed = new List<int>();
        foreach (BenchPort from in senders)
        {
            foreach (ushort port in (ushort[])[999, 1000, 1999, 2000, 2500, 2999, 3000, 3001])
            {
                bench.Drop(from, Frames.Tcp(from.To(to), 40000, port, TcpBits.Syn), reason);
                long before = bench.Drops(from, reason);
                int seen = bench.Network[to].Count;
                bench.Send(from, Frames.Udp(from.To(to), 40000, port));
                bench.Await(() => bench.Drops(from, reason) > before || bench.Network[to].Count > seen, "a verdict");
                if (bench.Network[to].Count > seen)
                {
                    bench.Expect(to, PacketAssert.Ports(40000, port), PacketAssert.Field("ip.src", from.Ip.ToString()));
                    Assert.Equal(senders[0], from);
                    passed.Add(port);
                }
            }
        }

        return passed;
    }
}
