using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>A gateway as configured, and how it fares.</summary>
/// <param name="Name">Its name: the port's.</param>
/// <param name="Vpc">The VPC that it leads out of.</param>
/// <param name="Link">What carries its frames, in words: "vlan 100 on eth1", "vxlan 42 to 198.51.100.9".</param>
/// <param name="Mac">Its own MAC on the link.</param>
/// <param name="Addresses">Its own addresses there.</param>
/// <param name="Mtu">Largest IP packet, bytes.</param>
/// <param name="Up">False while the device below it is down or gone: routes then prefer others.</param>
/// <param name="Routes">Destinations of the VPC's routes that lead to it.</param>
/// <param name="Counters">What passed it.</param>
internal sealed record GatewayDocument(
    string Name, string Vpc, string Link, string Mac, IReadOnlyList<string> Addresses, int Mtu, bool Up, IReadOnlyList<string> Routes,
    CountersDocument Counters);

/// <summary>All gateways.</summary>
/// <param name="Gateways">As configured.</param>
internal sealed record GatewaysDocument(IReadOnlyList<GatewayDocument> Gateways);

/// <summary>Which ways out of VPCs are there, and what passes each?</summary>
internal static class GatewayEndpoints
{
    private const string Subject = "gateways";

    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        SwitchHost host = control.Host;
        routes.MapGet("/v1/gateways", () =>
        {
            PolicyInForce policy = host.InForce;
            return TypedResults.Ok(new GatewaysDocument([.. policy.Config.Gateways.Select(g => Read(host, policy, g))]));
        }).Describe(Subject, "All gateways: link, addresses, routes that lead there, counters.");

        routes.MapGet("/v1/gateways/{name}", (string name) =>
        {
            PolicyInForce policy = host.InForce;
            return TypedResults.Ok(Read(host, policy, policy.Config.Gateways.FirstOrDefault(g => g.Name == name).OrNotFound("gateway", name)));
        }).Describe(Subject, "One gateway.", StatusCodes.Status404NotFound);
    }

    private static unsafe GatewayDocument Read(SwitchHost host, PolicyInForce policy, GatewayConfig gateway)
    {
        int port = Array.IndexOf(policy.Snapshot.PortNames, gateway.Name);
        return new GatewayDocument(
            gateway.Name, gateway.Vpc, LinkOf(gateway), gateway.Mac.ToString(), [.. gateway.Addresses.Select(a => a.ToString())],
            policy.Snapshot.Enis[port].MtuBytes, IsUp(policy, gateway), [.. RoutesTo(policy.Config, gateway)],
            PortEndpoints.CountersOf(host, gateway.Name, port));
    }

    private static string LinkOf(GatewayConfig gateway)
    {
        if (gateway.Vxlan is VxlanConfig vxlan)
        {
            return string.Create(CultureInfo.InvariantCulture, $"vxlan {vxlan.Vni} to {vxlan.Remote}");
        }

        if (gateway.Gre is GreConfig gre)
        {
            string kind = gre.Ethernet ? "gretap" : "gre";
            return string.Create(CultureInfo.InvariantCulture, $"{kind}{(gre.Key is uint key ? $" {key}" : "")} to {gre.Remote}");
        }

        string device = gateway.InterfaceName ?? (gateway.Device != null ? "pcap" : "nothing");
        return gateway.Vlan is int vlan ? string.Create(CultureInfo.InvariantCulture, $"vlan {vlan} on {device}") : device;
    }

    private static bool IsUp(PolicyInForce policy, GatewayConfig gateway)
    {
        string carrier = gateway.Vxlan != null || gateway.Gre != null ? "internet"
            : policy.Config.IsShared(gateway) ? gateway.InterfaceName! : gateway.Name;
        return policy.Devices.TryGetValue(carrier, out IPacketDevice? device) && device.Status.IsUp;
    }

    /// <summary>"10.9.0.0/16", or "10.9.0.0/16 (propagated, weight 3)".</summary>
    private static IEnumerable<string> RoutesTo(SwitchConfig config, GatewayConfig gateway) =>
        config.Vpcs.SelectMany(v => v.RouteTables).SelectMany(t => t.Routes).Where(r => r.Gateway == gateway.Name)
            .SelectMany(r => config.DestinationsOf(r).Select(d => r.Preference == RoutePreference.Static ? d.ToString()
                : string.Create(CultureInfo.InvariantCulture, $"{d} (propagated, weight {r.Weight})"))).Distinct();
}
