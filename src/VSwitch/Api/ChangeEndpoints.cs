using System.IO.Pipelines;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.Config;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>What is the configuration, and what shall it be? The whole as one document; single things are in
/// <see cref="PartEndpoints"/>.</summary>
internal static class ChangeEndpoints
{
    private const string Subject = "configuration";
    private const string Path = "/v1/config";

    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        var answers = new ChangeAnswers(control);
        routes.MapGet(Path, (HttpContext context, CancellationToken cancel) => Write(context, control.Current, cancel))
            .Describe(Subject, "The configuration in force, as one document that run and apply take; ETag is its revision.")
            .Produces<object>(StatusCodes.Status200OK, "application/json").Produces(StatusCodes.Status304NotModified);

        RouteHandlerBuilder put = routes.MapPut(Path, async (HttpContext context, bool? dryRun) =>
        {
            using RequestBody body = await answers.Bodies.ReadAsync(context, RequestBodies.MostBytesOfConfig);
            return await answers.Answer(context, dryRun, _ =>
            {
                ConfigResult read = ConfigReader.Parse("body", body.Utf8, body.IsJson);
                return ChangeAnswers.Require(read.Config, read.Errors, read.IsUnreadable);
            });
        });
        put.Describe(Subject, "Puts a whole configuration in force, or nothing of it; dryRun=true only says what would change.", ChangeAnswers.Statuses)
            .Produces<ChangeDocument>();
        ChangeAnswers.DescribeBody(put, "A whole configuration.");
        PartEndpoints.Map(routes, answers);
    }

    private static async Task Write(HttpContext context, NumberedConfig current, CancellationToken cancel)
    {
        HttpResponse response = context.Response;
        string tag = ChangeAnswers.TagOf(current.Revision);
        response.Headers.ETag = tag;
        if (context.Request.Headers.IfNoneMatch == tag)
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        response.ContentType = "application/json";
        PipeWriter writer = response.BodyWriter;
        ConfigWriter.Write(current.Config, writer);
        await writer.FlushAsync(cancel);
    }
}
