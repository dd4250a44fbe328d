using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.Config;

namespace VSwitch.Api;

/// <content>Load balancers, and the draining of their backends.</content>
internal static partial class PartEndpoints
{
    private const string LoadBalancers = "/v1/load-balancers";

    private static void MapLoadBalancers(IEndpointRouteBuilder routes, ChangeAnswers answers)
    {
        const string Subject = "load balancers";
        const string Draining = LoadBalancers + "/{name}/listeners/{listener}/backends/{eni}/draining";
        Describe(routes.MapPost(LoadBalancers, async (HttpContext context, bool? dryRun) =>
        {
            LoadBalancerConfig balancer = Require(await Read(context, answers, (utf8, isJson) => ConfigReader.ReadLoadBalancer(utf8, isJson)));
            return await answers.Answer(
                context, dryRun, c => ConfigEdit.LoadBalancers.Add(c, balancer), (LoadBalancers, ConfigEdit.LoadBalancers.Kind, balancer.Name));
        }), Subject, "Adds a load balancer.", "A load balancer as in a configuration.");

        Describe(routes.MapPut(LoadBalancers + "/{name}", async (HttpContext context, string name, bool? dryRun) =>
        {
            LoadBalancerConfig balancer = Require(await Read(context, answers, (utf8, isJson) => ConfigReader.ReadLoadBalancer(utf8, isJson, name)));
            return await answers.Answer(
                context, dryRun, c => ConfigEdit.LoadBalancers.Has(c, name) ? ConfigEdit.LoadBalancers.Replace(c, balancer) : ConfigEdit.LoadBalancers.Add(c, balancer),
                (LoadBalancers, ConfigEdit.LoadBalancers.Kind, name));
        }), Subject, "Replaces a load balancer, or adds it.", "A load balancer as in a configuration; its name may be left out.");

        Describe(
            routes.MapDelete(LoadBalancers + "/{name}", (HttpContext context, string name, bool? dryRun) =>
                answers.Answer(context, dryRun, c => ConfigEdit.LoadBalancers.Remove(c, name))),
            Subject, "Removes a load balancer.");

        Describe(
            routes.MapPut(Draining, (HttpContext context, string name, string listener, string eni, bool? dryRun) =>
                answers.Answer(context, dryRun, c => WithDraining(c, name, listener, eni, isDraining: true))),
            Subject, "Drains a backend: no new connections, and the live ones end with the listener's drain time.");

        Describe(
            routes.MapDelete(Draining, (HttpContext context, string name, string listener, string eni, bool? dryRun) =>
                answers.Answer(context, dryRun, c => WithDraining(c, name, listener, eni, isDraining: false))),
            Subject, "Lets a backend that drains serve again.");
    }

    /// <summary>The configuration with the backends of an ENI in a listener draining, or serving again.</summary>
    /// <exception cref="ProblemException">404: no such load balancer, listener or backend.</exception>
    private static SwitchConfig WithDraining(SwitchConfig config, string name, string listenerName, string eni, bool isDraining)
    {
        LoadBalancerConfig balancer = ConfigEdit.LoadBalancers.Find(config, name);
        ListenerConfig listener = balancer.Listeners.FirstOrDefault(l => l.NameOrDefault == listenerName)
            .OrNotFound($"listener of load balancer '{name}'", listenerName);
        listener.Backends.FirstOrDefault(b => b.Eni == eni).OrNotFound($"backend of listener '{listenerName}'", eni);
        BackendConfig[] backends = [.. listener.Backends.Select(b => b.Eni == eni ? b with { Draining = isDraining } : b)];
        ListenerConfig[] listeners =
            [.. balancer.Listeners.Select(l => ReferenceEquals(l, listener) ? l with { Backends = backends } : l)];
        return ConfigEdit.LoadBalancers.Replace(config, balancer with { Listeners = listeners });
    }
}
