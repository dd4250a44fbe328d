using System.Globalization;
using System.Security.Cryptography;
using VSwitch.Devices.Pcap;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.Devices;

/// <summary>The reader against ORACLE.tsv (what tools counted) and MANIFEST.tsv (what is right where a file is damaged). The
/// oracle's hash is SHA-256 over the captured bytes of all records, one after the other; its lengths are those on the wire.
/// </summary>
public class SharedCaptureReaderTests
{
    /// <summary>Damaged files: whole records before the damage (MANIFEST.tsv, "packets" and "reader_note"), a piece of the error,
    /// and whether the oracle's figures describe those records. They do not where its tool believed what must be refused.
    /// </summary>
    private static readonly Dictionary<string, (long Packets, string Error, bool IsOracle)> Damaged = new()
    {
        ["extra/fmt-bad-version.pcap"] = (0, "at byte 0: pcap version 1 is unknown", false),
        ["fmt-ng-shb-opt.pcapng"] = (0, "at byte 0: a block of type a0d0d0a has 52 bytes", false),
        ["fmt-record-cut.pcap"] = (6, "at byte 5035: a record claims 4325376 captured bytes", false),
        ["fmt-huge-caplen.pcap"] = (1, "at byte 228: a record claims 1409179648 captured bytes", true),
    };

    /// <summary>Where the oracle's shortest length is of a block that is no packet: its tool shows custom blocks as frames, too,
    /// but does not count them among the packets.</summary>
    private const string CustomBlocks = "fmt-ng-two-endians.pcapng";

    public static TheoryData<string> Files()
    {
        var files = new TheoryData<string>();
        foreach (TsvRow row in Table("ORACLE.tsv").Rows)
        {
            files.Add(row["file"]);
        }

        return files;
    }

    [SharedCapturesTheory]
    [MemberData(nameof(Files))]
    public void Reads_what_the_oracle_counted(string file)
    {
        Tally got = Read(file);
        TsvRow oracle = Row("ORACLE.tsv", file);
        if (Damaged.TryGetValue(file, out (long Packets, string Error, bool IsOracle) damage))
        {
            Assert.Equal(damage.Packets, got.Packets);
            Assert.Contains($"{Path.GetFileName(file)}: {damage.Error}", got.Error, StringComparison.Ordinal);
            if (!damage.IsOracle)
            {
                return;
            }
        }
        else
        {
            Assert.Null(got.Error);
            AssertSame(file == CustomBlocks ? "168" : oracle["min_len"], got.Packets == 0 ? null : got.MinLength);
            AssertSame(oracle["max_len"], got.Packets == 0 ? null : got.MaxLength);
        }

        AssertSame(oracle["packets"], got.Packets);
        AssertSame(oracle["cap_bytes"], got.CapturedBytes);
        AssertSame(oracle["wire_bytes"], got.WireBytes);
        Assert.Equal(oracle["sha256_of_captured_bytes"], got.Sha256);
    }

    [SharedCapturesTheory]
    [MemberData(nameof(Files))]
    public void Link_types_are_those_of_the_manifest(string file)
    {
        TsvRow manifest = Row("MANIFEST.tsv", file);
        var allowed = manifest["linktype_dlt"].Split(',').Select(t => int.Parse(t, CultureInfo.InvariantCulture)).ToHashSet();
        Assert.Subset(allowed, Read(file).LinkTypes);
    }

    /// <summary>Times as tshark prints them, but for two: the second and third of the invalid ones have 1 000 000 and 2^31 us and
    /// are taken for the last microsecond of their second (MANIFEST.tsv: clamp, a timed replay must not hang); a simple packet block (the 4th and 6th of two-endians, all of spb) has the time before it.</summary>
    [SharedCapturesTheory]
    [InlineData("fmt-time-2106.pcap", "4294967295000000000")]
    [InlineData("fmt-ns.pcap", "1000002000 1000001234")]
    [InlineData("extra/fmt-ts-invalid-us.pcap", "1418145369999999000 1418145370999999000 1418145370999999000")]
    [InlineData("extra/fmt-ng-opts.pcapng", "1340954905298858000 1340954905299858000")]
    [InlineData("extra/fmt-ng-spb.pcapng", "0 0 0 0")]
    [InlineData("fmt-ng-two-endians.pcapng", "1340954905298858000 1340954905298858000 1340954905301858000 1340954905301858000 " +
        "1340954905298858000 1340954905298858000 1340954905298858000 1340954905301858000")]
    public void Times_are_exact(string file, string timesNs) =>
        Assert.Equal(timesNs, string.Join(' ', Read(file).TimesNs.Select(t => t.ToString(CultureInfo.InvariantCulture))));

    [SharedCapturesTheory]
    [InlineData("fmt-snaplen.pcap", 4, 0)]
    [InlineData("extra/ip-trunc.pcap", 1, 0)]
    [InlineData("fmt-zero-len.pcap", 2, 1)]
    [InlineData("tcp-http-fin.pcap", 0, 0)]
    public void Cut_and_empty_records_are_delivered_as_such(string file, int cut, int empty)
    {
        Tally got = Read(file);
        Assert.Equal((cut, empty), (got.CutCount, got.EmptyCount));
    }

    private static Tally Read(string file)
    {
        using CaptureReader reader = CaptureReader.Open(Path.Combine(RepositoryRoot.Shared!, "captures", file));
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var tally = new Tally();
        while (reader.TryReadNext(out CaptureRecord record))
        {
            tally.Packets++;
            tally.CapturedBytes += record.Bytes.Length;
            tally.WireBytes += record.OriginalLength;
            tally.MinLength = Math.Min(tally.MinLength, record.OriginalLength);
            tally.MaxLength = Math.Max(tally.MaxLength, record.OriginalLength);
            tally.CutCount += record.IsCut ? 1 : 0;
            tally.EmptyCount += record.Bytes.IsEmpty ? 1 : 0;
            tally.LinkTypes.Add(record.LinkType);
            tally.TimesNs.Add(record.TimestampNs);
            hash.AppendData(record.Bytes);
        }

        tally.Error = reader.Error;
        tally.Sha256 = Convert.ToHexStringLower(hash.GetHashAndReset());
        return tally;
    }

    private static void AssertSame(string oracle, long? got) =>
        Assert.Equal(oracle, got?.ToString(CultureInfo.InvariantCulture) ?? "");

    private static TsvRow Row(string table, string file) => Table(table).Rows.Single(r => r["file"] == file);

    private static TsvFile Table(string name) => TsvFile.Read(Path.Combine(RepositoryRoot.Shared!, "captures", name));

    private sealed class Tally
    {
        public long Packets { get; set; }

        public long CapturedBytes { get; set; }

        public long WireBytes { get; set; }

        public long MinLength { get; set; } = long.MaxValue;

        public long MaxLength { get; set; }

        public int CutCount { get; set; }

        public int EmptyCount { get; set; }

        public HashSet<int> LinkTypes { get; } = [];

        public List<long> TimesNs { get; } = [];

        public string? Error { get; set; }

        public string Sha256 { get; set; } = "";
    }
}
