using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Wire;
using static VSwitch.Testing.PacketAssert;
using static VSwitch.Tests.Testing.RowWords;

namespace VSwitch.Tests.Testing;

/// <summary>Rows of section 4, hit, 1: packets of a live connection that go another way, to the same end or to another one; and of
/// section 5, neighbours that nobody heard of for long.</summary>
internal static class ReferenceStrayRows
{
    private const TcpBits Syn = TcpBits.Syn;
    private const TcpBits SynAck = TcpBits.Syn | TcpBits.Ack;
    private const TcpBits Ack = TcpBits.Ack;
    private const string Invalid = "dropped connection-invalid";
    private const int TwentyMinutesMs = 20 * 60 * 1000;

    private static readonly SwitchConfig Boxes = TestTopologies.Transit();
    private static readonly MacAddress Box = Boxes.Enis.Single(eni => eni.Name == "box").Mac;
    private static readonly MacAddress Relay = Boxes.Enis.Single(eni => eni.Name == "relay").Mac;
    private static readonly FrameAddresses WebToApp = Switched("web", "app", "10.0.1.10", "10.0.1.11");
    private static readonly FrameAddresses WebByBox = new(MacOf("web"), Box, Ip("10.0.1.10"), Ip("203.0.113.70"));
    private static readonly FrameAddresses LooseOut = Routed("loose", "10.0.2.11", "203.0.113.70");
    private static readonly FrameAddresses WebToNobody = Routed("web", "10.0.1.10", "198.51.100.88");
    private static readonly MacAddress Nobody = new(0x0200_0000_9988);

    public static IEnumerable<ReferenceRow> All() => [.. Strays(), .. Changes(), .. OldNeighbors(), .. ForgottenNeighbors()];

    private static byte[] Udp(FrameAddresses ends) => Frames.Udp(ends, 40000, 1000);

    private static byte[] Answer(FrameAddresses ends) => Frames.Udp(ends, 1000, 40000);

    private static byte[] Tcp(FrameAddresses ends, TcpBits flags) => Frames.Tcp(ends, 40000, 80, flags);

    private static IEnumerable<ReferenceRow> Strays()
    {
        FrameAddresses back = WebToApp.Reverse();
        FrameAddresses astray = WebToApp with { DestinationMac = Box };
        FrameAddresses byRouter = Routed("web", "10.0.1.10", "10.0.1.11");
        FrameAddresses boxBack = new(Box, MacOf("web"), Ip("203.0.113.70"), Ip("10.0.1.10"));
        IReadOnlyList<byte[]> pieces = Frames.Fragments(Frames.Udp(WebToApp, 40000, 1000, 100), 48, 77);
        IReadOnlyList<byte[]> lost = Frames.Fragments(Frames.Udp(astray, 40000, 1000, 100), 48, 77);
        byte[] quoted = Answer(back);
        return
        [
            Row("a packet to the MAC of an ENI that routes does not move the connection to it", Boxes,
                In("web", Tcp(WebToApp, Syn), "forwarded app"), In("web", Tcp(astray, Syn), Invalid),
                In("app", Frames.Tcp(back, 80, 40000, SynAck), "forwarded web"), In("web", Tcp(astray, Ack), Invalid),
                In("web", Tcp(WebToApp, Ack), "forwarded app"),
                In("app", Frames.Tcp(back with { DestinationMac = Box }, 80, 40000, Ack), Invalid),
                In("app", Frames.Tcp(back, 80, 40000, Ack), "forwarded web")),
            Row("by MAC and by the router to the same end", Boxes, In("web", Udp(WebToApp), "forwarded app", PacketAssert.Ttl(64)),
                In("web", Udp(byRouter), "forwarded app", PacketAssert.Ttl(63)), In("web", Udp(astray), Invalid),
                In("app", Answer(Routed("app", "10.0.1.11", "10.0.1.10")), "forwarded web", PacketAssert.Ttl(63)),
                In("app", Answer(back), "forwarded web", PacketAssert.Ttl(64)), In("web", Udp(WebToApp), "forwarded app", PacketAssert.Ttl(64))),
            Row("led by a MAC, and the router would go elsewhere", Boxes, In("web", Udp(WebByBox), "forwarded box"),
                In("web", Udp(Routed("web", "10.0.1.10", "203.0.113.70")), Invalid),
                In("web", Udp(WebByBox with { DestinationMac = Relay }), Invalid), In("web", Udp(WebByBox), "forwarded box"),
                In("box", Answer(boxBack), "forwarded web"), In("box", Answer(boxBack with { DestinationMac = Gateway }), "forwarded web"),
                In("relay", Answer(boxBack with { SourceMac = Relay }), Invalid)),
            Row("fragments of a connection to another MAC", Boxes, In("web", pieces[0], "forwarded app"), In("web", lost[1], Invalid)),
            Row("an error about a connection to another MAC", Boxes, In("web", Udp(WebToApp), "forwarded app"),
                In("app", quoted, "forwarded web"),
                In("web", Frames.Begin(astray).IcmpError(3, 3, quoted).Build(), Invalid),
                In("web", Frames.Begin(WebToApp).IcmpError(3, 3, quoted).Build(), "forwarded app")),
        ];
    }

