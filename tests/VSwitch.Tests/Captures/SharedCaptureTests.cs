using System.Globalization;
using System.Security.Cryptography;
using VSwitch.ControlPlane.Config;
using VSwitch.Devices.Pcap;
using VSwitch.Replay;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Captures;

/// <summary>Every public capture through reader and replay.</summary>
public class SharedCaptureTests
{
    /// <summary>Where MANIFEST.tsv says what to do and the oracle's tool did otherwise: refuse, and deliver the whole records.</summary>
    private static readonly Dictionary<string, long> PacketsByManifest = new() { ["extra/fmt-bad-version.pcap"] = 0, ["fmt-record-cut.pcap"] = 6 };

    private const string Damaged = "fmt-huge-caplen.pcap fmt-record-cut.pcap extra/fmt-bad-version.pcap";

    [SharedFact]
    public void The_reader_finds_what_the_oracle_says()
    {
        var wrong = new List<string>();
        foreach (string[] row in Oracle())
        {
            using CaptureReader reader = CaptureReader.Open(Path.Combine(RepositoryRoot.Shared!, "captures", row[0]));
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            (long packets, long captured, long original) = (0, 0, 0);
            while (reader.TryReadNext(out CaptureRecord record))
            {
                packets++;
                captured += record.Bytes.Length;
                original += record.OriginalLength;
                hash.AppendData(record.Bytes);
            }

            if (PacketsByManifest.TryGetValue(row[0], out long whole))
            {
                Assert.Equal(whole, packets);
                Assert.NotNull(reader.Error);
                continue;
            }

            bool same = packets == Number(row[1]) && captured == Number(row[2]) && original == Number(row[3]) &&
                Convert.ToHexStringLower(hash.GetHashAndReset()) == row[^1];
            if (!same)
            {
                wrong.Add($"{row[0]}: {packets} packets, {captured} and {original} bytes, error {reader.Error}; oracle {row[1]}, {row[2]}, {row[3]}");
            }

            Assert.Equal(Damaged.Split(' ').Contains(row[0]), reader.Error != null);
        }

        Assert.Empty(wrong);
    }

    [SharedFact]
    public void Every_capture_replays_and_adds_up_and_gives_the_same_bytes_for_any_number_of_workers()
    {
        SwitchConfig[] configs = [TestTopologies.Small(), TestTopologies.Rich(), TestTopologies.Tight()];
        foreach (string[] row in Oracle())
        {
            foreach (SwitchConfig config in configs)
            {
                string first = Replay(config, row[0], 1, out ReplaySummary summary);
                Assert.Equal(PacketsByManifest.GetValueOrDefault(row[0], Number(row[1])), summary.Read);
                Assert.Equal(summary.Read, summary.Forwarded + summary.Answered + summary.Consumed + summary.Dropped);
                Assert.Equal(summary.Dropped, summary.Drops.Values.Sum());
                Assert.True(PacketsByManifest.ContainsKey(row[0]) || Number(row[2]) == summary.Ports.Values.Sum(p => p.ReceivedBytes));
                Assert.Equal(first, Replay(config, row[0], 1, out _));
                Assert.Equal(first, Replay(config, row[0], 4, out _));
            }
        }
    }

    private static string Replay(SwitchConfig config, string capture, int workers, out ReplaySummary summary)
    {
        string folder = Directory.CreateTempSubdirectory("vswitch-replay-").FullName;
        try
        {
            string file = Path.Combine(RepositoryRoot.Shared!, "captures", capture);
            using (var runner = new ReplayRunner(config, new ReplayOptions([("auto", file)], folder, workers, 0)))
            {
                summary = runner.Run(CancellationToken.None);
            }

            return string.Join(' ', Directory.GetFiles(folder).Order(StringComparer.Ordinal)
                .Select(f => Path.GetFileName(f) + Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f)))));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static IEnumerable<string[]> Oracle() =>
        File.ReadLines(Path.Combine(RepositoryRoot.Shared!, "captures", "ORACLE.tsv")).Skip(1).Select(l => l.Split('\t'));

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
