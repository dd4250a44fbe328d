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
internal sealed partial record ShowSubject(string Name, string Summary, string Path, string? List, Column[] Columns, bool HasNames = false)
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
        new("eips", "The elastic IPs: where each leads, its bandwidth.", "/v1/elastic-ips", "elasticIps", ElasticIps(), HasNames: true),
        new("usage", "What each elastic IP carried this month, in bytes, hour by hour.", "/v1/usage", "usage", Usage()),
        new("gateways", "The gateways: link, addresses, routes, what passes them.", "/v1/gateways", "gateways", Gateways(), HasNames: true),
        new("protection", "The elastic IPs under protection: attacked or calm, and what scrubbing did.", "/v1/protection", "protections", Protections(), HasNames: true),
        new("load-balancers", "The load balancers: listeners, backends, health, connections.", "/v1/load-balancers", "loadBalancers", LoadBalancers(), HasNames: true),
        new("nat-gateways", "The NAT gateways: connections, size, EIPs, ports in use.", "/v1/nat-gateways", "natGateways", NatGateways(), HasNames: true),
        new("groups", "The security groups, their rules, and who has them.", "/v1/security-groups", "securityGroups",
            [
                Column.Of("group", "name"), Column.Of("vpc", "vpc"),
                new("ingress", s => Rules(s.Now.List("ingress").Count()), IsNumber: true),
                new("egress", s => s.Now.At("egress") == null ? "all" : Rules(s.Now.List("egress").Count()), IsNumber: true),
                new("stale", s => StaleRules(s.Now) is > 0 and int stale ? Rules(stale) : "", IsNumber: true),
                Column.Of("enis", "enis"),
            ], HasNames: true),
        new("routes", "The route tables in force.", "/v1/routes", "routeTables",
            [
                Column.Of("table", "name"), Column.Of("vpc", "vpc"), Column.Of("subnets", "subnets"),
                new("routes", s => string.Join('\n', s.Now.List("routes").Select(r => $"{r.Text("destination")} {r.Text("target")}{(r.At("note") == null ? "" : $" ({r.Text("note")})")}"))),
            ]),
        new("wires", "Wires with faults: what they are told to do, what they did.", "/v1/wires", "wires", WireColumns.All(), HasNames: true),
        new("peerings", "The peerings of VPCs: who asked, whether it is accepted, which routes lead into it.", "/v1/peerings", "peerings", Peerings(), HasNames: true),
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

    private static int StaleRules(JsonElement group) =>
        group.List("ingress").Concat(group.List("egress")).Count(rule => rule.At("stale") != null);

    private static string Rules(int count) => count == 1 ? "1 rule" : $"{count} rules";

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
