namespace VSwitch.Tests.Captures;

/// <summary>MANIFEST.tsv's sentences as rows, in its order and by its categories. The counts were worked out from the
/// sentence, the order of checks and the packets (ORACLE.tsv, tshark), never from what the switch did. Where sentence
/// and order of checks disagree, or a file is not what its sentence says, a comment says so.</summary>
internal static class ManifestRows
{
    public static IEnumerable<TraceRow> All() => [.. Tcp(), .. TcpHostile(), .. Udp(), .. Icmp(), .. V6(), .. Arp(),
        .. Link(), .. Fragments(), .. Malformed(), .. Mixed(), .. Formats()];

    private static IEnumerable<TraceRow> Tcp() =>
    [
        // The 8 packets of the server have wrong IPv4 checksums, as captured on it; "sums" mends them.
        new("tcp-http-fin.pcap", "sums", "forwarded 15 flows 1 live 1"),
        new("tcp-http-fin.pcap", "sums inside=192.168.1.2", "forwarded 15 flows 1"),
        new("tcp-http-fin.pcap", "sums deny", "security-group-ingress 1 connection-invalid 14 flows 0"),
        new("tcp-http-fin.pcap", "", "forwarded 1 bad-ipv4-checksum 8 connection-invalid 6 flows 1"),

        // Closed by FIN: a new SYN begins anew at once, and 121 s later nothing is left; an established one would let
        // data pass.
        new("tcp-http-fin.pcap", "sums then=1@1", "forwarded 16 flows 2"),
        new("tcp-http-fin.pcap", "sums then=4@121", "forwarded 15 connection-invalid 1 flows 1 live 0"),
        new("tcp-syn-ack-rst.pcap", "", "forwarded 3 flows 1"),
        new("tcp-syn-ack-rst.pcap", "then=3@61", "forwarded 3 connection-invalid 1 flows 1 live 0"),
        new("tcp-syn-ack-rst.pcap", "order=2,3", "connection-invalid 2 flows 0"),

        // Frame 2 is a forged RST (it acknowledges the sequence before the SYN's): refused. Frame 7 has the exact
        // sequence: closes, so that 11 s later data is of no connection; what comes within the 10 s of a closed one
        // passes (8, 9).
        new("tcp-rst-inject.pcap", "", "forwarded 8 connection-invalid 1 flows 1"),
        new("tcp-rst-inject.pcap", "inside=1.2.0.2", "forwarded 8 connection-invalid 1 flows 1"),
        new("tcp-rst-inject.pcap", "then=8@11", "forwarded 8 connection-invalid 2 flows 1 live 0"),
        new("extra/tcp-rst-data.pcap", "", "connection-invalid 1 flows 0"),
        new("extra/tcp-rst-data.pcap", "loose", "connection-invalid 1 flows 0"),
        new("tcp-three-streams.pcap", "", "forwarded 28 flows 3"),
        new("tcp-three-streams.pcap", "deny", "security-group-ingress 3 connection-invalid 25 flows 0"),

        // On the wrong worker a direction would find no connection.
        new("tcp-three-streams.pcap", "workers=4 inside=172.16.133.132", "forwarded 28 flows 3"),
        new("tcp-one-stream.pcap", "", "forwarded 36 flows 1 live 1"),
        new("tcp-one-stream.pcap", "inside=10.0.0.1", "forwarded 36 flows 1 live 1"),

        // The wrap in an order that can have crossed a switch. As stored, frames 4, 5, 7 and 10 acknowledge bytes that
        // nobody has sent yet: window rule III (section 11, linux_nf_conntrack_notes.tsv) refuses them, against the
        // sentence's "all pass".
        new("extra/tcp-seq-wrap-ooo.pcap", "sums order=1,2,3,6,8,9,4,5,7,10,11", "forwarded 11 flows 1"),
        new("extra/tcp-seq-wrap-ooo.pcap", "sums", "forwarded 7 connection-invalid 4 flows 1"),

        // The early SYN+ACK makes nothing. Without it the switch never sees the responder's SYN, so strict tracking
        // keeps refusing the opener's ACK until a SYN+ACK is sent again; in the order in which they were sent, all
        // pass.
        new("extra/tcp-handshake-reorder.pcap", "order=1", "connection-invalid 1 flows 0"),
        new("extra/tcp-handshake-reorder.pcap", "order=1,2,1,3,4,5,6,7,8,9,10,11,12,13,14",
            "forwarded 14 connection-invalid 1 flows 1"),
        new("extra/tcp-handshake-reorder.pcap", "", "forwarded 6 connection-invalid 8 flows 1"),
        new("extra/tcp-retransmit.pcap", "whole sums", "forwarded 39 flows 1"),
        new("extra/tcp-retransmit.pcap", "", "malformed-ipv4 21 bad-ipv4-checksum 18 flows 0"),
        new("extra/tcp-midstream-one.pcap", "", "connection-invalid 1 flows 0"),
        new("extra/tcp-midstream-one.pcap", "loose", "forwarded 1 flows 1"),
        new("tcp-midstream-pair.pcap", "", "connection-invalid 3 flows 0"),
        new("tcp-midstream-pair.pcap", "loose", "forwarded 3 flows 1"),
        new("tcp-midstream-pair.pcap", "loose inside=192.0.2.10", "forwarded 3 flows 1"),
        new("tcp-tfo.pcap", "", "forwarded 16 flows 2"),
        new("tcp-tfo.pcap", "deny", "security-group-ingress 2 connection-invalid 14 flows 0"),
        new("extra/tcp-accecn.pcap", "", "forwarded 6 flows 1"),
        new("tcp-overlap-exact.pcap", "unicast", "forwarded 7 flows 1"),
        new("tcp6-out-of-window.pcap", "", "forwarded 2 connection-invalid 1 flows 1"),
        new("tcp6-out-of-window.pcap", "inside=2001:db8::10", "forwarded 2 connection-invalid 1 flows 1"),
    ];

