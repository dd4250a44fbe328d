using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.Config;
using VSwitch.Live;
using VSwitch.Watching;

namespace VSwitch.Api;

/// <summary>A mirror as configured, and how it fares.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Port">The port that is copied.</param>
/// <param name="Direction">both, in or out.</param>
/// <param name="Filter">Which packets; null = all.</param>
/// <param name="To">Where the copies go.</param>
/// <param name="Mirrored">Packets that went there.</param>
/// <param name="Lost">Packets that were meant to and did not.</param>
/// <param name="Problem">Why it does not work at the time; null while it does.</param>
internal sealed record MirrorDocument(
    string Name, string Port, MirrorDirection Direction, string? Filter, MirrorTargetDocument To, long Mirrored, long Lost, string? Problem);

/// <summary>Where copies go: exactly one of both.</summary>
/// <param name="Port">A port's device.</param>
/// <param name="File">A pcapng file.</param>
internal sealed record MirrorTargetDocument(string? Port, string? File);

/// <summary>All mirrors.</summary>
/// <param name="Mirrors">By name.</param>
internal sealed record MirrorsDocument(IReadOnlyList<MirrorDocument> Mirrors);

/// <summary>What is copied where, and does it arrive?</summary>
internal static class MirrorEndpoints
{
    public static void Map(IEndpointRouteBuilder routes, SwitchControl control) =>
        routes.MapGet("/v1/mirrors", () =>
            TypedResults.Ok(new MirrorsDocument([.. control.Host.Mirrors.Readings.Select(Document)])))
            .Describe("mirrors", "All mirrors: what they copy, where to, how many packets arrived and how many were lost.");

    private static MirrorDocument Document(MirrorReading reading) => new(
        reading.Config.Name, reading.Config.Port, reading.Config.Direction, reading.Config.Filter,
        new MirrorTargetDocument(reading.Config.ToPort, reading.Config.ToFile), reading.Mirrored, reading.Lost, reading.Problem);
}
