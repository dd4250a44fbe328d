using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using static VSwitch.SystemTests.BlackBox.BenchPort;

namespace VSwitch.SystemTests.BlackBox;

/// <summary>Section C of the black-box cases: isolation, the link layer, lies.</summary>
public class IsolationTests
{
    private const string Web = "{ protocol: tcp, ports: \"80\", source: 0.0.0.0/0 }";

    [RootFact]
    public void BB37_the_same_addresses_in_two_vpcs_never_meet() =>
        Bench.Run(new BenchSetup { RulesB = Web, RulesE = Web }, bench =>
    {
        var blue = new TcpTalk(bench, A, B, 40000, 80, 1000, 5000);
        var red = new TcpTalk(bench, D, E, 40000, 80, 770_000, 990_000);
        foreach (Action<TcpTalk> step in (Action<TcpTalk>[])
        [
            t => t.FromClient(TcpBits.Syn), t => t.FromServer(TcpBits.Syn | TcpBits.Ack),
            t => t.FromClient(TcpBits.Ack), t => t.Exchange(300),
        ])
        {
            step(blue);
            step(red);
            bench.Quiet();
        }

        Assert.Equal(2, bench.ConnectionCount);
        blue.FromClient(TcpBits.Rst | TcpBits.Ack);
        red.Exchange(700);

        const int Tuples = 2000;
        byte[] Syn(BenchPort from, BenchPort to, int i, uint sequence) => Frames.Begin(from.To(to))
            .Tcp((ushort)(10_000 + i), 80, TcpBits.Syn, t => t with { Sequence = sequence }).Build();
        List<byte[]> blues = [.. Enumerable.Range(0, Tuples).Select(i => Syn(A, B, i, 1))];
        List<byte[]> reds = [.. Enumerable.Range(0, Tuples).Select(i => Syn(D, E, i, 2))];
        for (int i = 0; i < Tuples; i += 100)
        {
            bench.SendAll(A, blues.Skip(i).Take(100));
            bench.SendAll(D, reds.Skip(i).Take(100));
        }

        // Two workers: the order of different connections is free, each arrives once and only in its own VPC.
        foreach ((BenchPort at, List<byte[]> sent) in new[] { (B, blues), (E, reds) })
        {
            List<string> arrived = [.. sent.Select(_ => Convert.ToHexString(bench.Expect(at)))];
            Assert.Equal(sent.Select(Convert.ToHexString).Order(StringComparer.Ordinal),
                arrived.Order(StringComparer.Ordinal));
        }

        Assert.Equal((2 * Tuples) + 2, bench.ConnectionCount);
    });

    [RootFact]
    public void BB38_nothing_leaks_between_vpcs()
    {
        IpAddress inVpc1 = C.Ip;
        FrameAddresses To(string mac, IpAddress ip) => new(D.Mac, MacAddress.Parse(mac), D.Ip, ip);
        Bench.Run(new BenchSetup { RulesA = Web }, bench =>
        {
            (byte[] Frame, DropReason Reason)[] lost =
            [
                (Frames.Udp(To("ff:ff:ff:ff:ff:ff", IpAddress.Parse("255.255.255.255")), 40000, 9),
                    DropReason.Multicast),
                (Frames.Udp(To("ff:ff:ff:ff:ff:ff", inVpc1), 40000, 9), DropReason.Multicast),
                (Frames.Udp(To("01:00:5e:00:00:fb", IpAddress.Parse("224.0.0.251")), 5353, 5353), DropReason.Multicast),
                (Frames.Udp(To("02:00:00:00:09:99", inVpc1), 40000, 9), DropReason.UnknownDestinationMac),
                (Frames.Tcp(To("02:00:00:00:01:0a", inVpc1), 40000, 80, TcpBits.Syn), DropReason.VpcIsolation),
                (Frames.Tcp(To("02:00:00:00:01:0b", B.Ip), 40000, 80, TcpBits.Syn), DropReason.VpcIsolation),
            ];
            foreach ((byte[] frame, DropReason reason) in lost)
            {
                bench.Drop(D, frame, reason);
            }

            // Inside its own VPC's range nobody has that address; D is told, nobody else sees anything.
            bench.DropWithError(D, Frames.Tcp(D.Via(inVpc1), 40000, 80, TcpBits.Syn), DropReason.NoRoute,
                PacketAssert.Addresses(Router1, D.Ip), PacketAssert.Icmp(3, 0),
                PacketAssert.Field("quote.tcp.dst", "80"));
            bench.Consume(D, Frames.ArpRequest(D.Mac, D.Ip, inVpc1));
            Assert.All((BenchPort[])[A, B, C, X], port => Assert.Equal(0, bench.Network[port].Count));

            // By A's EIP it comes as anybody outside does, and its own EIP is what A sees.
            bench.Pass(D, Frames.Tcp(D.Via(A.Eip!.Value), 40000, 80, TcpBits.Syn), A,
                PacketAssert.Macs(GatewayMac, A.Mac), PacketAssert.Addresses(D.Eip!.Value, A.Ip),
                PacketAssert.Flags(TcpBits.Syn));
            bench.Drop(D, Frames.Tcp(D.Via(A.Eip!.Value), 40000, 22, TcpBits.Syn), DropReason.SecurityGroupIngress);
        });
    }

    [RootFact]
    public void BB39_arp_is_answered_by_the_switch_for_what_is_there_and_by_nobody_else() =>
        Bench.Run(new BenchSetup(), bench =>
    {
        byte[] Who(IpAddress target, IpAddress? sender = null) => Frames.ArpRequest(A.Mac, sender ?? A.Ip, target);
        PacketCheck[] Says(MacAddress mac, IpAddress ip) =>
        [
            PacketAssert.Macs(mac, A.Mac), PacketAssert.Field("arp.op", "2"),
            PacketAssert.Field("arp.sha", mac.ToString()),
            PacketAssert.Field("arp.spa", ip.ToString()), PacketAssert.Field("arp.tha", A.Mac.ToString()),
        ];
        byte[] padded = [.. Who(Router1), .. new byte[18]];
        foreach (byte[] frame in (byte[][])[Who(Router1), padded])
        {
            Assert.InRange(bench.Answer(A, frame, Says(GatewayMac, Router1)).Length, 42, 60);
        }

        bench.Answer(A, Who(B.Ip), Says(B.Mac, B.Ip));

        // A probe for the own address must stay without an answer, else the asker would take it for taken (RFC 5227
        // section 2.1).
        bench.Consume(A, Who(A.Ip, IpAddress.Parse("0.0.0.0")));
        bench.Consume(A, Who(IpAddress.Parse("10.1.0.77")));
        bench.Consume(A, Who(IpAddress.Parse("10.1.0.40")));
        bench.Consume(A, Frames.ArpReply(A.Mac, A.Ip, GatewayMac, Router1));
        bench.Drop(A, Frames.ArpReply(A.Mac, B.Ip, GatewayMac, Router1), DropReason.SpoofedIp);
        ArpLayer good = new(1, A.Mac, A.Ip, default, Router1);
        foreach (ArpLayer wrong in (ArpLayer[])[good with { HardwareType = 6 }, good with { ProtocolSize = 16 }])
        {
            bench.Drop(A, PacketBuilder.Eth(A.Mac, MacAddress.Broadcast).Arp(wrong).Build(), DropReason.MalformedArp);
        }

        // Nothing was learnt from any of it.
        bench.Answer(A, Who(B.Ip), Says(B.Mac, B.Ip));
        bench.Answer(A, Who(Router1), Says(GatewayMac, Router1));
    });
}
