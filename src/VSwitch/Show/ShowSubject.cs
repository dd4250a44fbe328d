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
                Column.Of("eip", "name"), Column.Of("address", "address"),
                new("holder", s => s.Now.At("eni") != null ? s.Now.Text("eni") : s.Now.Text("natGateway") + s.Now.Text("loadBalancer")),
                Column.Of("private", "privateIp"),
                Column.Of("health", "health.status"),
                new("standby", s => string.Join('\n', s.Now.List("standby").Select(p => $"{p.Text("eni")} {p.Text("health.status")}".TrimEnd()))),
                Column.Count("moves", "moves"),
                new("bandwidth", s => s.Now.At("bandwidth") is JsonElement b ? HumanText.Rate(b.GetDouble()) : "no cap", IsNumber: true),
                Column.Of("billing", "billing"),
            ], HasNames: true),
        new("usage", "What each elastic IP carried this month, in bytes, hour by hour.", "/v1/usage", "usage",
            [
                Column.Of("eip", "eip"), Column.Of("from", "from"), Column.Count("out", "sent.bytes"), Column.Count("in", "received.bytes"),
                Column.Count("dropped out", "sent.droppedBytes"), Column.Count("dropped in", "received.droppedBytes"),
            ]),
        new("gateways", "The gateways: link, addresses, routes, what passes them.", "/v1/gateways", "gateways",
            [
                Column.Of("gateway", "name"), Column.Of("vpc", "vpc"),
                new("link", s => s.Now.Text("link") + (s.Now.Text("up") == "no" ? " (down)" : "")), Column.Of("addresses", "addresses"),
                Column.Of("mtu", "mtu"), new("routes", s => string.Join('\n', s.Now.List("routes").Select(r => r.GetString()))),
                Column.Count("received", "counters.received"), Column.Count("sent", "counters.sent"), Column.Count("dropped", "counters.dropped"),
            ], HasNames: true),
        new("protection", "The elastic IPs under protection: attacked or calm, and what scrubbing did.", "/v1/protection", "protections",
            [
                Column.Of("eip", "name"), Column.Of("address", "address"), Column.Of("state", "state"),
                new("bit/s", s => HumanText.Rate(s.Now.Number("rates.bits")), IsNumber: true), Column.Count("pps", "rates.packets"),
                Column.Count("syn/s", "rates.syns"), Column.Count("new/s", "rates.newConnections"), Column.Count("scrubbed", "scrubbedPackets"),
                Column.Count("challenges", "challenges"), Column.Count("proofs", "proofs"), Column.Count("attacks", "episodes"),
            ], HasNames: true),
        new("load-balancers", "The load balancers: listeners, backends, health, connections.", "/v1/load-balancers", "loadBalancers",
            [
                Column.Of("load balancer", "name"), Column.Of("address", "address"), Column.Of("eips", "elasticIps"),
                new("listener", s => EachBackend(s.Now, (l, i) => i == 0 ? $"{l.Text("protocol")} {l.Text("port")}" : "")),
                new("algorithm", s => EachBackend(s.Now, (l, i) => i == 0 ? l.Text("algorithm") : "")),
                new("backend", s => EachBackend(s.Now, b => $"{b.Text("eni")} {b.Text("address")}:{b.Text("port")}")),
                new("weight", s => EachBackend(s.Now, b => b.Text("weight")), IsNumber: true),
                new("state", s => EachBackend(s.Now, b => b.Text("state"))),
                new("health", s => EachBackend(s.Now, b => b.Text("health"))),
                new("live", s => EachBackend(s.Now, b => b.Text("connections")), IsNumber: true),
                new("total", s => EachBackend(s.Now, b => b.Text("totalConnections")), IsNumber: true),
            ], HasNames: true),
        new("nat-gateways", "The NAT gateways: connections, size, EIPs, ports in use.", "/v1/nat-gateways", "natGateways",
            [
                Column.Of("gateway", "name"), Column.Of("vpc", "vpc"), Column.Of("size", "size"), Column.Count("connections", "connections"),
                NatEip("eips", e => $"{e.Text("name")} {e.Text("address")}"), NatEip("tcp ports", e => e.Text("portsInUse.tcp")),
                NatEip("udp ports", e => e.Text("portsInUse.udp")), NatEip("icmp ids", e => e.Text("portsInUse.icmp")),
                NatEip("refused", e => (e.Number("portsExhausted") + e.Number("connectionsExhausted")).ToString("0", CultureInfo.InvariantCulture)),
            ], HasNames: true),
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
        new("peerings", "The peerings of VPCs: who asked, whether it is accepted, which routes lead into it.", "/v1/peerings", "peerings",
            [
                Column.Of("peering", "name"), Column.Of("requester", "requester"), Column.Of("accepter", "accepter"), Column.Of("status", "status"),
                new("routes", s => string.Join('\n', s.Now.List("routes").Select(r => $"{r.Text("vpc")}/{r.Text("table")} {r.Text("destination")}"))),
            ], HasNames: true),
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

    /// <summary>"out 100Mbps 1000pps, in 1Gbps, dscp ef".</summary>
    private static string Limits(JsonElement eni)
    {
        string Way(string word, string bits, string packets)
        {
            string rates = string.Join(' ', new[]
            {
                eni.At("limits." + bits) is JsonElement b ? HumanText.Rate(b.GetDouble()) : "",
                eni.At("limits." + packets) is JsonElement p ? $"{p}pps" : "",
            }.Where(t => t.Length > 0));
            return rates.Length == 0 ? "" : $"{word} {rates}";
        }

        string dscp = eni.Text("dscp") is "keep" or "" ? "" : $"dscp {eni.Text("dscp")}";
        return string.Join(", ", new[] { Way("out", "egress", "egressPackets"), Way("in", "ingress", "ingressPackets"), dscp }.Where(t => t.Length > 0));
    }

    private static int StaleRules(JsonElement group) =>
        group.List("ingress").Concat(group.List("egress")).Count(rule => rule.At("stale") != null);

    /// <summary>A line a backend, over all listeners; one for a listener without any.</summary>
    private static string EachBackend(JsonElement balancer, Func<JsonElement, int, string> text) => string.Join('\n', balancer.List("listeners")
        .SelectMany(l => Enumerable.Range(0, Math.Max(1, l.List("backends").Count())).Select(i => text(l, i))));

    private static string EachBackend(JsonElement balancer, Func<JsonElement, string> text) =>
        EachBackend(balancer, (l, i) => l.List("backends").Skip(i).Select(text).FirstOrDefault(""));

    private static string Rules(int count) => count == 1 ? "1 rule" : $"{count} rules";

    /// <summary>A line for each EIP of a NAT gateway.</summary>
    private static Column NatEip(string title, Func<JsonElement, string> text) => new(title, s => string.Join('\n', s.Now.List("elasticIps").Select(text)));

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
        new("limits", s => Limits(s.Now)),
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
