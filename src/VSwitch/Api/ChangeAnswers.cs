using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Plan;
using VSwitch.ControlPlane.State;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>From a change that a request asks for to the answer: the same for a whole configuration and for a single thing.</summary>
internal sealed class ChangeAnswers(SwitchControl control)
{
    /// <summary>What a route of this file may answer with besides.</summary>
    public static readonly int[] Statuses =
    [
        StatusCodes.Status400BadRequest, StatusCodes.Status404NotFound, StatusCodes.Status409Conflict, StatusCodes.Status412PreconditionFailed,
        StatusCodes.Status413PayloadTooLarge, StatusCodes.Status415UnsupportedMediaType, StatusCodes.Status422UnprocessableEntity,
        StatusCodes.Status503ServiceUnavailable,
    ];

    /// <summary>Bodies of requests.</summary>
    public RequestBodies Bodies { get; } = new();

    /// <summary>Carries out what a request asks for.</summary>
    /// <param name="context">The request; its <c>If-Match</c> counts.</param>
    /// <param name="dryRun">Only says what would change.</param>
    /// <param name="edit">Makes of the configuration in force the one that is wanted.</param>
    /// <param name="location">Path of the thing that the request may create, with its kind and name; null when it creates none.</param>
    /// <exception cref="ProblemException">The change is refused.</exception>
    public async Task<IResult> Answer(
        HttpContext context, bool? dryRun, Func<SwitchConfig, SwitchConfig> edit, (string Path, string Kind, string Name)? location = null)
    {
        var request = new ChangeRequest(edit) { By = OriginOf(context.Request), IsFor = Precondition(context.Request), IsRehearsal = dryRun == true };
        try
        {
            ChangeOutcome outcome = await control.ChangeAsync(request, context.RequestAborted);
            context.Response.Headers.ETag = TagOf(outcome.Revision);
            ChangeDocument document = ChangeDocument.Of(outcome);
            return location is (string path, string kind, string name) && outcome.Changed &&
                outcome.Changes.Any(c => c.Action == ChangeAction.Add && c.Kind == kind && c.Name == name)
                ? TypedResults.Created($"{path}/{Uri.EscapeDataString(name)}", document)
                : TypedResults.Ok(document);
        }
        catch (ChangeRefusedException e)
        {
            return e.Refusal switch
            {
                ChangeRefusal.OtherRevision => Problems.OtherRevision(control.Revision),
                ChangeRefusal.Conflict => Problems.Conflict(e.Message),
                _ => Problems.Unavailable(e.Message),
            };
        }
    }

    /// <summary>The entity tag of a revision.</summary>
    public static string TagOf(long revision) => string.Create(CultureInfo.InvariantCulture, $"\"{revision}\"");

    /// <summary>What was read, or the problem that it is not what was expected.</summary>
    /// <exception cref="ProblemException">400 or 422, with all errors.</exception>
    public static T Require<T>(T? value, IReadOnlyList<ConfigError> errors, bool isUnreadable)
        where T : class
    {
        if (value != null && errors.Count == 0)
        {
            return value;
        }

        throw new ProblemException(!isUnreadable ? Problems.WrongConfiguration(errors) : Problems.Of(
            StatusCodes.Status400BadRequest, errors[0].Message,
            ("errors", errors.Select(e => new ConfigErrorDocument(e.Position.Line, e.Position.Column, e.Message)).ToArray())));
    }

    /// <summary>Says in the OpenAPI document what a body is.</summary>
    public static void DescribeBody(RouteHandlerBuilder route, string what) =>
        route.AddOpenApiOperationTransformer((operation, _, _) =>
        {
            operation.RequestBody = new OpenApiRequestBody
            {
                Description = what,
                Required = true,
                Content = new Dictionary<string, OpenApiMediaType> { ["application/json"] = new(), ["application/yaml"] = new() },
            };
            return Task.CompletedTask;
        });

    /// <summary>Our own client says its name.</summary>
    private static ChangeOrigin OriginOf(HttpRequest request) =>
        request.Headers.UserAgent.ToString().StartsWith(ApiClient.ProductName + "/", StringComparison.Ordinal) ? ChangeOrigin.Apply : ChangeOrigin.Api;

    /// <summary>RFC 9110 section 13.1.1.</summary>
    private static Func<long, bool>? Precondition(HttpRequest request)
    {
        if (request.Headers.IfMatch.Count == 0)
        {
            return null;
        }

        if (!EntityTagHeaderValue.TryParseStrictList(request.Headers.IfMatch, out IList<EntityTagHeaderValue>? tags))
        {
            throw new ProblemException(Problems.BadRequest("If-Match is not a list of entity tags; write the ETag that GET /v1/config gave, quotes included"));
        }

        return revision => tags.Any(t => t.Equals(EntityTagHeaderValue.Any) || t.Compare(new EntityTagHeaderValue(TagOf(revision)), useStrongComparison: true));
    }
}