    private static IEnumerable<TraceRow> TcpHostile() =>
    [
        new("tcp-syn-flood-200.pcap", "", "forwarded 200 flows 200 live 200"),
        new("tcp-syn-flood-200.pcap", "deny", "security-group-ingress 200 flows 0"),

        // The short timer: 61 s later only the repeated SYN is there.
        new("tcp-syn-flood-200.pcap", "then=1@61", "forwarded 201 flows 201 live 1"),

        // Two ENIs share 64: the flooder's own oldest half-open one goes for each new one (section 12).
        new("tcp-syn-flood-200.pcap", "capacity=64", "forwarded 200 flows 200 live 32"),

        // Frame 2 acknowledges the SYN exactly, so it is acceptable in SYN_SENT (RFC 9293 3.10.7.3; the end refused it
        // by its timestamp) and the connection is forgotten (semantics.md 2.2): the sentence's "later valid session"
        // begins with the SYN sent again.
        new("tcp-evasion-linux.pcap", "", "forwarded 2 connection-invalid 8 flows 1 live 0"),
        new("tcp-evasion-linux.pcap", "order=1,2,3,4,1,5,6,7,8,9,10",
            "forwarded 9 connection-invalid 2 flows 2 live 1"),
        new("tcp-evasion-linux.pcap", "deny", "security-group-ingress 1 connection-invalid 9 flows 0"),
        new("tcp-evasion-linux.pcap", "order=1,3,5,6,7,8,9,10", "forwarded 7 connection-invalid 1 flows 1 live 1"),
        new("extra/tcp-ts-edge.pcap", "unicast", "forwarded 6 flows 1"),
        new("extra/tcp-ts-edge.pcap", "unicast then=4@11", "forwarded 6 connection-invalid 1 flows 1 live 0"),

        // Pings at 11, 22 and 33 s do not keep a TCP connection of 20 s alive.
        new("extra/tcp-timeout-pings.pcap", "established=20 then=3@1", "forwarded 15 connection-invalid 1 flows 2"),
        new("extra/tcp-timeout-pings.pcap", "then=3@1", "forwarded 16 flows 2 live 2"),
    ];

