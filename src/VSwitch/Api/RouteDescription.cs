using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace VSwitch.Api;

/// <summary>What the OpenAPI document says of a route.</summary>
internal static class RouteDescription
{
    /// <summary>Gives a route its summary and the problems that it may answer with (401 and 500 go without saying).</summary>
    /// <param name="route">The route; its typed result or <c>Produces</c> says what it answers with.</param>
    /// <param name="subject">The group that it stands in: "ports", "configuration", …</param>
    /// <param name="summary">One sentence.</param>
    /// <param name="problems">HTTP statuses from 400.</param>
    public static RouteHandlerBuilder Describe(this RouteHandlerBuilder route, string subject, string summary, params int[] problems)
    {
        route.WithTags(subject).WithSummary(summary);
        foreach (int status in problems)
        {
            route.ProducesProblem(status);
        }

        return route;
    }

    /// <summary>One of a list by its name.</summary>
    /// <exception cref="ProblemException">404: there is none.</exception>
    public static T OrNotFound<T>(this T? found, string kind, string name)
        where T : class => found ?? throw new ProblemException(Problems.NotFound(kind, name));
}
