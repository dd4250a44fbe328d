using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.Config;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>What is each NAT gateway, and how full is it?</summary>
internal static class NatGatewayEndpoints
{
    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        SwitchHost host = control.Host;
        routes.MapGet("/v1/nat-gateways", () => TypedResults.Ok(new NatGatewaysDocument([.. All(host)])))
            .Describe("NAT gateways", "All NAT gateways as configured, with their connections and the ports of each elastic IP in use.");

        routes.MapGet("/v1/nat-gateways/{name}", (string name) =>
            TypedResults.Ok(All(host).FirstOrDefault(g => g.Name == name).OrNotFound("NAT gateway", name)))
            .Describe("NAT gateways", "One NAT gateway.", StatusCodes.Status404NotFound);
    }

    private static IEnumerable<NatGatewayDocument> All(SwitchHost host)
    {
        var configured = host.InForce.Config.NatGateways.ToDictionary(g => g.Name, StringComparer.Ordinal);
        foreach (NatReading gateway in NatReading.All(host.Workers.Shared))
        {
            // A change may come into force between the two readings.
            NatTimeoutSettings timeouts = configured.TryGetValue(gateway.Name, out NatGatewayConfig? config) ? config.Timeouts : new NatTimeoutSettings();
            yield return new NatGatewayDocument(
                gateway.Name, gateway.Vpc, NatGatewaySizes.Word(gateway.Capacity), gateway.Connections, gateway.Capacity,
                new NatTimeoutsDocument(
                    timeouts.TcpEstablished.TotalSeconds, timeouts.TcpTransient.TotalSeconds, timeouts.Udp.TotalSeconds, timeouts.Icmp.TotalSeconds),
                [.. gateway.Eips.Select(Document)]);
        }
    }

    private static NatEipDocument Document(NatEipReading eip) => new(
        eip.Name, eip.Address, eip.Connections, new NatPortsDocument(eip.TcpPorts, eip.UdpPorts, eip.IcmpIdentifiers),
        eip.PortsRefused, eip.ConnectionsRefused);
}

/// <summary>A NAT gateway.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Vpc">Its VPC.</param>
/// <param name="Size">small, medium, large, or a number of connections.</param>
/// <param name="Connections">Connections that go out by it.</param>
/// <param name="ConnectionCapacity">Connections at most.</param>
/// <param name="Timeouts">Idle times of its connections.</param>
/// <param name="ElasticIps">EIPs that it goes out by.</param>
internal sealed record NatGatewayDocument(
    string Name, string Vpc, string Size, int Connections, int ConnectionCapacity, NatTimeoutsDocument Timeouts,
    IReadOnlyList<NatEipDocument> ElasticIps);

/// <summary>Idle times of a NAT gateway's connections.</summary>
/// <param name="TcpEstablishedSeconds">TCP after the handshake.</param>
/// <param name="TcpTransientSeconds">TCP half open, after a FIN and after a RST.</param>
/// <param name="UdpSeconds">UDP.</param>
/// <param name="IcmpSeconds">ICMP queries.</param>
internal sealed record NatTimeoutsDocument(double TcpEstablishedSeconds, double TcpTransientSeconds, double UdpSeconds, double IcmpSeconds);

/// <summary>An EIP of a NAT gateway.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">Its public address.</param>
/// <param name="Connections">Connections that go out by it.</param>
/// <param name="PortsInUse">Public ports that stand for somebody.</param>
/// <param name="PortsExhausted">Connections dropped because no port was free, that it was the first choice for.</param>
/// <param name="ConnectionsExhausted">Connections dropped because the gateway was full, that it was the first choice for.</param>
internal sealed record NatEipDocument(
    string Name, string Address, int Connections, NatPortsDocument PortsInUse, long PortsExhausted, long ConnectionsExhausted);

/// <summary>Public ports by protocol.</summary>
/// <param name="Tcp">Ports of TCP.</param>
/// <param name="Udp">Ports of UDP.</param>
/// <param name="Icmp">Identifiers of ICMP queries.</param>
internal sealed record NatPortsDocument(int Tcp, int Udp, int Icmp);

/// <summary>All NAT gateways.</summary>
internal sealed record NatGatewaysDocument(IReadOnlyList<NatGatewayDocument> NatGateways);