    private static IEnumerable<TraceRow> Udp() =>
    [
        // The transport checksum is not checked (section 1), and what is forwarded is as wrong as before: CheckFrames
        // compares bytes.
        new("tcp-syn-bad.pcap", "", "forwarded 1 flows 1"),
        new("tcp-syn-bad.pcap", "inside=141.142.228.5", "forwarded 1 flows 1"),

        // 428 unicast packets of 210 tuples, one of which was used again after its 180 s; 36 multicast ones. Nothing
        // may come in unasked.
        new("udp-dns.pcap", "", "forwarded 428 multicast 36 flows 211"),
        new("udp-dns.pcap", "inside=10.0.0.1 deny", "forwarded 428 multicast 36 flows 211"),

        // Seen from the server, whose 212 answers open a tuple each: of the queries only one comes while its tuple is
        // open.
        new("udp-dns.pcap", "inside=10.0.0.138 deny",
            "security-group-ingress 215 forwarded 213 multicast 36 flows 211"),
        new("udp-len-bad.pcap", "", "malformed-l4 1 flows 0"),
        new("extra/udp-broadcast.pcap", "", "multicast 1 generated 0"),

        // The switch is the only DHCP server. Answered: DISCOVER, REQUEST for a foreign address (NAK), INFORM. Consumed:
        // REQUEST to another server, DECLINE, RELEASE. The other server's unicast answers are plain UDP, and its broadcast
        // goes nowhere.
        new("extra/dhcp.pcap", "", "answered 3 consumed 3 forwarded 2 multicast 1 generated 3"),
    ];

    private static IEnumerable<TraceRow> Icmp() =>
    [
        new("icmp-5-pings.pcap", "", "forwarded 10 flows 1"),
        new("icmp-5-pings.pcap", "inside=172.16.133.2 deny", "forwarded 10 flows 1"),

        // Echo and timestamp with their answers pass; errors without a connection, redirects, source quench and address
        // mask do not.
        new("icmp-all-types.pcap", "", "forwarded 4 multicast 3 connection-invalid 8 flows 2"),
        new("icmp-time-exceeded.pcap", "", "connection-invalid 1 flows 0"),

        // Frame 26 and three more are fragmentation needed, from a router: related. Three streams have no SYN, and 60
        // is a broadcast.
        new("icmp-frag-needed.pcap", "inside=10.10.1.4,192.168.133.100",
            "forwarded 114 multicast 1 connection-invalid 10 flows 4"),
        new("icmp-frag-needed.pcap", "inside=10.10.1.4,192.168.133.100 loose", "forwarded 124 multicast 1 flows 7"),

        // In one subnet the router is an ENI that is not the quoted end: its errors belong to nobody (section 7).
        new("icmp-frag-needed.pcap", "", "forwarded 110 multicast 1 connection-invalid 14 flows 4"),
        new("extra/icmp-rfc8335.pcap", "", "connection-invalid 10 flows 0"),
        new("icmp-cksum-oobr.pcap", "", "malformed-ipv4 1 flows 0"),
        new("icmp-cksum-oobr.pcap", "raw", "unsupported-link-type 1 flows 0"),
    ];

    private static IEnumerable<TraceRow> V6() =>
    [
        new("ip6-http.pcap", "", "forwarded 19 flows 1"),
        new("ip6-http.pcap", "inside=2001:618:400::5199:cc70 deny", "forwarded 19 flows 1"),
        new("ip6-http.pcap", "raw", "unsupported-link-type 19 flows 0"),

        // 4 solicitations for a peer's address and the router solicitation are answered, 5 for a link-local address,
        // which no configuration gives, and 9 advertisements are consumed; 16 echoes pass, 13 errors quote nothing
        // live. Rules have no say in neighbour discovery.
        new("extra/ip6-icmp6.pcap", "",
            "forwarded 16 answered 5 consumed 14 unsupported-protocol 1 connection-invalid 13 flows 2"),
        new("extra/ip6-icmp6.pcap", "deny",
            "answered 5 consumed 14 unsupported-protocol 1 connection-invalid 21 security-group-ingress 8 flows 0"),

        // Between link-local addresses, which no configuration gives; RequirementsOvs has one between known ones.
        new("extra/ip6-packet-too-big.pcap", "unicast", "no-route 1 flows 0"),

        // Duplicate address detection for the asker's own address: silence.
        new("ip6-bad-version.pcap", "", "malformed-ipv6 2 consumed 2 generated 0"),
    ];

    private static IEnumerable<TraceRow> Arp() =>
    [
        new("arp-req-reply.pcap", "", "answered 1 consumed 1 generated 1"),
        new("arp-malformed-fuzz.pcap", "", "malformed-arp 6 generated 0"),
        new("extra/arp-odd.pcap", "", "consumed 1 generated 0"),
        new("extra/rarp.pcapng", "", "unsupported-ethertype 2"),
    ];

