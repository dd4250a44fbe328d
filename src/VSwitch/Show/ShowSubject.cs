using System.Globalization;
using System.Text.Json;

namespace VSwitch.Show;

/// <summary>What <c>vswitch show</c> can show: where the API has it, and its table.</summary>
/// <param name="Name">The word after show.</param>
/// <param name="Summary">One sentence for the help.</param>
/// <param name="Path">The route.</param>
/// <param name="List">Name of the list in the document; null for what is no list.</param>
/// <param name="Columns">The table's columns.</param>
/// <param name="HasNames">True when one of the list can be asked for by its name.</param>
internal sealed record ShowSubject(string Name, string Summary, string Path, string? List, Column[] Columns, bool HasNames = false)
{
    /// <summary>All, in the order of the help.</summary>
    public static IReadOnlyList<ShowSubject> All { get; } =
    [
        new("status", "The switch at a glance.", "/v1/status", null, []),
        new("ports", "What passes each port, and what is dropped there.", "/v1/ports", "ports", Ports(), HasNames: true),
        new("instances", "The instances with their ENIs.", "/v1/instances", "instances", Instances(), HasNames: true),
        new("queues", "The device queues: who polls each, what passes it.", "/v1/queues", "queues", Queues()),
        new("enis", "The ENIs: instance, subnet, addresses, groups, EIPs.", "/v1/enis", "enis", Enis(), HasNames: true),
        new("flows", "Live connections.", "/v1/connections", "connections", Flows()),
        new("drops", "What is dropped, and why.", "/v1/drops", "drops",
            [
                new("reason", s => s.Now.At("reason") != null ? s.Now.Text("reason") : s.Now.Text("name")), Column.Count("count", "count"),
                PerSecond("per s", "count"), Column.Of("ports", "ports"), Column.Of("last packet", "last.packet"),
            ]),
        new("workers", "Each worker: bursts, hand-overs, connections, buffers.", "/v1/workers", "workers",
            [
                Column.Of("worker", "index"),
                new("load", s => s.Now.At("load") is JsonElement load ? load.GetDouble().ToString("0 %", CultureInfo.InvariantCulture) : "", IsNumber: true),
                new("polls", s => s.Now.At("queues") == null ? ""
                    : $"{s.Now.Text("queues")} queues of {s.Now.Text("ports")} ports, {s.Now.Text("rssEntries")} of 128 buckets"),
                Column.Count("flows", "connections"), Column.Count("packets", "burstPackets") with { OnlyOnce = true }, Column.Count("mean burst", "meanBurst"), PerSecond("pps", "burstPackets", HumanText.PacketRate),
                Column.Count("handed over", "handedOver"), Column.Count("taken over", "takenOver"), Column.Count("held", "held"), Column.Count("free", "smallBuffers.free"),
            ]),
        new("eips", "The elastic IPs: where each leads, its bandwidth.", "/v1/elastic-ips", "elasticIps",
            [
                Column.Of("eip", "name"), Column.Of("address", "address"), Column.Of("eni", "eni"), Column.Of("private", "privateIp"),
                new("bandwidth", s => s.Now.At("bandwidth") is JsonElement b ? HumanText.Rate(b.GetDouble()) : "no cap", IsNumber: true),
                Column.Of("billing", "billing"),
            ], HasNames: true),
        new("groups", "The security groups, their rules, and who has them.", "/v1/security-groups", "securityGroups",
            [
                Column.Of("group", "name"), Column.Of("vpc", "vpc"),
                new("ingress", s => Rules(s.Now.List("ingress").Count()), IsNumber: true),
                new("egress", s => s.Now.At("egress") == null ? "all" : Rules(s.Now.List("egress").Count()), IsNumber: true),
                Column.Of("enis", "enis"),
            ], HasNames: true),
        new("routes", "The route tables in force.", "/v1/routes", "routeTables",
            [
                Column.Of("table", "name"), Column.Of("vpc", "vpc"), Column.Of("subnets", "subnets"),
                new("routes", s => string.Join('\n', s.Now.List("routes").Select(r => $"{r.Text("destination")} {r.Text("target")}"))),
            ]),
        new("config", "The configuration in force, as a document that run and apply take.", "/v1/config", null, []),
        new("changes", "The changes made, newest first.", "/v1/changes", "changes",
            [
                Column.Of("revision", "revision"), Column.Of("time", "time"), Column.Of("by", "by"),
                new("what", s => string.Join('\n', s.Now.List("changes").Select(c => c.GetString()))),
            ]),
    ];

