using System.Reflection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.State;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>Is the switch alive, and what is it?</summary>
internal static class StatusEndpoints
{
    private const string Subject = "status";

    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        routes.MapGet("/healthz", Results<ContentHttpResult, ProblemHttpResult> () => control.Host.Failure == null
            ? TypedResults.Text("ok\n") : Problems.Unavailable("a worker failed; restart the switch"))
            .Describe(Subject, "ok while all workers work.", StatusCodes.Status503ServiceUnavailable)
            .Produces<string>(StatusCodes.Status200OK, "text/plain");

        routes.MapGet("/v1/status", () => TypedResults.Ok(Status(control)))
            .Describe(Subject, "The switch at a glance.");
    }

    private static StatusDocument Status(SwitchControl control)
    {
        SwitchHost host = control.Host;
        PolicyInForce policy = host.InForce;
        return new StatusDocument(
            ProgramVersion, host.StartedAt, Math.Round((DateTime.UtcNow - host.StartedAt).TotalSeconds, 3), control.Revision, host.WorkerCount,
            policy.Config.Enis.Count + policy.Config.Gateways.Count + (policy.Config.Internet != null ? 1 : 0), host.Workers.ConnectionCount,
            control.Ledger.Store is StateStore store ? new StateFolderDocument(store.Folder, store.Refused, store.LastRefusal) : null);
    }

    /// <summary>Version of this program, without the commit that it was built from.</summary>
    public static string ProgramVersion { get; } = typeof(StatusEndpoints).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
