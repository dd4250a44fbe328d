using System.Globalization;
using System.Text.Json;

namespace VSwitch.Show;

/// <content>Tables of instances and ENIs, and of what stands around the switch: elastic IPs, gateways, balancers, peerings.</content>
internal sealed partial record ShowSubject
{
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

    private static Column[] ElasticIps() =>
    [
        Column.Of("eip", "name"), Column.Of("address", "address"),
        new("holder", s => s.Now.At("eni") != null ? s.Now.Text("eni") : s.Now.Text("natGateway") + s.Now.Text("loadBalancer")),
        Column.Of("private", "privateIp"),
        Column.Of("health", "health.status"),
        new("standby", s => string.Join('\n', s.Now.List("standby").Select(p => $"{p.Text("eni")} {p.Text("health.status")}".TrimEnd()))),
        Column.Count("moves", "moves"),
        new("bandwidth", s => s.Now.At("bandwidth") is JsonElement b ? HumanText.Rate(b.GetDouble()) : "no cap", IsNumber: true),
        Column.Of("billing", "billing"),
    ];

    private static Column[] Usage() =>
    [
        Column.Of("eip", "eip"), Column.Of("from", "from"), Column.Count("out", "sent.bytes"), Column.Count("in", "received.bytes"),
        Column.Count("dropped out", "sent.droppedBytes"), Column.Count("dropped in", "received.droppedBytes"),
    ];

    private static Column[] Gateways() =>
    [
        Column.Of("gateway", "name"), Column.Of("vpc", "vpc"),
        new("link", s => s.Now.Text("link") + (s.Now.Text("up") == "no" ? " (down)" : "")), Column.Of("addresses", "addresses"),
        Column.Of("mtu", "mtu"), new("routes", s => string.Join('\n', s.Now.List("routes").Select(r => r.GetString()))),
        Column.Count("received", "counters.received"), Column.Count("sent", "counters.sent"), Column.Count("dropped", "counters.dropped"),
    ];

    private static Column[] Protections() =>
    [
        Column.Of("eip", "name"), Column.Of("address", "address"), Column.Of("state", "state"),
        new("bit/s", s => HumanText.Rate(s.Now.Number("rates.bits")), IsNumber: true), Column.Count("pps", "rates.packets"),
        Column.Count("syn/s", "rates.syns"), Column.Count("new/s", "rates.newConnections"), Column.Count("scrubbed", "scrubbedPackets"),
        Column.Count("challenges", "challenges"), Column.Count("proofs", "proofs"), Column.Count("attacks", "episodes"),
    ];

    private static Column[] LoadBalancers() =>
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
    ];

    private static Column[] NatGateways() =>
    [
        Column.Of("gateway", "name"), Column.Of("vpc", "vpc"), Column.Of("size", "size"), Column.Count("connections", "connections"),
        NatEip("eips", e => $"{e.Text("name")} {e.Text("address")}"), NatEip("tcp ports", e => e.Text("portsInUse.tcp")),
        NatEip("udp ports", e => e.Text("portsInUse.udp")), NatEip("icmp ids", e => e.Text("portsInUse.icmp")),
        NatEip("refused", e => (e.Number("portsExhausted") + e.Number("connectionsExhausted")).ToString("0", CultureInfo.InvariantCulture)),
    ];

    private static Column[] Peerings() =>
    [
        Column.Of("peering", "name"), Column.Of("requester", "requester"), Column.Of("accepter", "accepter"), Column.Of("status", "status"),
        new("routes", s => string.Join('\n', s.Now.List("routes").Select(r => $"{r.Text("vpc")}/{r.Text("table")} {r.Text("destination")}"))),
    ];

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

    /// <summary>A line for each EIP of a NAT gateway.</summary>
    private static Column NatEip(string title, Func<JsonElement, string> text) => new(title, s => string.Join('\n', s.Now.List("elasticIps").Select(text)));

    /// <summary>A line a backend, over all listeners; one for a listener without any.</summary>
    private static string EachBackend(JsonElement balancer, Func<JsonElement, int, string> text) => string.Join('\n', balancer.List("listeners")
        .SelectMany(l => Enumerable.Range(0, Math.Max(1, l.List("backends").Count())).Select(i => text(l, i))));

    private static string EachBackend(JsonElement balancer, Func<JsonElement, string> text) =>
        EachBackend(balancer, (l, i) => l.List("backends").Skip(i).Select(text).FirstOrDefault(""));
}
