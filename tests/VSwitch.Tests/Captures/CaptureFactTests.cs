using System.Buffers.Binary;
using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Testing.Captures;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Captures;

/// <summary>What MANIFEST.tsv's sentences say beyond counts: bytes, times, memory, state.</summary>
public class CaptureFactTests
{
    private static readonly LabOptions Flat = new();

    [SharedTheory]
    [InlineData("tcp-syn-bad.pcap", "141.142.228.5")]
    [InlineData("csum-tcp-bad.pcap", null)]
    public void A_wrong_transport_checksum_leaves_exactly_as_wrong_as_it_came(string file, string? inside)
    {
        IReadOnlyList<CapturedFrame> captured = Read(file);
        var lab = new CaptureLab(captured,
            Flat with { Unicast = true, Inside = inside is null ? null : a => a.ToString() == inside });
        TraceResult result = TraceReplay.Run(lab.Config, lab.Frames);
        byte[] sent = Assert.Single(result.Sent[lab.Frames[0].ToPort!]).Bytes;
        Assert.NotEqual(0xFFFF, Residue(captured[0].Bytes));
        Assert.Equal(Residue(captured[0].Bytes), Residue(sent));
    }

    [SharedFact]
    public void The_good_twin_leaves_with_a_right_checksum()
    {
        var lab = new CaptureLab(Read("csum-tcp-good.pcap"), Flat with { Unicast = true });
        PacketAssert.That(Assert.Single(TraceReplay.Run(lab.Config, lab.Frames).Sent["h1"]).Bytes,
            PacketAssert.Flags(TcpBits.Syn));
    }

    [SharedFact]
    public void A_time_exceeded_is_related_to_the_flow_that_it_quotes_and_to_no_other()
    {
        CapturedFrame error = Assert.Single(Read("icmp-time-exceeded.pcap"));
        byte[] quoted = [.. error.Bytes[..14], .. error.Bytes[42..]];
        var ttl = new WordEdit();
        ttl.Put(quoted.AsSpan(14), 8, [64, quoted[14 + 9]]);
        ttl.Mend(quoted.AsSpan(14), 10, isUdp: false);
        byte[] other = [.. quoted];
        other[14 + 20 + 3] ^= 1;
        LabOptions options = Flat with { Inside = a => a.ToString() == "10.0.0.2" };
        Assert.Equal((2, 0), Play(quoted));
        Assert.Equal((1, 1), Play(other));

        (long Forwarded, long Invalid) Play(byte[] opener)
        {
            var lab = new CaptureLab([error with { Bytes = opener }, error], options);
            TraceResult result = TraceReplay.Run(lab.Config, lab.Frames);
            return (result.Summary.Forwarded, result.Summary.Drops.GetValueOrDefault("connection-invalid"));
        }
    }

    [SharedFact]
    public void A_flood_of_SYNs_costs_an_established_connection_nothing()
    {
        IReadOnlyList<CapturedFrame> stream = Read("tcp-one-stream.pcap");
        long at = stream[15].TimestampNs;
        IEnumerable<CapturedFrame> flood = Read("tcp-syn-flood-200.pcap").Select((f,
            i) => f with { TimestampNs = at + 1 + i });
        var lab = new CaptureLab([.. stream.Take(16), .. flood, .. stream.Skip(16)], Flat with { Capacity = 64 });
        TraceResult result = TraceReplay.Run(lab.Config, lab.Frames);
        Assert.Equal((236, 0, 201), (result.Summary.Forwarded, result.Summary.Dropped, result.Summary.Flows.Created));
    }

    [SharedFact]
    public void A_lone_fragment_waits_a_second_at_most_and_its_memory_comes_back()
    {
        CapturedFrame syn = Assert.Single(Read("extra/frag-lone.pcap"));
        var lab = new CaptureLab([syn], Flat with { Unicast = true });
        byte[] lone = [.. lab.Frames[0].Bytes];
        var edit = new WordEdit();
        edit.Put(lone.AsSpan(14), 6, [0, 5]);
        edit.Mend(lone.AsSpan(14), 10, isUdp: false);
        LabFrame frame = lab.Frames[0] with { Bytes = lone };
        LabFrame later = lab.Frames[0] with { TimestampNs = frame.TimestampNs + 1_000_000_001 };
        TraceResult result = TraceReplay.Run(lab.Config, [frame, later]);
        DroppedFrame drop = Assert.Single(result.Dropped);
        Assert.Equal(("fragment-unmatched", Convert.ToHexString(lone)), (drop.Reason, Convert.ToHexString(drop.Frame)));
        using var real = new SwitchUnderTest(lab.Config);
        real.Receive(frame.Port, lone, 0);
        Assert.Equal("h1", Assert.Single(real.Receive(frame.Port, later.Bytes, 1_000_000_001).Sent).Port);
        Assert.Equal(0, real.MissingBuffers(1_000_000_001));
    }

    [SharedFact]
    public void A_peers_address_is_answered_with_the_peers_MAC_whatever_the_padding()
    {
        var lab = new CaptureLab(Read("arp-req-reply.pcap"), Flat);
        LabFrame request = lab.Frames[0];
        TraceResult result = TraceReplay.Run(lab.Config, lab.Frames);
        byte[] answer = Assert.Single(result.Sent[request.Port]).Bytes;
        Assert.Equal((60, 42), (request.Bytes.Length, answer.Length));
        EniConfig peer = lab.Config.Enis.Single(e => e.Name != request.Port);
        PacketAssert.That(
            answer, PacketAssert.Field("arp.op", "2"), PacketAssert.Field("arp.sha", peer.Mac.ToString()),
            PacketAssert.Field("arp.spa", peer.PrivateIps[0].ToString()));
    }

