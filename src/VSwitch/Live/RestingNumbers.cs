using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;

namespace VSwitch.Live;

/// <summary>Names that changes of the configuration removed. Their numbers rest until no worker, hand-over ring or list of held
/// packets can know them any more, and are then free for new names. (Connections may outlive the rest: they tell the holders
/// of a number apart by the version of the snapshot.)</summary>
internal sealed class RestingNumbers(TimeProvider time)
{
    /// <summary>Packets are held for a second at most.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);

    private readonly Dictionary<(Kind Kind, string Name), long> _removedAt = [];

    /// <summary>Backends that had connections when numbers were released last.</summary>
    private readonly HashSet<(Kind, string)> _busy = [];

    private enum Kind
    {
        Port,
        Vpc,
        Peering,
        ElasticIp,
        Group,
        Probe,
        Backend,
    }

    /// <summary>Releases the numbers that have rested; <see cref="Commit"/> makes it final.</summary>
    /// <param name="numbers">Who has which number.</param>
    /// <param name="hasConnections">True for the number of a backend that still has connections: it rests on.</param>
    /// <returns>Numbers of EIPs that nobody has now.</returns>
    public IReadOnlyList<int> Release(NumberDirectory numbers, Func<int, bool> hasConnections)
    {
        var eips = new List<int>();
        _busy.Clear();
        foreach ((Kind kind, string name) in Rested())
        {
            switch (kind)
            {
                case Kind.Port:
                    numbers.ReleasePort(name);
                    break;
                case Kind.Vpc:
                    numbers.ReleaseVpc(name);
                    break;
                case Kind.Peering:
                    numbers.ReleasePeering(name);
                    break;
                case Kind.Group:
                    numbers.ReleaseGroup(name);
                    break;
                case Kind.Probe:
                    numbers.ReleaseProbe(name);
                    break;
                case Kind.Backend when hasConnections(numbers.KnownBackend(name)):
                    _busy.Add((kind, name));
                    break;
                case Kind.Backend:
                    numbers.ReleaseBackend(name);
                    break;
                default:
                    eips.Add(numbers.ReleaseEip(name));
                    break;
            }
        }

        return eips;
    }

    /// <summary>Notes a change that is in force: what it removed rests from now on, what it brought back does not.</summary>
    public void Commit(SwitchConfig before, SwitchConfig after)
    {
        HashSet<(Kind, string)> now = NamesOf(after);
        foreach ((Kind, string) name in Rested().Where(r => !_busy.Contains(r)).Concat(_removedAt.Keys.Where(now.Contains)).ToList())
        {
            _removedAt.Remove(name);
        }

        foreach ((Kind, string) name in NamesOf(before).Except(now))
        {
            _removedAt[name] = time.GetTimestamp();
        }
    }

    private List<(Kind Kind, string Name)> Rested() =>
        [.. _removedAt.Where(r => time.GetElapsedTime(r.Value) >= Rest).Select(r => r.Key)];

    private static HashSet<(Kind, string)> NamesOf(SwitchConfig config) =>
    [
        .. config.Enis.Select(e => e.Name).Concat(config.Gateways.Select(g => g.Name)).Concat(config.Trunks).Select(n => (Kind.Port, n)),
        .. config.Vpcs.Select(v => (Kind.Vpc, v.Name)),
        .. config.Peerings.Select(p => p.Name).Concat(PeeringConfig.NamesInRoutes(config)).Select(p => (Kind.Peering, p)),
        .. config.ElasticIps.Select(e => (Kind.ElasticIp, e.Name)), .. config.SecurityGroups.Select(g => (Kind.Group, g.Name)),
        .. ProbeCompiler.Wanted(config).Select(p => (Kind.Probe, p.Name)),
        .. BalancerCompiler.BackendNames(config).Select(b => (Kind.Backend, b)),
    ];
}
