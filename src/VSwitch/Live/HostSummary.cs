using System.Globalization;
using Spectre.Console;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Pipeline;

namespace VSwitch.Live;

/// <summary>What a switch did, as a table, or as an object for JSON.</summary>
internal static class HostSummary
{
    public static object ToJson(SwitchHost host)
    {
        var ports = new Dictionary<string, (PortCounters Counters, int Held, SortedDictionary<string, long> Drops)>(
            StringComparer.Ordinal);
        var drops = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach ((string name, int port) in Ports(host))
        {
            var own = new SortedDictionary<string, long>(StringComparer.Ordinal);
            ports[name] = (host.Workers.Sum(port), host.Workers.HeldOf(port), own);
            foreach ((DropReason reason, long count) in Drops(host, port))
            {
                own[reason.Name()] = count;
                drops[reason.Name()] = drops.GetValueOrDefault(reason.Name()) + count;
            }
        }

        return new
        {
            Ports = ports.ToDictionary(p => p.Key, p => new
            {
                Received = p.Value.Counters.ReceivedPackets,
                Sent = p.Value.Counters.SentPackets,
                p.Value.Counters.Forwarded,
                p.Value.Counters.Answered,
                p.Value.Counters.Consumed,
                p.Value.Counters.Dropped,
                p.Value.Held,
                p.Value.Counters.Generated,
                p.Value.Counters.ReceivedBytes,
                p.Value.Counters.SentBytes,
                p.Value.Drops,
            }),
            Drops = drops,
            Connections = host.Workers.ConnectionCount,
            Flows = new
            {
                Created = host.Workers.Workers.Sum(w => w.Counters.FlowsCreated),
                Removed = host.Workers.Workers.Sum(w => w.Counters.FlowsRemoved),
                Evicted = host.Workers.Workers.Sum(w => w.Counters.FlowsEvicted),
                Live = host.Workers.ConnectionCount,
            },
        };
    }

    public static void Print(SwitchHost host)
    {
        Table table = new Table().Border(TableBorder.Rounded)
            .AddColumns("port", "received", "forwarded", "answered", "consumed", "dropped", "held", "sent", "drop reasons");
        foreach ((string name, int port) in Ports(host))
        {
            PortCounters c = host.Workers.Sum(port);
            string reasons = string.Join(", ", Drops(host, port).Select(d => $"{d.Reason.Name()} {d.Count}"));
            string[] numbers = [.. new[] { c.ReceivedPackets, c.Forwarded, c.Answered, c.Consumed, c.Dropped, host.Workers.HeldOf(port), c.SentPackets }
                .Select(n => n.ToString(CultureInfo.InvariantCulture))];
            table.AddRow([Markup.Escape(name), .. numbers, reasons]);
        }

        AnsiConsole.Write(table);
    }

    private static IEnumerable<(string Name, int Port)> Ports(SwitchHost host) =>
        host.Snapshot.PortNames.Select((name, port) => (name, port))
            .Where(p => p.port != 0 || host.Config.Internet != null);

    private static IEnumerable<(DropReason Reason, long Count)> Drops(SwitchHost host, int port)
    {
        foreach (DropReason reason in DropReasons.All.ToArray())
        {
            long count = host.Workers.SumDrops(port, reason);
            if (count > 0)
            {
                yield return (reason, count);
            }
        }
    }
}