    private static IEnumerable<TraceRow> Link() =>
    [
        new("vlan-mixed.pcap", "tagged", "vlan-tagged 24 malformed-ethernet 2 flows 0"),
        new("vlan-mixed.pcap", "", "forwarded 20 malformed-ethernet 6 flows 2"),
        new("extra/qinq-1.pcap", "tagged", "vlan-tagged 2 generated 0"),
        new("extra/qinq-1.pcap", "", "answered 1 consumed 1"),

        // Outside, the two tenants are one UDP tuple; inside, TenantTests keeps them apart.
        new("vxlan-overlap-tenants.pcap", "mtu=1600", "forwarded 42 flows 2"),
        new("extra/vxlan.pcap", "", "forwarded 10 flows 4"),
        new("gre-various.pcap", "", "forwarded 30 unsupported-ethertype 5 malformed-ethernet 65 flows 1"),
        new("gre-various.pcap", "tagged", "vlan-tagged 51 unsupported-ethertype 5 malformed-ethernet 44 flows 0"),
        new("geneve-gcp.pcap", "", "forwarded 1 flows 1"),

        // One packet of 7292 bytes with DF: not delivered whole, not cut up; the sender is told (section 4, hit 4).
        new("gso-ipv4.pcap", "loose", "mtu-exceeded 1 generated 1 flows 0"),
        new("gso-ipv4.pcap", "loose mtu=9000", "forwarded 1 flows 1"),
        new("gso-ipv4.pcap", "", "connection-invalid 1 flows 0"),
        new("extra/tso-ipv4-len0.pcap", "loose mtu=9000", "malformed-ipv4 1 flows 0"),
    ];

    private static IEnumerable<TraceRow> Fragments() =>
    [
        // The first has MF and 36 bytes, no multiple of 8; the second's first never came.
        new("frag-teardrop.pcap", "then=2@6", "malformed-ipv4 1 fragment-unmatched 2 flows 0"),
        new("frag-teardrop.pcap", "deny", "malformed-ipv4 1 fragment-unmatched 1 flows 0"),

        // The second fragment names the end 16160; the third begins beyond it: poisoned, with what was held.
        new("frag-overlap.pcap", "", "forwarded 1 fragment-overlap 9 flows 1"),

        // Three datagrams clean; in the next three each repeated fragment is exactly one seen (12), and two come once
        // more after the last byte. One verdict for the rest, whatever the number of workers.
        new("frag-many.pcap", "", "forwarded 39 fragment-overlap 12 fragment-unmatched 2 flows 1"),
        new("frag-many.pcap", "workers=4", "forwarded 39 fragment-overlap 12 fragment-unmatched 2 flows 1"),
        new("frag-many.pcap", "inside=10.118.213.212 deny",
            "forwarded 39 fragment-overlap 12 fragment-unmatched 2 flows 1"),
        new("extra/frag-1.pcap", "", "malformed-ipv4 1 fragment-overlap 2 flows 0"),

        // 8 bytes hold no TCP header, offset 1 could overwrite its flags (RFC 1858), and the third has no first.
        new("extra/frag-syn-raw.pcap", "then=3@6", "malformed-l4 2 fragment-unmatched 2 flows 0"),
        new("extra/frag-udp.pcap", "sums", "forwarded 14 flows 1"),
        new("extra/frag-udp.pcap", "", "forwarded 8 bad-ipv4-checksum 6 flows 1"),
        new("frag6-malformed-1.pcap", "",
            "forwarded 7 fragment-overlap 1 unsupported-protocol 1 multicast 2 answered 1 consumed 1 flows 1"),
        new("extra/frag6-atomic.pcap", "sorted", "forwarded 36 answered 1 consumed 1 flows 4"),

        // As stored it is no fragment (offset 0, MF clear): an ordinary SYN. CaptureFactTests makes a lone one of it.
        new("extra/frag-lone.pcap", "unicast", "forwarded 1 flows 1"),
    ];

