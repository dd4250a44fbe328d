using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using VSwitch.ControlPlane.Config;

namespace VSwitch.Api;

/// <summary>One error of a configuration, as the API says it.</summary>
/// <param name="Line">Line, from 1; 0 when it has no place.</param>
/// <param name="Column">Column, from 1.</param>
/// <param name="Message">What is wrong, and the mend.</param>
internal sealed record ConfigErrorDocument(int Line, int Column, string Message);

/// <summary>Thrown where a problem is found far below the endpoint; the request is answered with it.</summary>
internal sealed class ProblemException(ProblemHttpResult problem) : Exception(problem.ProblemDetails.Detail)
{
    /// <summary>The answer.</summary>
    public ProblemHttpResult Problem { get; } = problem;
}

/// <summary>Every error that the API gives (RFC 9457, application/problem+json). <c>type</c> is a stable name for programs, <c>detail</c>
/// one sentence for people that says what to do.</summary>
internal static class Problems
{
    private const string TypePrefix = "urn:vswitch:problem:";

    /// <summary>400: the request is not understood.</summary>
    public static ProblemHttpResult BadRequest(string detail) => Of(StatusCodes.Status400BadRequest, detail);

    /// <summary>404: there is none of that name.</summary>
    /// <param name="kind">"ENI", "security group", "elastic IP", "port", …</param>
    /// <param name="name">The name asked for.</param>
    public static ProblemHttpResult NotFound(string kind, string name) =>
        Of(StatusCodes.Status404NotFound, $"there is no {kind} '{name}'");

    /// <summary>409: in conflict with what is there.</summary>
    public static ProblemHttpResult Conflict(string detail) => Of(StatusCodes.Status409Conflict, detail);

    /// <summary>412: the revision in force is another than <c>If-Match</c> names.</summary>
    public static ProblemHttpResult OtherRevision(long inForce) => Of(
        StatusCodes.Status412PreconditionFailed, $"revision {inForce} is in force, another than If-Match names: read it again, and change that",
        ("revision", inForce));

    /// <summary>415: neither JSON nor YAML.</summary>
    public static ProblemHttpResult UnsupportedMediaType(string detail) => Of(StatusCodes.Status415UnsupportedMediaType, detail);

    /// <summary>422: a configuration that is understood and wrong; each error with its place.</summary>
    public static ProblemHttpResult WrongConfiguration(IReadOnlyList<ConfigError> errors) => Of(
        StatusCodes.Status422UnprocessableEntity,
        errors.Count == 1 ? errors[0].Message : $"the configuration has {errors.Count} errors; the first: {errors[0].Message}",
        ("errors", errors.Select(e => new ConfigErrorDocument(e.Position.Line, e.Position.Column, e.Message)).ToArray()));

    /// <summary>422: understood and wrong, without a place in a text.</summary>
    public static ProblemHttpResult Unprocessable(string detail) => Of(StatusCodes.Status422UnprocessableEntity, detail);

    /// <summary>503: cannot be kept or carried out now (the state folder, a device).</summary>
    public static ProblemHttpResult Unavailable(string detail) => Of(StatusCodes.Status503ServiceUnavailable, detail);

    /// <summary>A problem of any status.</summary>
    /// <param name="status">HTTP status, from 400.</param>
    /// <param name="detail">One sentence for people.</param>
    /// <param name="more">Further members.</param>
    public static ProblemHttpResult Of(int status, string detail, params (string Name, object? Value)[] more)
    {
        (string type, string title) = NameOf(status);
        return TypedResults.Problem(
            detail, statusCode: status, title: title, type: TypePrefix + type,
            extensions: more.Select(m => KeyValuePair.Create(m.Name, m.Value)));
    }

    private static (string Type, string Title) NameOf(int status) => status switch
    {
        StatusCodes.Status400BadRequest => ("not-understood", "Not understood"),
        StatusCodes.Status401Unauthorized => ("unauthorized", "Not authorised"),
        StatusCodes.Status404NotFound => ("not-found", "Not found"),
        StatusCodes.Status405MethodNotAllowed => ("method-not-allowed", "Method not allowed"),
        StatusCodes.Status408RequestTimeout => ("too-slow", "The request came too slowly"),
        StatusCodes.Status409Conflict => ("conflict", "In conflict with what is there"),
        StatusCodes.Status412PreconditionFailed => ("other-revision", "Another revision is in force"),
        StatusCodes.Status413PayloadTooLarge => ("too-large", "Too large"),
        StatusCodes.Status415UnsupportedMediaType => ("unsupported-media-type", "Unsupported media type"),
        StatusCodes.Status421MisdirectedRequest => ("misdirected", "Misdirected request"),
        StatusCodes.Status422UnprocessableEntity => ("wrong", "Understood and wrong"),
        StatusCodes.Status500InternalServerError => ("internal", "An error of the switch"),
        StatusCodes.Status503ServiceUnavailable => ("unavailable", "Cannot be done now"),
        _ => ($"status-{status}", $"HTTP status {status}"),
    };
}