    private static IEnumerable<ReferenceRow> Changes()
    {
        FrameAddresses astray = WebToApp with { DestinationMac = Box };
        FrameAddresses boxBack = new(Box, Gateway, Ip("203.0.113.70"), Ip("10.0.2.11"));
        SwitchConfig changed = TestTopologies.Transit("relay");
        return
        [
            new ReferenceRow("a packet to another MAC right after a change of the policy", Boxes,
                [In("web", Udp(WebToApp), "forwarded app"), In("web", Udp(astray), Invalid), In("web", Udp(WebToApp), "forwarded app")],
                changed, 1),
            new ReferenceRow("a route that leads to another ENI takes its connections along", Boxes,
                [
                    In("loose", Udp(LooseOut), "forwarded box"), In("box", Answer(boxBack), "forwarded loose"),
                    In("loose", Udp(LooseOut), "forwarded relay"), In("box", Answer(boxBack), Invalid),
                    In("relay", Answer(boxBack with { SourceMac = Relay }), "forwarded loose"),
                ],
                changed, 2),
            new ReferenceRow("an ENI that routes no longer has no more part in what a MAC led to it", Boxes,
                [
                    In("web", Udp(WebByBox), "forwarded box"),
                    In("box", Answer(new FrameAddresses(Box, MacOf("web"), Ip("203.0.113.70"), Ip("10.0.1.10"))), "dropped spoofed-ip"),
                    In("web", Udp(WebByBox), "dropped no-route"),
                    In("web", Udp(Routed("web", "10.0.1.10", "203.0.113.70")), "forwarded internet"),
                ],
                Boxes with { Enis = [.. Boxes.Enis.Select(eni => eni.Name == "box" ? eni with { SourceDestCheck = true } : eni)] }, 1),
        ];
    }

    /// <summary>A frame of an ENI that is consumed: whatever is sent has another cause.</summary>
    private static RowStep Nothing(long atMs, params PacketCheck[] checks) =>
        In("app", Frames.ArpRequest(MacOf("app"), Ip("10.0.1.11"), Ip("10.0.1.11")), "consumed", checks).At(atMs);

    private static byte[] Heard(MacAddress mac) => Frames.ArpReply(mac, Ip("198.51.100.88"), Inet, Ip("198.51.100.1"));

