using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Faults;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>A port's wire as configured, and what it did.</summary>
/// <param name="Port">The port.</param>
/// <param name="Seed">What its chances are drawn from.</param>
/// <param name="In">From what is attached to the switch.</param>
/// <param name="Out">From the switch to what is attached.</param>
internal sealed record WireDocument(string Port, int Seed, WireLineDocument In, WireLineDocument Out);

/// <summary>One direction of a wire. Chances are parts of 1.</summary>
/// <param name="DelayMs">Delay, milliseconds.</param>
/// <param name="JitterMs">Jitter, milliseconds.</param>
/// <param name="Loss">Frames lost.</param>
/// <param name="Reorder">Frames that overtake.</param>
/// <param name="Duplicate">Frames that come twice.</param>
/// <param name="Corrupt">Frames with a bit flipped.</param>
/// <param name="Rate">Bits a second; null = no limit.</param>
/// <param name="Limit">Frames on their way at most.</param>
/// <param name="Counts">What it did; null while nothing is attached to the port.</param>
internal sealed record WireLineDocument(
    double DelayMs, double JitterMs, double Loss, double Reorder, double Duplicate, double Corrupt, long? Rate, int Limit, LineCounts? Counts);

/// <summary>All wires.</summary>
/// <param name="Wires">By port.</param>
internal sealed record WiresDocument(IReadOnlyList<WireDocument> Wires);

/// <summary>Faults of wires: which, what they did, and others while traffic runs.</summary>
internal static class WireEndpoints
{
    private const string Wires = "/v1/wires";
    private const string Subject = "wires";
    private static readonly ConfigSection<WireConfig> Section = new("wire", "wire", w => w.Port, c => c.Wires, (c, list) => c with { Wires = list });

    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        SwitchHost host = control.Host;
        var answers = new ChangeAnswers(control);
        routes.MapGet(Wires, () => TypedResults.Ok(new WiresDocument([.. All(host)])))
            .Describe(Subject, "The wires with faults: what they are told to do, and what they did.");
        routes.MapGet(Wires + "/{port}", (string port) => TypedResults.Ok(All(host).FirstOrDefault(w => w.Port == port).OrNotFound("wire of port", port)))
            .Describe(Subject, "The wire of one port.", StatusCodes.Status404NotFound);

        RouteHandlerBuilder put = routes.MapPut(Wires + "/{port}", async (HttpContext context, string port, bool? dryRun) =>
        {
            using RequestBody body = await answers.Bodies.ReadAsync(context, RequestBodies.MostBytesOfPart);
            PartResult<WireConfig> part = ConfigReader.ReadWire(body.Utf8, body.IsJson, port);
            WireConfig wire = ChangeAnswers.Require(part.Value, part.Errors, part.IsUnreadable);
            return await answers.Answer(
                context, dryRun, c => Section.Has(c, port) ? Section.Replace(c, wire) : Section.Add(c, wire), (Wires, Section.Kind, port));
        });
        put.Describe(Subject, "Gives a port's wire these faults, for frames from now on.", ChangeAnswers.Statuses).Produces<ChangeDocument>();
        ChangeAnswers.DescribeBody(put, "A wire as in a configuration; its port may be left out.");

        routes.MapDelete(Wires + "/{port}", (HttpContext context, string port, bool? dryRun) =>
            answers.Answer(context, dryRun, c => Section.Remove(c, port)))
            .Describe(Subject, "Takes the faults off a port's wire.", ChangeAnswers.Statuses).Produces<ChangeDocument>();
    }

    private static IEnumerable<WireDocument> All(SwitchHost host)
    {
        PolicyInForce policy = host.InForce;
        foreach (WireConfig wire in policy.Config.Wires)
        {
            var device = policy.Devices.GetValueOrDefault(wire.Port) as FaultyWire;
            yield return new WireDocument(wire.Port, wire.Seed, Line(wire.In, device?.InCounts), Line(wire.Out, device?.OutCounts));
        }
    }

    private static WireLineDocument Line(WireFaultConfig faults, LineCounts? counts) => new(
        faults.Delay.TotalMilliseconds, faults.Jitter.TotalMilliseconds, faults.Loss, faults.Reorder, faults.Duplicate, faults.Corrupt,
        faults.RateBitsPerSecond, faults.Limit ?? LineFaults.DefaultLimit, counts);
}
