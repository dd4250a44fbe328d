using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.State;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>A change that was made.</summary>
/// <param name="Revision">The revision that it made.</param>
/// <param name="Time">When, UTC.</param>
/// <param name="By">Who: start (the switch's start), sighup, api, apply.</param>
/// <param name="Changes">What changed, a line each, as a plan prints it.</param>
/// <param name="Document">SHA-256 of the configuration that it made; left out without a state folder.</param>
internal sealed record PastChangeDocument(long Revision, DateTime Time, ChangeOrigin By, IReadOnlyList<string> Changes, string? Document);

/// <summary>A page of the changes made, newest first.</summary>
/// <param name="Changes">The changes.</param>
/// <param name="Next">The <c>before</c> of the next page; left out on the last one.</param>
internal sealed record PastChangesDocument(IReadOnlyList<PastChangeDocument> Changes, long? Next);

/// <summary>What was changed, when, and by whom? With a state folder also before the last start.</summary>
internal static class HistoryEndpoints
{
    private const int UsualLimit = 50;
    private const int MaxLimit = 1000;

    public static void Map(IEndpointRouteBuilder routes, SwitchControl control) =>
        routes.MapGet("/v1/changes", Results<Ok<PastChangesDocument>, ProblemHttpResult> (int? limit, long? before) => limit is < 1 or > MaxLimit
            ? Problems.BadRequest($"limit is from 1 to {MaxLimit}, not {limit}") : TypedResults.Ok(Page(control, limit ?? UsualLimit, before)))
            .Describe("changes", "The changes made, newest first; those before a revision with before=REVISION.", StatusCodes.Status400BadRequest);

    private static PastChangesDocument Page(SwitchControl control, int limit, long? before)
    {
        // One more says whether there is a next page.
        IReadOnlyList<StateChange> found = control.Ledger.History.Page(limit + 1, before);
        PastChangeDocument[] page = [.. found.Take(limit).Select(c => new PastChangeDocument(c.Revision, c.Time.UtcDateTime, c.By, c.Changes, c.Document))];
        return new PastChangesDocument(page, found.Count > limit ? page[^1].Revision : null);
    }
}
