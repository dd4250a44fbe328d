using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.Config;
using VSwitch.Live;
using VSwitch.Wire;

namespace VSwitch.Api;

/// <summary>What is configured: security groups, route tables, elastic IPs? Reading only; ChangeEndpoints change them.</summary>
internal static class PolicyEndpoints
{
    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        SwitchHost host = control.Host;
        routes.MapGet("/v1/security-groups", () =>
        {
            SwitchConfig config = host.Config;
            ILookup<string, string> enis = EnisByGroup(config);
            var references = new GroupReferences(config);
            return TypedResults.Ok(new SecurityGroupsDocument([.. config.SecurityGroups.Select(g => Document(g, enis, references))]));
        }).Describe("security groups", "All security groups as configured, with the ENIs that have each.");

        routes.MapGet("/v1/security-groups/{name}", (string name) =>
        {
            SwitchConfig config = host.Config;
            SecurityGroupConfig group = config.SecurityGroups.FirstOrDefault(g => g.Name == name).OrNotFound("security group", name);
            return TypedResults.Ok(Document(group, EnisByGroup(config), new GroupReferences(config)));
        }).Describe("security groups", "One security group.", StatusCodes.Status404NotFound);

        routes.MapGet("/v1/routes", () => TypedResults.Ok(new RouteTablesDocument([.. TablesOf(host.Config)])))
            .Describe("routes", "Route tables in force, with the subnets that use each.");
    }

    private static ILookup<string, string> EnisByGroup(SwitchConfig config) =>
        config.Enis.SelectMany(e => e.SecurityGroups.Select(g => (Group: g, e.Name))).ToLookup(e => e.Group, e => e.Name, StringComparer.Ordinal);

    private static SecurityGroupDocument Document(SecurityGroupConfig group, ILookup<string, string> enis, GroupReferences references) => new(
        group.Name, group.Vpc, [.. group.Ingress.Select(r => Document(r, isEgress: false, references.WhyStale(group.Vpc, r.Peer)))],
        group.Egress == null ? null : [.. group.Egress.Select(r => Document(r, isEgress: true, references.WhyStale(group.Vpc, r.Peer)))],
        group.LiveConnections, [.. enis[group.Name]]);

    private static RuleDocument Document(RuleConfig rule, bool isEgress, string? stale)
    {
        string peer = ConfigText.Peer(rule.Peer);
        string? ports = rule.Ports.Count == 0 ? null : ConfigText.Ports(rule.Ports);
        return new RuleDocument(
            ConfigText.Protocol(rule.Protocol), ports, rule.IcmpType, rule.IcmpCode, isEgress ? null : peer, isEgress ? peer : null, rule.Peer.Peering,
            rule.Remark, stale);
    }

    private static IEnumerable<RouteTableDocument> TablesOf(SwitchConfig config)
    {
        HashSet<string> active = [.. config.Peerings.Where(p => p.Accepted).Select(p => p.Name)];
        string? NoteOn(string target) => PeeringConfig.NameOf(target) is string peering && !active.Contains(peering) ? "peering not active" : null;
        foreach (VpcConfig vpc in config.Vpcs)
        {
            RouteDocument[] local = [.. vpc.Cidrs.Select(c => new RouteDocument(c.ToString(), "local", null))];
            string? main = vpc.RouteTables.FirstOrDefault(t => t.Main)?.Name;
            foreach (RouteTableConfig table in vpc.RouteTables)
            {
                IEnumerable<RouteDocument> routes = table.Routes.SelectMany(r => config.DestinationsOf(r)
                    .Select(d => new RouteDocument(d.ToString(), ConfigText.Target(r), r.PrefixList, NoteOn(r.Target))));
                yield return new RouteTableDocument(
                    table.Name, vpc.Name, table.Main,
                    [.. vpc.Subnets.Where(s => (s.RouteTable ?? main) == table.Name).Select(s => s.Name)], [.. local, .. routes]);
            }

            string[] without = [.. vpc.Subnets.Where(s => (s.RouteTable ?? main) == null).Select(s => s.Name)];
            if (without.Length > 0)
            {
                yield return new RouteTableDocument("local", vpc.Name, true, without, local);
            }
        }

        if (config.Internet is InternetConfig internet)
        {
            yield return new RouteTableDocument("internet", null, false, [], [
                .. internet.Addresses.Select(a => new RouteDocument(new IpPrefix(a.Network, a.Length).ToString(), "link", null)),
                .. internet.Routes.Select(r => new RouteDocument(r.Destination.ToString(), $"via {r.NextHop}", null)),
            ]);
        }
    }
}
