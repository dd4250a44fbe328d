using System.Text.Json;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;
using VSwitch.Messages;

namespace VSwitch.Api;

/// <summary>Who may ask, and how is every failure said? The outermost layer around all routes: it counts requests under way, refuses who
/// has no token, and makes a problem of whatever went wrong.</summary>
internal sealed class RequestGuard(ApiToken? token, ILogger log)
{
    private static readonly HashSet<string> OwnHosts = new(StringComparer.OrdinalIgnoreCase) { "localhost", "127.0.0.1", "[::1]" };
    private int _underWay;

    /// <summary>Requests that are being answered.</summary>
    public int UnderWay => Volatile.Read(ref _underWay);

    /// <summary>Runs one request.</summary>
    public async Task Invoke(HttpContext context, RequestDelegate next)
    {
        Interlocked.Increment(ref _underWay);
        try
        {
            if (Refusal(context) is ProblemHttpResult refusal)
            {
                await refusal.ExecuteAsync(context);
                return;
            }

            await next(context);
            await SayBareStatus(context);
        }
        catch (Exception e) when (context.RequestAborted.IsCancellationRequested && e is OperationCanceledException or IOException or ConnectionAbortedException)
        {
            // The client went, or the switch ends.
        }
        catch (Exception e) when (e is ProblemException or BadHttpRequestException)
        {
            await Answer(context, e is ProblemException known ? known.Problem : OfBadRequest(context, (BadHttpRequestException)e));
        }
#pragma warning disable CA1031 // A request that fails must not end the switch, nor show a client more than that it failed.
        catch (Exception e)
#pragma warning restore CA1031
        {
            log.RequestFailed(e, context.Request.Method, context.Request.Path);
            await Answer(context, Problems.Of(StatusCodes.Status500InternalServerError, "the switch made an error; its log says more"));
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
        }
    }

    /// <summary>Null when the request may go on. Who has no token learns nothing, not even which paths there are.</summary>
    private ProblemHttpResult? Refusal(HttpContext context)
    {
        if (token == null)
        {
            return null;
        }

        if (!token.Admits(context.Request.Headers.Authorization))
        {
            context.Response.Headers[HeaderNames.WWWAuthenticate] = "Bearer";
            return Problems.Of(StatusCodes.Status401Unauthorized, "a bearer token is needed");
        }

        // A web page whose name was made to lead here (DNS rebinding) names itself.
        return OwnHosts.Contains(context.Request.Host.Host) ? null
            : Problems.Of(StatusCodes.Status421MisdirectedRequest, "the Host header is not this machine's; ask 127.0.0.1 or localhost");
    }

    /// <summary>Routing answers with a status and no word: 404, 405, 415.</summary>
    private static Task SayBareStatus(HttpContext context)
    {
        HttpResponse response = context.Response;
        if (response.HasStarted || response.StatusCode < StatusCodes.Status400BadRequest || response.ContentType != null || response.ContentLength > 0)
        {
            return Task.CompletedTask;
        }

        return Problems.Of(response.StatusCode, WordsOf(context, response.StatusCode) ?? "the request cannot be answered").ExecuteAsync(context);
    }

    /// <summary>What a status of routing and of reading a body means; null when it has no words of its own.</summary>
    private static string? WordsOf(HttpContext context, int status)
    {
        HttpRequest request = context.Request;
        return status switch
        {
            StatusCodes.Status404NotFound => $"there is nothing at {request.Path}; GET /openapi/v1.json lists what there is",
            StatusCodes.Status405MethodNotAllowed => $"{request.Path} does not take {request.Method}, but {context.Response.Headers.Allow}",
            StatusCodes.Status413PayloadTooLarge => "the body is larger than a configuration may be",
            StatusCodes.Status415UnsupportedMediaType => request.ContentType == null
                ? "the body's Content-Type is missing; write application/json" : $"'{request.ContentType}' is not taken here; write application/json",
            _ => null,
        };
    }

    private static ProblemHttpResult OfBadRequest(HttpContext context, BadHttpRequestException e)
    {
        bool hasNoBody = e.StatusCode == StatusCodes.Status400BadRequest && context.Request is { ContentLength: 0, HasFormContentType: false } request
            && request.ContentType != null;
        return Problems.Of(
            e.StatusCode,
            e.InnerException is JsonException json ? $"the body is not the JSON that is expected here: {json.Message}"
            : hasNoBody ? "the body is empty; a JSON document is expected here"
            : WordsOf(context, e.StatusCode) ?? e.Message.TrimEnd('.'));
    }

    private static async Task Answer(HttpContext context, ProblemHttpResult problem)
    {
        if (context.Response.HasStarted)
        {
            // Half an answer is out: only a broken connection tells the client.
            context.Abort();
            return;
        }

        context.Response.Clear();
        await problem.ExecuteAsync(context);
    }
}