    /// <summary>The drop reasons, those that never occurred too: what each means rather than its last packet.</summary>
    public ShowSubject WithSentences() => this with { Columns = [.. Columns.SkipLast(1), Column.Of("means", "sentence")] };

    /// <summary>Key of a row, to find it again at the next look.</summary>
    public static string KeyOf(JsonElement row) => row.At("name") != null ? row.Text("name") : row.Text("index") + row.Text("reason") + row.Text("port") + ' ' + row.Text("queue");

    private static string Rules(int count) => count == 1 ? "1 rule" : $"{count} rules";

    private static Column[] Instances() =>
    [
        Column.Of("instance", "name"), Column.Count("vcpus", "vcpus"), Column.Of("vpc", "vpc"), Column.Of("primary", "primaryEni"),
        Column.Of("secondary", "secondaryEnis"),
        new("enis", s => $"{s.Now.List("secondaryEnis").Count() + (s.Now.At("primaryEni") == null ? 0 : 1)} of {s.Now.Text("mostEnis")}", IsNumber: true),
        Column.Count("queues", "mostQueues"),
    ];

    private static Column[] Queues() =>
    [
        Column.Of("port", "port"), Column.Count("queue", "queue"), Column.Of("active", "active"), Column.Count("worker", "worker"),
        Column.Count("received", "received"), Column.Count("sent", "sent"), PerSecond("in per s", "received"), PerSecond("out per s", "sent"),
        Column.Count("rss", "rssEntries"),
    ];

    private static Column[] Enis() =>
    [
        Column.Of("eni", "name"),
        new("instance", s => s.Now.Text("attachment") switch
        {
            "none" => "",
            "detached" => "detached",
            string attachment => $"{s.Now.Text("instance")} {attachment}{(s.Now.Text("deleteWithInstance") == "yes" ? ", goes with it" : "")}".Trim(),
        }),
        Column.Of("vpc", "vpc"), Column.Of("subnet", "subnet"), Column.Of("addresses", "privateIps"), Column.Of("groups", "securityGroups"),
        new("eips", s => string.Join(", ", s.Now.List("elasticIps").Select(e => e.Text("address")))),
    ];

    private static Column[] Ports() =>
    [
        Column.Of("port", "name"),
        new("device", s => s.Now.At("device") is JsonElement d ? d.Text("name") + (d.Text("up") == "no" ? " (down)" : "") : "-", OnlyOnce: true),
        Column.Count("received", "counters.received") with { OnlyOnce = true }, Column.Count("sent", "counters.sent") with { OnlyOnce = true },
        Column.Count("dropped", "counters.dropped"),
        BitRate("in", "counters.receivedBytes"), BitRate("out", "counters.sentBytes"),
        new("drop reasons", s => string.Join('\n', s.Now.At("counters.drops") is JsonElement drops
            ? drops.EnumerateObject().OrderByDescending(d => d.Value.GetInt64()).Select(d => $"{d.Name} {d.Value}") : [])),
    ];

    private static Column[] Flows() =>
    [
        Column.Of("proto", "protocol"),
        new("from", s => End(s.Now, "source", "sourcePort")),
        new("to", s => End(s.Now, "destination", "destinationPort")),
        Column.Of("state", "state"),
        new("bytes", s => HumanText.Bytes(s.Now.Number("bytesOut") + s.Now.Number("bytesIn")), IsNumber: true),
        new("age", s => HumanText.Time(s.Now.Number("ageSeconds")), IsNumber: true),
    ];

    private static string End(JsonElement row, string address, string port)
    {
        string host = row.Text(address);
        return row.At(port) == null ? host : host.Contains(':', StringComparison.Ordinal) ? $"[{host}]:{row.Text(port)}" : $"{host}:{row.Text(port)}";
    }

    private static Column BitRate(string title, string path) => PerSecond(title, path, bytes => HumanText.Rate(8 * bytes));

    private static Column PerSecond(string title, string path, Func<double, string>? text = null) => new(
        title, s => s.PerSecond(path) is double rate
            ? (text ?? (r => r.ToString("0", CultureInfo.InvariantCulture)))(rate) : "", IsNumber: true, OnlyWatched: true);
}
