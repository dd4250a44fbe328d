using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using static VSwitch.SystemTests.BlackBox.BenchPort;

namespace VSwitch.SystemTests.BlackBox;

/// <summary>Section B of the black-box cases: elastic IPs.</summary>
public sealed class ElasticIpTests : IDisposable
{
    private const string Page = "hello from inside";
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-bb-").FullName;

    public ElasticIpTests() => File.WriteAllText(Path.Combine(_folder, "page"), Page);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [RootFact("curl", "python3")]
    public void BB29_a_hairpin_shows_the_senders_eip()
    {
        const string FromEip = "{ protocol: tcp, ports: \"80\", source: 203.0.113.10/32 }";
        var setup = new BenchSetup { Kernel = [A, B], RulesA = FromEip, RulesB = FromEip };
        Bench.Run(setup, bench =>
        {
            bench.Network.Serve(B, _folder, 80);
            (int exit, string output) = Curl(bench, "http://203.0.113.11/page");
            Assert.True(exit == 0, output);
            Assert.Equal(Page, output);
            Assert.All(
                bench.Network[B].Where("ip.protocol", "6"),
                f => Assert.Equal(("203.0.113.10", "10.1.0.11"), (f["ip.src"], f["ip.dst"])));
            Assert.All(
                bench.Network[A].Where("ip.protocol", "6"),
                f => Assert.Equal(("203.0.113.11", "10.1.0.10"), (f["ip.src"], f["ip.dst"])));

            // Its own EIP reaches the sender itself, as from outside (semantics.md section 7).
            bench.Network.Serve(A, _folder, 80);
            Assert.Equal((0, Page), Curl(bench, "http://203.0.113.10/page"));
            Assert.Equal(0, bench.Network[X].Count);

            // The rule that names the private address does not match what came by the EIP.
            bench.Apply(setup with { RulesB = "{ protocol: tcp, ports: \"80\", source: 10.1.0.10/32 }" });
            Assert.Equal(28, Curl(bench, "http://203.0.113.11/page").Exit);
            Assert.True(bench.Drops(A, DropReason.SecurityGroupIngress) > 0);
        });
    }

    [RootFact]
    public void BB30_an_error_through_an_eip_is_exact_to_the_byte() => Bench.Run(new BenchSetup(), bench =>
    {
        byte[] options = [0x94, 0x04, 0, 0, 1, 1, 1, 0];
        foreach (byte[] headerOptions in (byte[][])[[], options])
        {
            byte[] Syn(FrameAddresses ends, byte ttl) => PacketBuilder.Eth(ends.SourceMac, ends.DestinationMac)
                .IPv4(ends.Source, ends.Destination,
                    ip => ip with { Ttl = ttl, Options = headerOptions, Identification = 0x2BAD })
                .Tcp(1256, 503, TcpBits.Syn, t => t with { Sequence = 0x01020304, Options = [2, 4, 5, 0xB4] }).Build();
            byte[] outside = bench.Pass(A, Syn(A.To(X), 64), X, PacketAssert.Addresses(A.Eip!.Value, X.Ip));
            PacketAssert.Equal(Syn(A.At(X, A.Eip), 63), outside);

            // What A must see quoted: its own packet, one hop on.
            byte[] inside = Syn(A.To(X), 63);
            foreach (int quoteBytes in (int[])[548, 28 + headerOptions.Length])
            {
                byte[] ErrorOf(FrameAddresses ends, byte ttl, byte[] quoted) =>
                    Frames.Begin(ends, ttl).IcmpError(3, 4, quoted, quoteBytes, 1280).Build();
                byte[] arrived = bench.Pass(X, ErrorOf(X.Via(A.Eip!.Value), 64, outside), A);
                PacketAssert.Equal(ErrorOf(X.At(A), 63, inside), arrived);
            }

            byte[] extended = bench.Pass(X, Extended(X.Via(A.Eip!.Value), 64, outside), A);
            PacketAssert.Equal(Extended(X.At(A), 63, inside), extended);
        }
    });

