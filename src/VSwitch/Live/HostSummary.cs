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
        var ports = new Dictionary<string, PortReading>(StringComparer.Ordinal);
        var drops = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (PortReading port in PortReading.All(host, host.InForce))
        {
            ports[port.Name] = port;
            foreach ((DropReason reason, long count) in port.Drops)
            {
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
                Drops = p.Value.DropsByName(),
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
        foreach (PortReading port in PortReading.All(host, host.InForce))
        {
            PortCounters c = port.Counters;
            string reasons = string.Join(", ", port.Drops.Select(d => $"{d.Reason.Name()} {d.Count}"));
            string[] numbers = [.. new[] { c.ReceivedPackets, c.Forwarded, c.Answered, c.Consumed, c.Dropped, port.Held, c.SentPackets }
                .Select(n => n.ToString(CultureInfo.InvariantCulture))];
            table.AddRow([Markup.Escape(port.Name), .. numbers, reasons]);
        }

        AnsiConsole.Write(table);
    }
}
