using System.Globalization;
using System.Security.Cryptography;
using VSwitch.ControlPlane.Config;
using VSwitch.Replay;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Captures;

/// <summary>Every public capture through replay.</summary>
public class SharedCaptureTests
{
    /// <summary>Where MANIFEST.tsv says what to do and the oracle's tool did otherwise: refuse, and deliver the whole records.</summary>
    private static readonly Dictionary<string, long> PacketsByManifest = new() { ["extra/fmt-bad-version.pcap"] = 0, ["fmt-ng-shb-opt.pcapng"] = 0, ["fmt-record-cut.pcap"] = 6 };

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
