using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Plan;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>A route into a peering.</summary>
/// <param name="Vpc">The VPC that has it.</param>
/// <param name="Table">Its route table.</param>
/// <param name="Destination">What it is for: a prefix, or prefixList:NAME.</param>
internal sealed record PeeringRouteDocument(string Vpc, string Table, string Destination);

/// <summary>A peering of two VPCs.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Requester">The VPC that asked.</param>
/// <param name="Accepter">The VPC that was asked.</param>
/// <param name="Status">active; pending while it is not accepted: it then forwards nothing.</param>
/// <param name="Routes">Routes of both that lead into it.</param>
internal sealed record PeeringDocument(
    string Name, string Requester, string Accepter, string Status, IReadOnlyList<PeeringRouteDocument> Routes);

/// <summary>All peerings.</summary>
/// <param name="Peerings">As configured.</param>
internal sealed record PeeringsDocument(IReadOnlyList<PeeringDocument> Peerings);

/// <summary>Which VPCs are joined? And the four things that their owners do: request, accept, reject, delete.</summary>
internal static class PeeringEndpoints
{
    private const string Peerings = "/v1/peerings";
    private const string One = Peerings + "/{name}";
    private const string Subject = "peerings";

    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        SwitchHost host = control.Host;
        routes.MapGet(Peerings, () =>
        {
            SwitchConfig config = host.Config;
            return TypedResults.Ok(new PeeringsDocument([.. config.Peerings.Select(p => Document(config, p))]));
        }).Describe(Subject, "All peerings, with the routes into each.");

        routes.MapGet(One, (string name) =>
        {
            SwitchConfig config = host.Config;
            return TypedResults.Ok(Document(config, ConfigEdit.Peerings.Find(config, name)));
        }).Describe(Subject, "One peering.", StatusCodes.Status404NotFound);

        MapChanges(routes, new ChangeAnswers(control));
    }

    private static void MapChanges(IEndpointRouteBuilder routes, ChangeAnswers answers)
    {
        RouteHandlerBuilder request = routes.MapPost(Peerings, async (HttpContext context, bool? dryRun) =>
        {
            PeeringConfig asked;
            using (RequestBody body = await answers.Bodies.ReadAsync(context, RequestBodies.MostBytesOfPart))
            {
                PartResult<PeeringConfig> part = ConfigReader.ReadPeeringRequest(body.Utf8, body.IsJson);
                asked = ChangeAnswers.Require(part.Value, part.Errors, part.IsUnreadable);
            }

            return await answers.Answer(context, dryRun, c => Request(c, asked), (Peerings, ConfigEdit.Peerings.Kind, asked.Name));
        });
        Describe(request, "Requests a peering: it is pending until it is accepted.");
        ChangeAnswers.DescribeBody(request, "{ \"name\": NAME, \"requester\": VPC, \"accepter\": VPC }.");

        Describe(
            routes.MapPost(One + "/accept", (HttpContext context, string name, bool? dryRun) => answers.Answer(context, dryRun, c =>
                ConfigEdit.Peerings.Replace(c, ConfigEdit.Peerings.Find(c, name) with { Accepted = true }))),
            "Accepts a peering: from now on it forwards what routes and rules allow.");

        Describe(
            routes.MapPost(One + "/reject", (HttpContext context, string name, bool? dryRun) => answers.Answer(context, dryRun, c =>
                !ConfigEdit.Peerings.Find(c, name).Accepted ? Remove(c, name)
                    : throw new ProblemException(Problems.Conflict($"peering '{name}' is accepted already; delete it to end it")))),
            "Rejects a request for a peering, which is then gone.");

        Describe(
            routes.MapDelete(One, (HttpContext context, string name, bool? dryRun) =>
                answers.Answer(context, dryRun, c => Remove(c, name))),
            "Deletes a peering. Routes into it stay and drop all; rules that name a group of the other side stay and are stale.");
    }

    /// <summary>The same request again changes nothing, also once it is accepted.</summary>
    private static SwitchConfig Request(SwitchConfig config, PeeringConfig asked)
    {
        PeeringConfig? known = config.Peerings.FirstOrDefault(p => p.Name == asked.Name);
        return ConfigEdit.Peerings.Add(config, known == null ? asked : asked with { Accepted = known.Accepted });
    }

    /// <summary>What names it stays: it may come back.</summary>
    private static SwitchConfig Remove(SwitchConfig config, string name) =>
        ConfigEdit.Peerings.Remove(StaleRules.MarkedBy(config, ConfigEdit.Peerings.Find(config, name)), name);

    private static PeeringDocument Document(SwitchConfig config, PeeringConfig peering) => new(
        peering.Name, peering.Requester, peering.Accepter, peering.Accepted ? "active" : "pending",
        [
            .. from vpc in config.Vpcs
               from table in vpc.RouteTables
               from route in table.Routes
               where PeeringConfig.NameOf(route.Target) == peering.Name
               select new PeeringRouteDocument(vpc.Name, table.Name, ConfigText.Destination(route)),
        ]);

    private static void Describe(RouteHandlerBuilder route, string summary) =>
        route.Describe(Subject, summary, ChangeAnswers.Statuses).Produces<ChangeDocument>();
}
