using System.Net;
using System.Net.Sockets;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Lab;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using static VSwitch.SystemTests.BlackBox.BenchPort;

namespace VSwitch.SystemTests.BlackBox;

/// <summary>Section A of the black-box cases: the router, and ICMP errors that belong to a connection or to
/// none.</summary>
public class IcmpErrorTests
{
    private const string UdpAndIcmp =
        "{ protocol: udp, source: 10.1.0.10/32 }, { protocol: icmp, source: 10.1.0.10/32 }";

    [RootFact]
    public void BB14_the_router_lowers_the_ttl_and_tells_when_it_is_over() => Bench.Run(
        new BenchSetup { RulesC = UdpAndIcmp }, bench =>
        {
            bench.Pass(A, Frames.Udp(A.To(C), 40000, 33434), C, PacketAssert.Ttl(63),
                PacketAssert.Macs(GatewayMac, C.Mac), PacketAssert.Ports(40000, 33434));

            byte[] last = Frames.Begin(A.To(C), ttl: 1).Udp(40001, 33434).Payload(64).Build();
            bench.DropWithError(A, last, DropReason.TtlExpired,
                PacketAssert.Macs(GatewayMac, A.Mac), PacketAssert.Addresses(Router1, A.Ip), PacketAssert.Icmp(11, 0),
                PacketAssert.Ttl(64),
                PacketAssert.Field("quote.ip.src", "10.1.0.10"), PacketAssert.Field("quote.ip.dst", "10.1.1.10"),
                PacketAssert.Field("quote.ip.ttl", "1"), PacketAssert.Field("quote.udp.src", "40001"),
                PacketAssert.Field("quote.udp.dst", "33434"),
                PacketAssert.Field("quote.payload", PacketFields.Of(last)["payload"]!));

            byte[] hello = Frames.Begin(A.Via(Router1), ttl: 1).Echo(false, 7, 1).Payload(32).Build();
            bench.Answer(A, hello, PacketAssert.Addresses(Router1, A.Ip), PacketAssert.Icmp(0, 0),
                PacketAssert.Field("icmp.rest", "00070001"));

            // No answer to an error, to a group, to a later fragment.
            byte[] answer = Frames.Udp(C.To(A), 33434, 40000);
            bench.Pass(C, answer, A);
            byte[] error = Frames.Begin(A.To(C), ttl: 1).IcmpError(3, 3, Frames.Udp(C.At(A), 33434, 40000)).Build();
            bench.Drop(A, error, DropReason.TtlExpired);
            bench.Drop(A, Frames.Begin(A.Via(IpAddress.Parse("224.0.0.9")), ttl: 1).Udp(520, 520).Build(),
                DropReason.Multicast);
            byte[] Datagram(byte ttl) => Frames.Begin(A.To(C), ttl).Udp(40002, 33434).Payload(1200).Build();
            bench.Pass(A, Frames.Fragments(Datagram(64), 800, 77)[0], C, PacketAssert.Ttl(63));
            bench.Drop(A, Frames.Fragments(Datagram(1), 800, 77)[1], DropReason.TtlExpired);
        });