    private static IEnumerable<ReferenceRow> OldNeighbors()
    {
        byte[] question = PacketBuilder.Eth(Inet, Nobody)
            .Arp(new ArpLayer(1, Inet, Ip("198.51.100.1"), default, Ip("198.51.100.88"))).Build();
        RowStep Asked(long atMs) => Nothing(atMs) with { Exactly = question };
        byte[] known = Frames.ArpReply(TestTopologies.GatewayNeighbor, TestTopologies.Gateway4, Inet, Ip("198.51.100.1"));
        return
        [
            Row("a neighbour is asked after 20 minutes, and believed again when it answers", In("internet", Heard(Nobody), "consumed"),
                Nothing(TwentyMinutesMs - 1), Asked(TwentyMinutesMs), In("internet", Heard(Nobody), "consumed").At(TwentyMinutesMs + 1),
                Nothing((2 * TwentyMinutesMs) - 1), Asked((2 * TwentyMinutesMs) + 1),
                In("web", Frames.Udp(WebToNobody, 1, 2), "forwarded internet", Macs(Inet, Nobody)).At((2 * TwentyMinutesMs) + 2)),
            Row("an IPv6 neighbour is asked by itself",
                In("internet",
                    PacketBuilder.Eth(Nobody, Inet).IPv6(Ip("2001:db8:100::77"), Ip("2001:db8:100::1"), ip => ip with { HopLimit = 255 })
                        .NeighborAdvertisement(Ip("2001:db8:100::77"), Nobody, 0x60).Build(), "consumed"),
                Nothing(TwentyMinutesMs) with
                {
                    Exactly = PacketBuilder.Eth(Inet, Nobody)
                        .IPv6(Ip("2001:db8:100::1"), Ip("2001:db8:100::77"), ip => ip with { HopLimit = 255 })
                        .NeighborSolicitation(Ip("2001:db8:100::77"), Inet).Build(),
                }),
            Row("one that does not answer is asked three times and forgotten", In("internet", Heard(Nobody), "consumed"),
                Asked(TwentyMinutesMs + 7), Nothing(TwentyMinutesMs + 1006), Asked(TwentyMinutesMs + 1007), Asked(TwentyMinutesMs + 2007),
                In("web", Frames.Udp(WebToNobody, 1, 2), "forwarded internet", Macs(Inet, Nobody)).At(TwentyMinutesMs + 3006),
                In("web", Frames.Udp(WebToNobody, 1, 2), "held + internet", Macs(Inet, MacAddress.Broadcast)).At(TwentyMinutesMs + 3007),
                In("internet", Heard(Relay), "consumed | web forwarded", Macs(Inet, Relay)).At(TwentyMinutesMs + 3008)),
            Row("a static neighbour is never asked and never forgotten", In("internet", known, "consumed"), Nothing(TwentyMinutesMs),
                In("web", Frames.Udp(Routed("web", "10.0.1.10", "203.0.113.5"), 1, 2), "forwarded internet").At(3 * TwentyMinutesMs)),
        ];
    }

    private static IEnumerable<ReferenceRow> ForgottenNeighbors()
    {
        FrameAddresses toWeb = new(Nobody, Inet, Ip("198.51.100.88"), Ip("198.51.100.10"));
        byte[] syn = Frames.Tcp(WebToNobody, 40000, 80, Syn);
        byte[] data = Frames.Tcp(WebToNobody, 40000, 80, Ack);
        byte[] synAck = Frames.Tcp(toWeb, 80, 40000, SynAck);
        byte[] reply = Frames.Tcp(toWeb, 80, 40000, Ack);
        byte[] quote = Frames.Tcp(new FrameAddresses(Gateway, MacOf("web"), Ip("198.51.100.88"), Ip("10.0.1.10")), 80, 40000, Ack);
        RowStep[] forgotten =
        [
            In("internet", Heard(Nobody), "consumed"), In("web", syn, "forwarded internet"), In("internet", synAck, "forwarded web"),
            In("web", data, "forwarded internet"), Nothing(TwentyMinutesMs), Nothing(TwentyMinutesMs + 1000),
            Nothing(TwentyMinutesMs + 2000), Nothing(TwentyMinutesMs + 3000),
        ];
        const int Later = TwentyMinutesMs + 3001;
        return
        [
            Row("a live connection whose next hop is forgotten waits for it",
                [
                    .. forgotten, In("web", data, "held + internet").At(Later),
                    In("internet", Heard(Relay), "consumed | web forwarded", Macs(Inet, Relay)).At(Later),
                    In("web", data, "forwarded internet", Macs(Inet, Relay)).At(Later),
                ]),
            Row("its replies do not wait", [.. forgotten, In("internet", reply, "forwarded web").At(Later), In("web", data, "held + internet").At(Later)]),
            Row("an error of its opener is not held",
                [
                    .. forgotten,
                    In("web", Frames.Begin(WebToNobody).IcmpError(3, 3, quote).Build(), "dropped neighbor-unresolved + internet").At(Later),
                ]),
        ];
    }
}
