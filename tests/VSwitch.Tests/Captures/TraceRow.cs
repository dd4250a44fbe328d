using System.Globalization;
using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Testing.Captures;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Captures;

/// <summary>A capture, how it is played, and what must come of it.</summary>
/// <param name="File">Name in MANIFEST.tsv.</param>
/// <param name="Lab">Words, any order. Placement: all hosts in one subnet, or <c>inside=ADDRESS,…</c>: these are ENIs
/// with an EIP and the rest is beyond the internet port. <c>raw</c>: the file as it is, each frame by <c>auto</c>.
/// Rules: all ingress allowed, or <c>deny</c> (none), or <c>tcp/PORT</c>. <c>loose</c>, <c>tagged</c> (tags stay on),
/// <c>mtu=N</c>, <c>capacity=N</c>, <c>established=SECONDS</c>, <c>workers=N</c>, <c>speed=N</c>. Frames: <c>whole</c>
/// and <c>sums</c> (<see cref="CaptureMend"/>), <c>unicast</c> (a MAC of the capture that is a group's, under an
/// address that is a host's, becomes the host's), <c>sorted</c> (by time), <c>order=N,…</c> (these, in this order, all
/// at the file's first instant), <c>then=N@S</c> (frame N once more, S seconds after the last).</param>
/// <param name="Expected">Name and count, in pairs: forwarded, answered, consumed, generated, flows (made), live (at
/// the end), and drop reasons. Of these, forwarded, answered, consumed and reasons that are not named must be
/// 0.</param>
internal sealed record TraceRow(string File, string Lab, string Expected)
{
    private static readonly string[] Counted = ["forwarded", "answered", "consumed"];

    public override string ToString() => Lab.Length == 0 ? File : $"{File} [{Lab}]";

    /// <summary>Plays it and checks counts, drops, and every forwarded byte.</summary>
    public void Check()
    {
        string path = Path.Combine(RepositoryRoot.Shared!, "captures", File);
        TraceResult result;
        if (Has("raw"))
        {
            result = TraceReplay.RunFile(new CaptureLab([], new LabOptions()).Config, path, speed: Number("speed", 0));
        }
        else
        {
            CaptureLab lab = MakeLab(path);
            result = TraceReplay.Run(WithSettings(lab.Config), lab.Frames, (int)Number("workers", 1));
            CheckFrames(lab, result);
        }

        CheckCounts(result);
    }

    private CaptureLab MakeLab(string path)
    {
        IReadOnlyList<CapturedFrame> frames = CapturedFrame.Read(path, out _);
        frames = Has("whole") ? CaptureMend.Whole(frames) : frames;
        frames = Has("sums") ? CaptureMend.Checksums(frames) : frames;
        frames = Has("sorted") ? [.. frames.OrderBy(f => f.TimestampNs)] : frames;
        if (Value("order") is { } order)
        {
            frames = [.. order.Split(',').Select(n => frames[Int(n) - 1] with { TimestampNs = frames[0].TimestampNs })];
        }

        if (Value("then") is { } then)
        {
            string[] parts = then.Split('@');
            long time = frames.Max(f => f.TimestampNs) + (Int(parts[1]) * 1_000_000_000L);
            frames = [.. frames, frames[Int(parts[0]) - 1] with { TimestampNs = time }];
        }

        var options = new LabOptions
        {
            Inside = Value("inside") is { } inside ? inside.Split(',').Select(a => IpAddress.Parse(a)).ToHashSet().Contains : null,
            Loose = Has("loose"),
            Untag = !Has("tagged"),
            Unicast = Has("unicast"),
            Mtu = (int)Number("mtu", 1500),
            Capacity = (int)Number("capacity", 100_000),
        };
        if (Has("deny"))
        {
            options = options with { Ingress = [] };
        }
        else if (Words().FirstOrDefault(w => w.StartsWith("tcp/", StringComparison.Ordinal)) is { } rule)
        {
            options = options with { Ingress = [TestTopologies.Rule("0.0.0.0/0", 6, Int(rule[4..]), Int(rule[4..]))] };
        }

        return new CaptureLab(frames, options);
    }

