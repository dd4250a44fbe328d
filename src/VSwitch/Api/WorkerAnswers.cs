using Microsoft.AspNetCore.Http;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>Answers that workers have a part in.</summary>
internal static class WorkerAnswers
{
    /// <summary>Gives an answer. What was wrong with the request, and what the switch cannot do now, become problems; a client that
    /// went away becomes nothing.</summary>
    public static async Task<IResult> Give(HttpContext http, Func<Task<IResult>> answer)
    {
        try
        {
            return await answer();
        }
        catch (ArgumentException e) when (!http.Response.HasStarted)
        {
            return Problems.BadRequest(e.Message);
        }
        catch (WorkerUnavailableException e) when (!http.Response.HasStarted)
        {
            return Problems.Unavailable(e.Message);
        }
        catch (WorkerUnavailableException)
        {
            // The rest is missing, and only a broken stream says so.
            http.Abort();
            return Results.Empty;
        }
        catch (OperationCanceledException) when (http.RequestAborted.IsCancellationRequested)
        {
            return Results.Empty;
        }
    }
}