    [SharedFact]
    public void Overlapping_segments_with_different_bytes_both_leave_as_they_came()
    {
        IReadOnlyList<CapturedFrame> captured = Read("tcp-overlap-exact.pcap");
        var lab = new CaptureLab(captured, Flat with { Unicast = true });
        TraceResult result = TraceReplay.Run(lab.Config, lab.Frames);
        byte[][] sent = [.. result.Sent["h1"].Select(f => f.Bytes).Where(b => PacketFields.Of(b)["payload"] is { Length: 8 })];
        Assert.Equal([captured[4].Bytes[^4..], captured[5].Bytes[^4..]], sent.Select(b => b[^4..]));
        Assert.NotEqual(sent[0][^4..], sent[1][^4..]);
    }

    [SharedFact]
    public void A_big_endian_file_gives_the_packets_of_its_little_endian_twin()
    {
        byte[] file = File.ReadAllBytes(PathOf("fmt-be-us.pcap"));
        Assert.Equal(0xA1, file[0]);
        int[] sizes = [4, 2, 2, 4, 4, 4, 4];
        int at = 0;
        Swap(sizes);
        while (at < file.Length)
        {
            int length = (int)BinaryPrimitives.ReadUInt32BigEndian(file.AsSpan(at + 8));
            Swap([4, 4, 4, 4]);
            at += length;
        }

        string twin = Path.GetTempFileName();
        File.WriteAllBytes(twin, file);
        string Text(string path) => string.Join('\n',
            CapturedFrame.Read(path, out _).Select(f => $"{f.TimestampNs} {Convert.ToHexString(f.Bytes)}"));
        Assert.Equal(Text(twin), Text(PathOf("fmt-be-us.pcap")));
        File.Delete(twin);

        void Swap(int[] fields)
        {
            foreach (int size in fields)
            {
                Array.Reverse(file, at, size);
                at += size;
            }
        }
    }

    [SharedFact]
    public void Nanoseconds_are_kept()
    {
        IReadOnlyList<CapturedFrame> frames = Read("fmt-ns.pcap");
        Assert.Equal(-766, frames[1].TimestampNs - frames[0].TimestampNs);
        TraceResult result = TraceReplay.RunFile(new CaptureLab([], Flat).Config, PathOf("fmt-ns.pcap"), speed: 1);
        Assert.Equal(frames[0].TimestampNs, result.Dropped[0].TimestampNs);
    }

    [SharedFact]
    public void The_last_second_of_32_bits_is_a_time_like_any_other()
    {
        var lab = new CaptureLab(Read("fmt-time-2106.pcap"), Flat);
        CapturedFrame sent = Assert.Single(TraceReplay.Run(lab.Config, lab.Frames).Sent["h1"]);
        Assert.Equal(0xFFFF_FFFFL, sent.TimestampNs / 1_000_000_000);
        Assert.Equal(lab.Frames[0].TimestampNs, sent.TimestampNs);
    }

    /// <summary>Whole records are delivered, the damage is named, and nothing is believed of a size that cannot
    /// be.</summary>
    [SharedTheory]
    [InlineData("extra/fmt-bad-version.pcap", 0)]
    [InlineData("fmt-ng-shb-opt.pcapng", 0)]
    [InlineData("fmt-record-cut.pcap", 6)]
    [InlineData("fmt-huge-caplen.pcap", 1)]
    public void Damage_is_refused_by_name_after_the_whole_records(string file, int records)
    {
        const int MuchMemory = 16 << 20;
        long before = GC.GetAllocatedBytesForCurrentThread();
        TraceResult result = TraceReplay.RunFile(new CaptureLab([], Flat).Config, PathOf(file));
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < MuchMemory, "too much memory for a damaged file");
        Assert.Equal(records, result.Summary.Read);
        Assert.Contains(file, Assert.Single(result.Summary.Errors), StringComparison.Ordinal);
    }

    /// <summary>An input of which no frame has an Ethernet header is refused as a whole: named, and the command
    /// fails.</summary>
    [SharedTheory]
    [InlineData("extra/fmt-dlt160.pcap", 160)]
    [InlineData("fmt-rawip.pcap", 101)]
    [InlineData("fmt-sll2.pcap", 276)]
    [InlineData("extra/fmt-null.pcap", 0)]
    public void A_link_type_without_Ethernet_is_an_error_with_its_number(string file, int linkType)
    {
        TraceResult result = TraceReplay.RunFile(new CaptureLab([], Flat).Config, PathOf(file));
        Assert.Contains($"link type {linkType}", Assert.Single(result.Summary.Errors), StringComparison.Ordinal);
        Assert.All(result.Dropped, drop => Assert.Equal("unsupported-link-type", drop.Reason));
        Assert.Equal((0, result.Summary.Read), (result.SentCount, result.Summary.Dropped));
    }

    private static string PathOf(string file) => Path.Combine(RepositoryRoot.Shared!, "captures", file);

    private static IReadOnlyList<CapturedFrame> Read(string file) => CapturedFrame.Read(PathOf(file), out _);

    /// <summary>Sum of a TCP segment and its pseudo header, checksum included: ffff when it is right.</summary>
    private static int Residue(byte[] frame)
    {
        int header = (frame[14] & 15) * 4;
        ReadOnlySpan<byte> segment = frame.AsSpan((14 + header)..(14 + BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(16))));
        ulong pseudo = OnesComplement.Pseudo(IpAddress.Read(frame.AsSpan(26), false),
            IpAddress.Read(frame.AsSpan(30), false), 6, segment.Length);
        return OnesComplement.Fold(OnesComplement.Sum(segment) + pseudo);
    }
}
