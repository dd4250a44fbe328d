using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.FlowLogs;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>How do the flow logs fare?</summary>
internal static class FlowLogEndpoints
{
    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        routes.MapGet("/v1/flow-logs", () => control.Host.FlowLogs.Select(ToJson));
        routes.MapGet("/v1/flow-logs/{name}", (string name) =>
            control.Host.FlowLogs.FirstOrDefault(l => l.Config.Name == name) is FlowLogStatus status
                ? Results.Ok(ToJson(status))
                : Results.Problem($"there is no flow log '{name}'", statusCode: StatusCodes.Status404NotFound));
    }

    private static FlowLogJson ToJson(FlowLogStatus status) => new(
        status.Config.Name, status.Config.Eni, status.Config.Subnet, status.Config.Vpc,
        status.Config.Traffic.ToString().ToLowerInvariant(), status.Config.Interval.TotalSeconds,
        status.Config.File == null ? null : status.Config.Format ?? FlowLogFormat.Default,
        new FlowLogTargetJson(status.Config.File, status.Config.Ipfix), status.Records, status.Bytes, status.Lost, status.Failure);

    /// <summary>A flow log, with the configuration's names.</summary>
    private sealed record FlowLogJson(
        string Name, string? Eni, string? Subnet, string? Vpc, string Traffic, double IntervalSeconds, string? Format,
        FlowLogTargetJson To, long Records, long Bytes, long Lost, string? Failure);

    private sealed record FlowLogTargetJson(string? File, string? Ipfix);
}
