using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Workers;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>What is each load balancer, and how do its backends fare?</summary>
internal static class LoadBalancerEndpoints
{
    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        SwitchHost host = control.Host;
        routes.MapGet("/v1/load-balancers", () => TypedResults.Ok(new LoadBalancersDocument([.. All(host)])))
            .Describe("load balancers", "All load balancers as configured, with health and connections of their backends.");

        routes.MapGet("/v1/load-balancers/{name}", (string name) =>
            TypedResults.Ok(All(host).FirstOrDefault(b => b.Name == name).OrNotFound("load balancer", name)))
            .Describe("load balancers", "One load balancer.", StatusCodes.Status404NotFound);
    }

    private static IEnumerable<LoadBalancerDocument> All(SwitchHost host)
    {
        PolicyInForce policy = host.InForce;
        SwitchConfig config = policy.Config;
        for (int i = 0; i < config.LoadBalancers.Count; i++)
        {
            int place = i;
            LoadBalancerConfig balancer = config.LoadBalancers[i];
            yield return new LoadBalancerDocument(
                balancer.Name, config.Vpcs.First(v => v.Subnets.Any(s => s.Name == balancer.Subnet)).Name, balancer.Subnet,
                balancer.Address.ToString(),
                [.. config.ElasticIps.Where(e => e.LoadBalancer == balancer.Name).Select(e => e.Address.ToString())],
                [.. balancer.Listeners.Select(l => Document(l, BackendReading.Of(
                    host.Workers.Shared, policy.Snapshot, place, l, WorkerThread.NowNs())))]);
        }
    }

    private static ListenerDocument Document(ListenerConfig listener, IReadOnlyList<BackendReading> backends) => new(
        listener.NameOrDefault, ConfigText.Protocol(listener.Protocol), listener.Port, ConfigText.Algorithm(listener.Algorithm),
        listener.Stickiness?.TotalSeconds, listener.Drain.TotalSeconds, Words(listener.HealthCheck), backends.Sum(b => b.Connections),
        backends.Sum(b => b.TotalConnections),
        [.. backends.Select(b => new BackendDocument(
            b.Eni, b.Address.ToString(), b.Port, b.Weight, b.State, b.Health, b.Connections, b.TotalConnections, b.DrainLeft?.TotalSeconds))]);

    private static string? Words(HealthCheckConfig? check) => check == null ? null
        : $"{ConfigText.Word(check.Protocol)}{(check.Port is int port ? $" {port}" : "")} every {ConfigText.Duration(check.Interval)}";
}
