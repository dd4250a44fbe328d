using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Limits;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>From which rates on an elastic IP counts as attacked; a rate that is left out is not looked at.</summary>
/// <param name="Bits">Bits a second.</param>
/// <param name="Packets">Packets a second.</param>
/// <param name="Syns">SYNs a second that would open a connection.</param>
/// <param name="NewConnections">First packets a second that would.</param>
/// <param name="CalmForSeconds">How long all rates have to be low before scrubbing ends.</param>
internal sealed record ThresholdsDocument(long? Bits, int? Packets, int? Syns, int? NewConnections, double CalmForSeconds);

/// <summary>What came to an elastic IP in a second, what was dropped for its bandwidth or by scrubbing included.</summary>
/// <param name="Bits">Bits of IP packets.</param>
/// <param name="Packets">Packets.</param>
/// <param name="Syns">SYNs that would open a connection.</param>
/// <param name="NewConnections">First packets that would.</param>
internal sealed record InboundRatesDocument(long Bits, long Packets, long Syns, long NewConnections);

/// <summary>An elastic IP under protection.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">Its public address.</param>
/// <param name="State">calm, or scrubbing while it counts as attacked.</param>
/// <param name="Thresholds">As configured.</param>
/// <param name="Trigger">Which rate began scrubbing the last time: bits, packets, syns or newConnections; left out when none ever did.</param>
/// <param name="Rates">Its rates in the last whole second.</param>
/// <param name="Peak">Its highest rates since scrubbing began the last time.</param>
/// <param name="Episodes">How often scrubbing began.</param>
/// <param name="ScrubbedPackets">Packets that scrubbing dropped.</param>
/// <param name="ScrubbedBytes">Bytes of them, IP header included.</param>
/// <param name="Challenges">SYNs that were answered with a challenge; they are among the scrubbed packets.</param>
/// <param name="Proofs">Challenges that were answered.</param>
internal sealed record ProtectionDocument(
    string Name, string Address, string State, ThresholdsDocument Thresholds, string? Trigger, InboundRatesDocument Rates,
    InboundRatesDocument Peak, long Episodes, long ScrubbedPackets, long ScrubbedBytes, long Challenges, long Proofs);

/// <summary>All elastic IPs under protection.</summary>
/// <param name="Protections">In the order of the configuration.</param>
internal sealed record ProtectionsDocument(IReadOnlyList<ProtectionDocument> Protections);

/// <summary>Which elastic IPs are attacked, and what is done about it?</summary>
internal static class ProtectionEndpoints
{
    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        SwitchHost host = control.Host;
        routes.MapGet("/v1/protection", () => TypedResults.Ok(new ProtectionsDocument([.. ProtectionReading.All(host).Select(Document)])))
            .Describe("protection", "The elastic IPs under protection: thresholds, rates, and what scrubbing did.");

        routes.MapGet("/v1/protection/{name}", (string name) => TypedResults.Ok(Document(
            ProtectionReading.All(host).FirstOrDefault(r => r.Eip.Name == name).OrNotFound("elastic IP under protection", name))))
            .Describe("protection", "One of them.", StatusCodes.Status404NotFound);
    }

    private static ProtectionDocument Document(ProtectionReading r)
    {
        ProtectionConfig p = r.Eip.Protection!;
        return new ProtectionDocument(
            r.Eip.Name, r.Eip.Address.ToString(), r.State.IsScrubbing ? "scrubbing" : "calm",
            new ThresholdsDocument(p.BitsPerSecond, p.PacketsPerSecond, p.SynsPerSecond, p.NewConnectionsPerSecond, p.CalmFor.TotalSeconds),
            ProtectionReading.Word(r.State.Trigger), Document(r.State.Rates), Document(r.State.Peak), r.State.Episodes,
            r.State.ScrubbedPackets, r.State.ScrubbedBytes, r.State.Challenges, r.State.Proofs);
    }

    private static InboundRatesDocument Document(InboundRates r) => new(r.Bits, r.Packets, r.Syns, r.NewConnections);
}