    private static IEnumerable<TraceRow> Malformed() =>
    [
        new("csum-ip-bad.pcap", "unicast", "bad-ipv4-checksum 1 flows 0"),
        new("csum-ip-bad.pcap", "unicast sums", "forwarded 1 flows 1"),
        new("csum-tcp-bad.pcap", "unicast", "forwarded 1 flows 1"),
        new("csum-tcp-bad.pcap", "unicast then=1@61", "forwarded 2 flows 2 live 1"),
        new("csum-tcp-good.pcap", "unicast", "forwarded 1 flows 1"),

        // The length field is 0 (a segmentation offload; the manifest's 1512 is tshark's guess), and lengths are judged
        // first.
        new("ip-bogus-len.pcap", "loose", "malformed-ipv4 1 flows 0"),
        new("ip-ihl-small.pcap", "", "malformed-ipv4 1 flows 0"),
        new("extra/ip-len-bad.pcap", "", "malformed-ipv4 1 flows 0"),
        new("extra/ip-trunc.pcap", "", "malformed-ipv4 1 flows 0"),

        // TCP and UDP too short for their headers; the two GRE ones have an IP header and nothing that section 1 asks
        // more of.
        new("extra/eth-too-small.pcap", "unicast", "malformed-l4 6 forwarded 2 flows 2"),

        // Options of every kind are carried along, source routes included (they are the ends' business here); echo
        // requests open.
        new("ip-options.pcap", "", "forwarded 3 connection-invalid 3 multicast 1 flows 3"),
        new("extra/ip-malformed-2.pcap", "", "malformed-ipv4 2 flows 0"),
        new("extra/ip-stack-overflow.pcap", "", "forwarded 18 flows 1"),
        new("extra/tcp-heap.pcap", "", "malformed-ipv4 1 flows 0"),
        new("extra/udp-heap.pcap", "", "malformed-ipv4 1 flows 0"),
    ];

    private static IEnumerable<TraceRow> Mixed() =>
    [
        new("extra/tcp-http-16pkt.pcap", "mtu=9000", "forwarded 10 flows 1"),
        new("mix-services.pcap", "", "forwarded 240 multicast 19 answered 2 consumed 2 flows 34"),
        new("mix-services.pcap", "tcp/80",
            "forwarded 54 security-group-ingress 59 connection-invalid 127 multicast 19 answered 2 consumed 2 flows 3"),
        new("bulk-4k-http.pcap", "loose", "forwarded 385 flows 121 live 121"),
        new("bulk-4k-http.pcap", "", "connection-invalid 385 flows 0"),
    ];

    private static IEnumerable<TraceRow> Formats() =>
    [
        new("extra/fmt-sll-bulk.pcap", "raw", "unsupported-link-type 518 flows 0"),
        new("fmt-sll2.pcap", "raw", "unsupported-link-type 1 flows 0"),
        new("fmt-sll2.pcap", "loose", "forwarded 1 flows 1"),
        new("fmt-rawip.pcap", "raw", "unsupported-link-type 100 flows 0"),
        new("extra/fmt-null.pcap", "raw", "unsupported-link-type 3 flows 0"),
        new("fmt-be-us.pcap", "", "forwarded 128 flows 8"),
        new("fmt-ns.pcap", "raw", "unsupported-ethertype 2"),

        // Frame by frame by the link type of its own interface: two of BSD loopback, 62 of Ethernet.
        new("fmt-pcapng-11if.pcapng", "raw", "unsupported-link-type 2 multicast 2 unknown-destination-mac 60"),
        new("fmt-pcapng-11if.pcapng", "", "forwarded 61 multicast 3 flows 14"),

        // Six Ethernet frames, all cut by the snap length, and two of BSD loopback, in both byte orders.
        new("fmt-ng-two-endians.pcapng", "raw", "unsupported-link-type 2 malformed-ipv4 6"),
        new("extra/fmt-ng-spb.pcapng", "raw", "multicast 2 bad-ipv4-checksum 2"),
        new("extra/fmt-ng-opts.pcapng", "raw", "multicast 1 bad-ipv4-checksum 1"),
        new("extra/fmt-empty.pcap", "raw", "flows 0"),
        new("fmt-zero-len.pcap", "raw speed=1000000000", "malformed-ethernet 1 malformed-ipv4 2 flows 0"),
        new("fmt-snaplen.pcap", "", "malformed-ipv4 4 flows 0"),
        new("fmt-snaplen.pcap", "whole", "forwarded 4 flows 2"),
        new("fmt-time-2106.pcap", "", "forwarded 1 flows 1"),

        // Microseconds of 2147483648: whatever they are taken for, nothing waits for them and the frames are whole.
        new("extra/fmt-ts-invalid-us.pcap", "order=1,2,3", "forwarded 3 flows 1"),
        new("extra/fmt-ts-invalid-us.pcap", "raw speed=1000000", "unsupported-link-type 3"),
    ];
}
