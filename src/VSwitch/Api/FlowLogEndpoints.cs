using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.FlowLogs;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>A flow log as configured, and how it fares.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Eni">The ENI that it is about; null = a subnet or VPC.</param>
/// <param name="Subnet">The subnet that it is about.</param>
/// <param name="Vpc">The VPC that it is about.</param>
/// <param name="Traffic">all, accept or reject.</param>
/// <param name="IntervalSeconds">How long packets are gathered into one record.</param>
/// <param name="Format">Columns of its lines; null for IPFIX.</param>
/// <param name="To">Where it goes.</param>
/// <param name="Records">Records written or sent since it began.</param>
/// <param name="Bytes">Bytes written or sent.</param>
/// <param name="Lost">Records lost.</param>
/// <param name="Problem">Why it cannot write at the time; null while it can.</param>
internal sealed record FlowLogDocument(
    string Name, string? Eni, string? Subnet, string? Vpc, FlowLogTraffic Traffic, double IntervalSeconds, string? Format,
    FlowLogTargetDocument To, long Records, long Bytes, long Lost, string? Problem);

/// <summary>Where a flow log goes: exactly one of both.</summary>
/// <param name="File">A text file.</param>
/// <param name="Ipfix">An IPFIX collector.</param>
internal sealed record FlowLogTargetDocument(string? File, string? Ipfix);

/// <summary>All flow logs.</summary>
/// <param name="FlowLogs">In the order of the configuration.</param>
internal sealed record FlowLogsDocument(IReadOnlyList<FlowLogDocument> FlowLogs);

/// <summary>How do the flow logs fare?</summary>
internal static class FlowLogEndpoints
{
    public static void Map(IEndpointRouteBuilder routes, SwitchControl control) =>
        routes.MapGet("/v1/flow-logs", () => TypedResults.Ok(new FlowLogsDocument([.. control.Host.FlowLogs.Select(Document)])))
            .Describe("flow logs", "All flow logs: what they record, where to, how much was written and how much was lost.");

    private static FlowLogDocument Document(FlowLogStatus status) => new(
        status.Config.Name, status.Config.Eni, status.Config.Subnet, status.Config.Vpc, status.Config.Traffic,
        status.Config.Interval.TotalSeconds, status.Config.File == null ? null : status.Config.Format ?? FlowLogFormat.Default,
        new FlowLogTargetDocument(status.Config.File, status.Config.Ipfix), status.Records, status.Bytes, status.Lost, status.Failure);
}
