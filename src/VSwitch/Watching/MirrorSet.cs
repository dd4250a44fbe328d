using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Filters;
using VSwitch.DataPlane.Watching;
using VSwitch.Live;

namespace VSwitch.Watching;

/// <summary>How a mirror fares.</summary>
/// <param name="Config">What it is.</param>
/// <param name="Mirrored">Packets that went to its port or file.</param>
/// <param name="Lost">Packets that were meant and did not.</param>
/// <param name="Problem">Why it does not work at the time; null while it does.</param>
internal sealed record MirrorReading(MirrorConfig Config, long Mirrored, long Lost, string? Problem);

/// <summary>The mirrors of a running switch, as configured. One that stays as it was goes on; its words are compiled anew with each
/// configuration, like those of captures.</summary>
internal sealed class MirrorSet(SwitchHost host) : IDisposable
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);
    private readonly Lock _changing = new();
    private readonly Dictionary<MirrorConfig, (PortMirror? Port, MirrorFile? File)> _running = [];

    /// <summary>Raised with the mirror's name when one does not work, and with a null problem when it does again.</summary>
    public event Action<string, string?>? ProblemChanged;

    /// <summary>All of them, by name.</summary>
    public IReadOnlyList<MirrorReading> Readings
    {
        get
        {
            lock (_changing)
            {
                return [.. _running.Select(r => Read(r.Key, r.Value.Port, r.Value.File)).OrderBy(r => r.Config.Name, StringComparer.Ordinal)];
            }
        }
    }

    /// <summary>Puts a configuration's mirrors in force, which is in force otherwise already. Cannot fail: what does not work says so.</summary>
    public void Use(IReadOnlyList<MirrorConfig> mirrors)
    {
        lock (_changing)
        {
            HashSet<MirrorConfig> wanted = [.. mirrors.Select(m => m with { Position = default })];
            foreach (MirrorConfig gone in _running.Keys.Where(m => !wanted.Contains(m)).ToList())
            {
                _running.Remove(gone, out (PortMirror? Port, MirrorFile? File) mirror);
                End(mirror.Port, mirror.File);
            }

            foreach (MirrorConfig mirror in wanted.Where(m => !_running.ContainsKey(m)))
            {
                _running.Add(mirror, mirror.ToPort is string port ? (BeginPort(mirror, port), null) : (null, BeginFile(mirror)));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Use([]);

    private static MirrorReading Read(MirrorConfig config, PortMirror? port, MirrorFile? file)
    {
        if (file != null)
        {
            return new MirrorReading(config, file.Written, file.Lost, file.Problem);
        }

        (long packets, _, long lost) = port!.Counts;
        return new MirrorReading(config, packets, lost, null);
    }

    private static PacketFilter FilterOf(MirrorConfig mirror)
    {
        _ = PacketFilter.TryParse(mirror.Filter ?? "", out PacketFilter words, out _);
        return words with
        {
            Port = mirror.Port,
            Direction = mirror.Direction switch
            {
                MirrorDirection.In => PacketDirection.In,
                MirrorDirection.Out => PacketDirection.Out,
                _ => null,
            },
        };
    }

    private PortMirror BeginPort(MirrorConfig mirror, string toPort)
    {
        var copies = new PortMirror(host.Workers, Array.IndexOf(host.Snapshot.PortNames, toPort));
        host.Watch.TryAdd(copies, FilterOf(mirror));
        return copies;
    }

    private MirrorFile BeginFile(MirrorConfig mirror)
    {
        CaptureSession session = CaptureSession.TryBegin(host, new CaptureRequest(FilterOf(mirror)), isMirror: true)!;
        return new MirrorFile(
            session, mirror.ToFile!, RetryAfter, TimeProvider.System, problem => ProblemChanged?.Invoke(mirror.Name, problem));
    }

    private void End(PortMirror? port, MirrorFile? file)
    {
        file?.Dispose();
        if (port != null && host.Watch.Remove(port))
        {
            port.Dispose();
        }
    }
}