    [RootFact("traceroute")]
    public void BB14_traceroute_shows_the_gateway_and_the_target() => Bench.Run(
        new BenchSetup { Kernel = [A, C], RulesC = UdpAndIcmp }, bench =>
        {
            bench.Network.Touch(C);
            (int exit, string output) = bench.Network.Run(
                A, "traceroute", "-n", "-q", "1", "-w", BenchNetwork.TracerouteWait, "-m", "4", "10.1.1.10");
            Assert.True(exit == 0, output);
            string[] hops = [.. output.Split('\n').Skip(1).Where(l => l.Length > 0)
                .Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1])];
            Assert.Equal(["10.1.0.1", "10.1.1.10"], hops);
        });

    [RootFact("nc")]
    public void BB15_an_unreachable_port_is_told_to_the_sender_without_a_rule() => Bench.Run(
        new BenchSetup { Kernel = [A, B], RulesB = "{ protocol: udp, ports: \"10000\", source: 10.1.0.0/24 }" },
            bench =>
        {
            bench.Network.Run(A, "sh", "-c", "echo a | nc -u -w2 10.1.0.11 10000");
            PacketFields error = Assert.Single(bench.Network[A].Where("ip.protocol", "1"));
            Assert.Equal(("3", "3", "10000"), (error["icmp.type"], error["icmp.code"], error["quote.udp.dst"]));

            bench.Network.Touch(B);
            SocketError refused = NamespaceThread.Run(A.Namespace, () =>
            {
                using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
                socket.ReceiveTimeout = 5000;
                socket.Connect(IPAddress.Parse("10.1.0.11"), 10000);
                socket.Send("a"u8);
                return Assert.Throws<SocketException>(() => socket.Receive(new byte[16])).SocketErrorCode;
            });
            Assert.Equal(SocketError.ConnectionRefused, refused);
        });

    [RootFact]
    public void BB17_errors_that_belong_to_no_connection_are_dropped() => Bench.Run(
        new BenchSetup { RulesB = "{ protocol: udp, ports: \"5555\", source: 10.1.0.10/32 }" }, bench =>
        {
            byte[] live = Frames.Udp(A.To(B), 41614, 5555);
            bench.Pass(A, live, B);
            PacketBuilder From(FrameAddresses ends) => Frames.Begin(ends);
            byte[] Error(byte[] quoted, int quoteBytes = 548, Func<IcmpLayer, IcmpLayer>? change = null) =>
                From(B.To(A)).IcmpError(3, 3, quoted, quoteBytes, 0, change).Build();

            byte[] badInner = PacketBuilder.Eth(A.Mac, B.Mac).IPv4(A.Ip, B.Ip, ip => ip with { Checksum = 0x1234 })
                .Udp(41614, 5555).Payload(16).Build();
            (byte[] Frame, DropReason Reason)[] unrelated =
            [
                (Error(Frames.Udp(A.To(B), 41614, 5556)), DropReason.ConnectionInvalid),
                (Error(Frames.Udp(B.To(A), 5555, 41614)), DropReason.ConnectionInvalid),
                (Error(live, quoteBytes: 20), DropReason.MalformedL4),
                (Error(badInner), DropReason.MalformedL4),
                (Error(live, change: i => i with { Checksum = 0x4321 }), DropReason.MalformedL4),
                (Error(From(A.To(B)).IcmpError(3, 3, Frames.Udp(B.To(A), 5555, 41614)).Build()),
                    DropReason.ConnectionInvalid),
                // The page lets an error of a third address pass. An ENI that is no router may not send from one (order of
                // checks, section 2); BB17_an_error_of_a_router_in_between_passes has those that may.
                (From(B.To(A) with { Source = Router1 }).IcmpError(3, 3, live).Build(), DropReason.SpoofedIp),
            ];
            foreach ((byte[] frame, DropReason reason) in unrelated)
            {
                bench.Drop(B, frame, reason);
            }

            bench.Pass(B, Error(live), A, PacketAssert.Icmp(3, 3), PacketAssert.Field("quote.udp.src", "41614"));
            Assert.Equal(1, bench.ConnectionCount);
        });

    [RootFact]
    public void BB17_an_error_of_a_router_in_between_passes()
    {
        IpAddress third = IpAddress.Parse("192.0.2.1");
        Bench.Run(new BenchSetup(), bench =>
        {
            byte[] outside = bench.Pass(A, Frames.Udp(A.To(X), 41614, 5555), X,
                PacketAssert.Addresses(A.Eip!.Value, X.Ip));
            byte[] error = Frames.Begin(X.Via(A.Eip!.Value) with { Source = third }).IcmpError(11, 0, outside).Build();
            bench.Pass(X, error, A, PacketAssert.Addresses(third, A.Ip), PacketAssert.Icmp(11, 0),
                PacketAssert.Field("quote.ip.src", "10.1.0.10"), PacketAssert.Field("quote.ip.dst", "198.51.100.10"));
        });
        Bench.Run(new BenchSetup { RulesB = UdpAndIcmp, EniB = "sourceDestCheck: false" }, bench =>
        {
            byte[] live = Frames.Udp(A.To(B), 41614, 5555);
            bench.Pass(A, live, B);
            bench.Pass(B, Frames.Begin(B.To(A) with { Source = third }).IcmpError(3, 1, live).Build(), A,
                PacketAssert.Addresses(third, A.Ip), PacketAssert.Icmp(3, 1));
        });
    }
}
