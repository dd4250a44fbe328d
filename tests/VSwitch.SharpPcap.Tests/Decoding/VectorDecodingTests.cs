using System.Globalization;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>The published vectors by PacketDotNet: frames of the NAT vectors before and after, and as the switch rewrites them; checksums
/// that are given; frames of the addresses and ports of the RSS vectors.</summary>
public class VectorDecodingTests(ITestOutputHelper output)
{
    private const string After = "frame_after_hex(TTL and MACs unchanged)";
    private static readonly MacAddress A = new(0x0200_0000_000A);
    private static readonly MacAddress B = new(0x0200_0000_000B);

    [Fact]
    public void Frames_of_the_nat_vectors_are_decoded_alike_and_have_right_checksums()
    {
        var tally = new DecodingTally("NAT vectors");
        IReadOnlyList<TsvRow> rows = TsvFile.Read(RepositoryRoot.Vector("nat_1to1_rewrite.tsv")).Rows;
        foreach (TsvRow row in rows)
        {
            foreach (string hex in new[] { row["frame_before_hex"], row[After] })
            {
                FrameComparison comparison = tally.Add(Convert.FromHexString(hex), row["name"]);
                string[] wrong = [.. comparison.Theirs.Checksums.Where(c => !c.Value).Select(c => c.Key)];
                string[] expected = row["kind"] is "udp-zero-csum" or "frag-first" ? ["checksum.udp"] : [];
                Assert.Equal(expected, wrong);
            }
        }

        output.WriteLine(tally.ToString());
        Assert.Equal(rows.Count * 2, tally.Frames);
        Assert.Equal(0, tally.Malformed);
        tally.AssertSeen("TCP", "UDP", "ICMP", "ICMP errors", "fragments");
    }

    /// <summary>What leaves the switch must be what PacketDotNet reads in the vector's frame, but for MACs, TTL and the header checksum that
    /// follows it.</summary>
    [Fact]
    public void What_the_switch_makes_of_the_nat_vectors_is_what_PacketDotNet_reads_in_them()
    {
        var tally = new DecodingTally("NAT vectors through the switch");
        string[] hop = ["eth.dst", "eth.src", "ip.ttl", "ip.checksum", "padding"];
        IReadOnlyList<TsvRow> rows = TsvFile.Read(RepositoryRoot.Vector("nat_1to1_rewrite.tsv")).Rows;
        foreach (TsvRow row in rows)
        {
            byte[] sent = NatVectorLab.Send(row);
            DecodedPacket seen = tally.Add(sent, row["name"]).Theirs;
            DecodedPacket expected = PacketDotNetDecoder.Decode(Convert.FromHexString(row[After]));
            Assert.Equal(expected.Fields.Where(f => !hop.Contains(f.Name)), seen.Fields.Where(f => !hop.Contains(f.Name)));
            Assert.Equal(Number(expected["ip.ttl"]!) - 1, Number(seen["ip.ttl"]!));
            Assert.All(seen.Checksums, c => Assert.True(c.Value || c.Key == "checksum.udp", $"{row["name"]}: {c.Key}"));
        }

        output.WriteLine(tally.ToString());
        Assert.Equal(44, rows.Count);
        tally.AssertSeen("TCP", "UDP", "ICMP", "ICMP errors", "fragments");
    }

