using VSwitch.ControlPlane.Config;
using VSwitch.Devices.Pcap;
using VSwitch.Replay;
using VSwitch.Testing;
using VSwitch.Testing.Captures;
using Xunit;

namespace VSwitch.Tests.Captures;

/// <summary>What a replay wrote, read back.</summary>
/// <param name="Summary">The command's summary.</param>
/// <param name="Dropped">drops.pcapng.</param>
/// <param name="Sent">PORT.pcap of each port.</param>
internal sealed record TraceResult(
    ReplaySummary Summary, IReadOnlyList<DroppedFrame> Dropped, IReadOnlyDictionary<string,
        IReadOnlyList<CapturedFrame>> Sent)
{
    /// <summary>Every frame that left, by any port.</summary>
    public long SentCount => Sent.Values.Sum(frames => (long)frames.Count);
}

/// <summary>Frames through the replay command's own path, with its files in a folder that is removed again.</summary>
internal static class TraceReplay
{
    /// <summary>Replays frames of a lab: they are written to a capture, and each goes to the ENI that owns its source
    /// MAC.</summary>
    public static TraceResult Run(SwitchConfig config, IEnumerable<LabFrame> frames,
        int workers = 1) => InFolder(folder =>
    {
        string file = Path.Combine(folder, "rewritten.pcap");
        using (var writer = new PcapWriter(file))
        {
            foreach (LabFrame frame in frames)
            {
                writer.Write(frame.Bytes, frame.TimestampNs);
            }
        }

        return Run(config, [("auto", file)], Path.Combine(folder, "out"), workers, speed: 0);
    });

    /// <summary>Replays a file as it is.</summary>
    public static TraceResult RunFile(SwitchConfig config, string file, string port = "auto", double speed = 0) =>
        InFolder(folder => Run(config, [(port, file)], folder, workers: 1, speed));

    /// <summary>Replays several inputs, one frame list a port.</summary>
    public static TraceResult RunPorts(SwitchConfig config,
        IEnumerable<(string Port, long TimestampNs, byte[] Frame)> frames, int workers = 1) => InFolder(folder =>
    {
        var inputs = new List<(string, string)>();
        foreach (IGrouping<string, (string Port, long TimestampNs, byte[] Frame)> port in frames.GroupBy(f => f.Port))
        {
            string file = Path.Combine(folder, $"in-{port.Key}.pcap");
            using var writer = new PcapWriter(file);
            foreach ((_, long time, byte[] frame) in port)
            {
                writer.Write(frame, time);
            }

            inputs.Add((port.Key, file));
        }

        return Run(config, inputs, Path.Combine(folder, "out"), workers, speed: 0);
    });

    private static TraceResult Run(SwitchConfig config, List<(string, string)> inputs, string folder, int workers,
        double speed)
    {
        ReplaySummary summary;
        using (var runner = new ReplayRunner(config, new ReplayOptions(inputs, folder, workers, speed)))
        {
            summary = runner.Run(CancellationToken.None);
        }

        IReadOnlyList<DroppedFrame> dropped = DropCapture.Read(Path.Combine(folder, "drops.pcapng"));
        var sent = Directory.GetFiles(folder,
            "*.pcap").Where(f => !Path.GetFileName(f).StartsWith("in-", StringComparison.Ordinal))
            .ToDictionary(f => Path.GetFileNameWithoutExtension(f), f => CapturedFrame.Read(f, out _));
        long doubled = summary.Wires?.Values.Sum(w => w.In.Duplicated) ?? 0;
        Assert.Equal(summary.Read + doubled, summary.Forwarded + summary.Answered + summary.Consumed + summary.Dropped);
        Assert.Equal(summary.Drops.OrderBy(d => d.Key, StringComparer.Ordinal), dropped.GroupBy(d => d.Reason)
            .Select(g => KeyValuePair.Create(g.Key, (long)g.Count())).OrderBy(d => d.Key, StringComparer.Ordinal));
        return new TraceResult(summary, dropped, sent);
    }

    private static TraceResult InFolder(Func<string, TraceResult> run)
    {
        string folder = Directory.CreateTempSubdirectory("vswitch-trace-").FullName;
        try
        {
            return run(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
