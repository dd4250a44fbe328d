using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Pipeline;

namespace VSwitch.Live;

/// <summary>What a port has counted, read at one time; the closing summary and the API are made of it. Not to be made once the host
/// was freed.</summary>
/// <param name="Name">The ENI's name, or internet.</param>
/// <param name="Counters">Sums over all workers.</param>
/// <param name="Held">Packets that wait.</param>
/// <param name="Drops">Drops by reason, those above 0, in the reasons' order.</param>
internal sealed record PortReading(string Name, PortCounters Counters, int Held, IReadOnlyList<(DropReason Reason, long Count)> Drops)
{
    /// <summary>Ports by number: the internet side where there is one, ENIs, and what removed ENIs have left.</summary>
    public static IEnumerable<(string Name, int Port)> Ports(PolicyInForce policy) =>
        policy.Snapshot.PortNames.Select((name, port) => (name, port)).Where(p => p.port != 0 || policy.Config.Internet != null);

    /// <summary>Reads a port.</summary>
    public static PortReading Of(SwitchHost host, string name, int port)
    {
        var drops = new List<(DropReason, long)>();
        foreach (DropReason reason in DropReasons.All)
        {
            long count = host.Workers.SumDrops(port, reason);
            if (count > 0)
            {
                drops.Add((reason, count));
            }
        }

        return new PortReading(name, host.Workers.Sum(port), host.Workers.HeldOf(port), drops);
    }

    /// <summary>Reads all ports.</summary>
    public static List<PortReading> All(SwitchHost host, PolicyInForce policy) =>
        [.. Ports(policy).Select(p => Of(host, p.Name, p.Port))];

    /// <summary>Drops by the reason's name, sorted.</summary>
    public SortedDictionary<string, long> DropsByName()
    {
        var named = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach ((DropReason reason, long count) in Drops)
        {
            named[reason.Name()] = count;
        }

        return named;
    }
}
