using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Probes;
using VSwitch.DataPlane.Tables;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>What is each elastic IP, and what did it carry?</summary>
internal static class ElasticIpEndpoints
{
    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        SwitchHost host = control.Host;
        routes.MapGet("/v1/elastic-ips", () => TypedResults.Ok(new ElasticIpsDocument([.. All(host)])))
            .Describe("elastic IPs", "All elastic IPs as configured, with what each sent, received and lost to its bandwidth.");

        routes.MapGet("/v1/elastic-ips/{name}", (string name) =>
            TypedResults.Ok(All(host).FirstOrDefault(e => e.Name == name).OrNotFound("elastic IP", name)))
            .Describe("elastic IPs", "One elastic IP.", StatusCodes.Status404NotFound);
    }

    private static IEnumerable<ElasticIpDocument> All(SwitchHost host)
    {
        PolicyInForce policy = host.InForce;
        var enis = policy.Config.Enis.ToDictionary(e => e.Name, StringComparer.Ordinal);
        var health = new EipHealth(policy.Snapshot, host.Workers.Shared.Probes);
        for (int i = 0; i < policy.Config.ElasticIps.Count; i++)
        {
            ElasticIpConfig eip = policy.Config.ElasticIps[i];

            // The snapshot's index 0 is nobody's.
            Eip compiled = policy.Snapshot.EipAt(i + 1);
            EipPlace[] places = [.. eip.Places(enis)];
            yield return new ElasticIpDocument(
                eip.Name, eip.Address.ToString(), eip.Eni,
                eip.Eni != null ? EniEndpoints.PrivateIpOf(eip, enis[eip.Eni]).ToString() : null,
                eip.BandwidthBitsPerSecond, eip.BandwidthInBitsPerSecond, eip.Billing,
                Document(host.Workers.Eips.SentBy(compiled.Number)), Document(host.Workers.Eips.ReceivedBy(compiled.Number)))
            {
                NatGateway = eip.NatGateway,
                LoadBalancer = eip.LoadBalancer,
                Health = eip.Eni == null ? null : HealthOf(health, eip, places[0]),
                Standby = eip.Standby.Count == 0 ? null
                    : [.. places.Skip(eip.Eni == null ? 0 : 1).Select(p => new EipPlaceDocument(p.Eni, p.Address.ToString(), HealthOf(health, eip, p)))],
                Home = eip.Home?.Eni,
                Drift = eip.Drift == default ? null : eip.Drift,
                Moves = host.Moves.Of(eip.Name),
            };
        }
    }

    private static HealthDocument? HealthOf(EipHealth health, ElasticIpConfig eip, EipPlace place) =>
        health.Read(eip, place) is ProbeReading reading ? HealthDocument.Of(reading) : null;

    private static MeterDocument Document(MeterCounters c) => new(c.Packets, c.Bytes, c.DroppedPackets, c.DroppedBytes);
}