    [RootFact("ping")]
    public void BB32_fragments_pass_an_eip_in_any_order()
    {
        Bench.Run(new BenchSetup { Kernel = [A, X] }, bench =>
        {
            bench.Network.Touch(X);
            (int exit, string output) = bench.Network.Run(A, "ping", "-c", "3", "-i", "0.2", "-W", "2", "-M", "dont",
                "-s", "4500", "198.51.100.10");
            Assert.True(exit == 0, output);
            Assert.Contains(" 3 received", output, StringComparison.Ordinal);
        });
        Bench.Run(new BenchSetup { RulesA = "{ protocol: udp, source: 0.0.0.0/0 }" }, bench =>
        {
            byte[] Datagram(FrameAddresses ends, byte ttl) =>
                Frames.Begin(ends, ttl).Udp(53, 40000).Payload(4000).Build();
            const uint Id = 0x7A7A;
            IReadOnlyList<byte[]> sent = Frames.Fragments(Datagram(X.Via(A.Eip!.Value), 64), 1480, Id);
            IReadOnlyList<byte[]> wanted = Frames.Fragments(Datagram(X.At(A), 63), 1480, Id);
            Assert.Equal(3, sent.Count);
            foreach (byte[] fragment in sent.Reverse())
            {
                bench.Send(X, fragment);
            }

            // The same bytes as the datagram to the private address, cut up: so its checksum is right when it is put
            // together.
            List<string> arrived = [.. wanted.Select(_ => Convert.ToHexString(bench.Expect(A)))];
            Assert.Equal(wanted.Select(Convert.ToHexString).Order(StringComparer.Ordinal),
                arrived.Order(StringComparer.Ordinal));
        });
    }

    [RootFact]
    public void BB35_an_unassigned_eip_is_nobody() => Bench.Run(
        new BenchSetup { RulesA = "{ protocol: all, source: 0.0.0.0/0 }" }, bench =>
        {
            foreach (string target in (string[])["203.0.113.99", "1.2.3.4"])
            {
                FrameAddresses ends = X.Via(IpAddress.Parse(target));
                byte[] syn = Frames.Tcp(ends, 40000, 80, TcpBits.Syn);
                foreach (byte[] frame in (byte[][])[syn, Frames.Udp(ends, 40000, 53), Frames.Echo(ends, 7, 1)])
                {
                    bench.Drop(X, frame, DropReason.EipUnbound);
                }
            }

            bench.Consume(X, Frames.ArpRequest(X.Mac, X.Ip, IpAddress.Parse("203.0.113.99")));
            bench.Answer(X, Frames.ArpRequest(X.Mac, X.Ip, A.Eip!.Value),
                PacketAssert.Macs(UplinkMac, X.Mac), PacketAssert.Field("arp.op", "2"),
                PacketAssert.Field("arp.sha", UplinkMac.ToString()),
                PacketAssert.Field("arp.spa", "203.0.113.10"));
        });

    /// <summary>An error with an RFC 4884 extension: the quote padded to 128 bytes, its length in words in the header,
    /// then an extension structure with one object.</summary>
    private static byte[] Extended(FrameAddresses ends, byte ttl, byte[] quoted)
    {
        const int QuoteBytes = 128;
        byte[] quote = [.. quoted[14..], .. new byte[QuoteBytes - (quoted.Length - 14)]];
        byte[] extension = [0x20, 0, 0, 0, 0, 8, 1, 1, 0x01, 0x02, 0x03, 0x04];
        ushort checksum = OnesComplement.Checksum(extension);
        (extension[2], extension[3]) = ((byte)(checksum >> 8), (byte)checksum);
        return Frames.Begin(ends, ttl).Icmp(3, 4, ((QuoteBytes / 4) << 16) | 1280u).Payload([.. quote, .. extension])
            .Build();
    }

    private static (int Exit, string Output) Curl(Bench bench, string url) =>
        bench.Network.Run(A, "curl", "-s", "-m", "2", url);
}