    private SwitchConfig WithSettings(SwitchConfig config) => Value("established") is not { } seconds ? config : config with
    {
        Switch = config.Switch with { Timeouts = new TimeoutSettings { TcpEstablished = TimeSpan.FromSeconds(Int(seconds)) } },
    };

    private void CheckCounts(TraceResult result)
    {
        Dictionary<string, long> expected = Pairs();
        var actual = new SortedDictionary<string, long>(result.Summary.Drops, StringComparer.Ordinal)
        {
            ["forwarded"] = result.Summary.Forwarded,
            ["answered"] = result.Summary.Answered,
            ["consumed"] = result.Summary.Consumed,
        };
        foreach (string name in Counted.Where(name => actual[name] == 0 && !expected.ContainsKey(name)))
        {
            actual.Remove(name);
        }

        foreach ((string name, long count) in new[]
        {
            ("generated", result.Summary.Generated), ("flows", result.Summary.Flows.Created),
                ("live", result.Summary.Flows.Live),
        })
        {
            if (expected.ContainsKey(name))
            {
                actual[name] = count;
            }
        }

        Assert.Equal(Text(expected), Text(actual));
    }

    /// <summary>Each dropped frame is one that came in, by that port; what is left of the IP packets was forwarded, and
    /// left by the right port with the right bytes.</summary>
    private static void CheckFrames(CaptureLab lab, TraceResult result)
    {
        List<LabFrame> left = [.. lab.Frames];
        foreach (DroppedFrame drop in result.Dropped)
        {
            int i = left.FindIndex(f => f.Port == drop.Port && f.TimestampNs <= drop.TimestampNs && f.Bytes.AsSpan().SequenceEqual(drop.Frame));
            Assert.True(i >= 0, $"a frame was dropped ({drop.Reason}) that never came in by {drop.Port}: {Convert.ToHexString(drop.Frame)}");
            left.RemoveAt(i);
        }

        List<LabFrame> forwarded = [.. left.Where(f => f.Leaves is not null && !IsForTheSwitch(f.Bytes))];
        Assert.Equal(forwarded.Count, result.Summary.Forwarded);
        Assert.Equal(result.Summary.Forwarded + result.Summary.Generated, result.SentCount);
        foreach (IGrouping<string?, LabFrame> port in forwarded.GroupBy(f => f.ToPort))
        {
            List<string> sent = [.. result.Sent[port.Key!].Select(f => Convert.ToHexString(f.Bytes))];
            foreach (LabFrame frame in port)
            {
                string leaves = Convert.ToHexString(frame.Leaves!);
                Assert.True(sent.Remove(leaves),
                    $"{port.Key} did not send\n{leaves}\nbut, not yet explained,\n{string.Join('\n', sent.Take(3))}");
            }
        }
    }

    /// <summary>ARP, neighbour discovery and DHCP: answered or consumed, never forwarded.</summary>
    private static bool IsForTheSwitch(byte[] frame) =>
        (frame[12] == 0x08 && frame[13] == 0x06) || (frame[12] == 0x86 && frame.Length > 54 && frame[20] == 58 && frame[54] is >= 133 and <= 137);

    private Dictionary<string, long> Pairs()
    {
        string[] words = Expected.Split([' ', ','], StringSplitOptions.RemoveEmptyEntries);
        return words.Chunk(2).ToDictionary(pair => pair[0], pair => (long)Int(pair[1]), StringComparer.Ordinal);
    }

    private static string Text(IEnumerable<KeyValuePair<string, long>> counts) =>
        string.Join(", ", counts.OrderBy(c => c.Key, StringComparer.Ordinal).Select(c => $"{c.Key} {c.Value}"));

    private string[] Words() => Lab.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private bool Has(string word) => Words().Contains(word);

    private string? Value(string key) =>
        Words().FirstOrDefault(w => w.StartsWith(key + "=", StringComparison.Ordinal))?[(key.Length + 1)..];

    private double Number(string key, double otherwise) => Value(key) is { } text ? Int(text) : otherwise;

    private static int Int(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