    /// <summary>The data of a full row becomes ICMP data or a payload: PacketDotNet sums it, and both call it right, and wrong by one.
    /// </summary>
    [Fact]
    public void Data_of_the_checksum_vectors_sum_up_alike()
    {
        var tally = new DecodingTally("checksum vectors");
        TsvRow[] rows = [.. TsvFile.Read(RepositoryRoot.Vector("checksum.tsv")).Rows.Where(r => r["kind"] == "full")];
        foreach (TsvRow row in rows)
        {
            byte[] data = Convert.FromHexString(row["data_hex"]);
            ushort expected = ushort.Parse(row["expected"], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            Assert.Equal(expected, (ushort)PacketDotNet.Utils.ChecksumUtils.OnesComplementSum(data, 0, data.Length));
            Assert.Equal(expected, InternetChecksum.Compute(data));
            PacketBuilder ip = PacketBuilder.Eth(A, B).IPv4(IpAddress.Parse("10.0.0.1"), IpAddress.Parse("10.0.0.2"));
            Assert.True(tally.Add(ip.Echo(false, 1, 1).Payload(data).Build(), row["name"]).Theirs.Checksums["checksum.icmp"]);
            Assert.True(tally.Add(ip.Udp(1, 2).Payload(data).Build(), row["name"]).Theirs.Checksums["checksum.udp"]);
            byte[] spoiled = ip.Tcp(1, 2, TcpBits.Ack).Payload(data).Build();
            spoiled[51] ^= 1;
            Assert.False(tally.Add(spoiled, row["name"]).Theirs.Checksums["checksum.tcp"]);
        }

        output.WriteLine($"{rows.Length} rows; {tally}");
        tally.AssertSeen("TCP", "UDP", "ICMP");
    }

    /// <summary>The incremental rows against PacketDotNet's sum of the whole: a header whose checksum is the old one, and one word of which
    /// changes.</summary>
    [Fact]
    public void Incremental_checksums_are_those_of_the_whole_by_PacketDotNet()
    {
        TsvRow[] rows = [.. TsvFile.Read(RepositoryRoot.Vector("checksum.tsv")).Rows.Where(r => r["kind"] == "incremental")];
        foreach (TsvRow row in rows)
        {
            (ushort sum, ushort old, ushort @new) = (Hex(row["old_checksum"]), Hex(row["old_word"]), Hex(row["new_word"]));
            ushort rest = (ushort)~OnesComplement.Fold((ulong)sum + old);

            // Both are zero in ones' complement; no packet is all zeros, and only then would they differ (RFC 1624 section 3).
            rest = rest == 0 ? (ushort)0xFFFF : rest;
            byte[] before = [.. Bytes(old), .. Bytes(rest), .. Bytes(sum)];
            Assert.Equal(0xFFFF, PacketDotNet.Utils.ChecksumUtils.OnesSum(before));
            byte[] after = [.. Bytes(@new), .. Bytes(rest), .. Bytes(InternetChecksum.Update(sum, old, @new))];
            Assert.Equal(Hex(row["expected"]), InternetChecksum.Update(sum, old, @new));
            Assert.Equal(0xFFFF, PacketDotNet.Utils.ChecksumUtils.OnesSum(after));
        }

        output.WriteLine($"checksum vectors: {rows.Length} incremental rows");
        Assert.InRange(rows.Length, 20, 100);
    }

    [Fact]
    public void Frames_of_the_rss_vectors_are_decoded_alike()
    {
        var tally = new DecodingTally("RSS vectors");
        IReadOnlyList<TsvRow> rows = TsvFile.Read(RepositoryRoot.Vector("rss_toeplitz.tsv")).Rows;
        foreach (TsvRow row in rows)
        {
            PacketBuilder ip = PacketBuilder.Eth(A, B).Ip(IpAddress.Parse(row["src"]), IpAddress.Parse(row["dst"]));
            (ushort from, ushort to) = ((ushort)Number(row["sport"]), (ushort)Number(row["dport"]));
            foreach (byte[] frame in new[] { ip.Tcp(from, to, TcpBits.Ack).Payload(3).Build(), ip.Udp(from, to).Payload(4).Build() })
            {
                DecodedPacket seen = tally.Add(frame, row["set"]).Theirs;
                Assert.Equal(row["sport"], seen["tcp.src"] ?? seen["udp.src"]);
                Assert.Equal(row["dport"], seen["tcp.dst"] ?? seen["udp.dst"]);
                Assert.Equal(IpAddress.Parse(row["src"]), IpAddress.Parse((seen["ip.src"] ?? seen["ip6.src"])!));
                Assert.Equal(IpAddress.Parse(row["dst"]), IpAddress.Parse((seen["ip.dst"] ?? seen["ip6.dst"])!));
            }
        }

        output.WriteLine(tally.ToString());
        Assert.Equal(rows.Count * 2, tally.Frames);
        tally.AssertSeen("IPv4", "IPv6", "TCP", "UDP");
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

    private static ushort Hex(string text) => ushort.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private static byte[] Bytes(ushort word) => [(byte)(word >> 8), (byte)word];
}
