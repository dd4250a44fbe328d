using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using VSwitch.ControlPlane.Filters;
using VSwitch.DataPlane.Watching;
using VSwitch.Devices.Pcap;
using VSwitch.Live;
using VSwitch.Watching;

namespace VSwitch.Api;

/// <summary>What passes the switch, as it passes, with its verdict: a pcapng stream.</summary>
internal static class CaptureEndpoint
{
    private const string ContentType = "application/x-pcapng";
    private const int LeastSnapBytes = 14;

    public static void Map(IEndpointRouteBuilder routes, SwitchControl control) =>
        routes.MapGet("/v1/capture", (HttpContext context, string? port, string? filter, bool? drops, int? snaplen, long? count) =>
            Answer(context, control.Host, RequestOf(control.Host, port, filter, drops ?? false, snaplen, count)))
            .Describe(
                "capture", "Packets as they pass, as pcapng: direction in the flags, verdict and reason in the comment.",
                StatusCodes.Status400BadRequest, StatusCodes.Status404NotFound, StatusCodes.Status409Conflict)
            .Produces<Stream>(StatusCodes.Status200OK, ContentType);

    private static Results<PushStreamHttpResult, ProblemHttpResult> Answer(HttpContext context, SwitchHost host, CaptureRequest request)
    {
        if (CaptureSession.TryBegin(host, request) is not CaptureSession session)
        {
            return Problems.Conflict($"{WatchControl.MaxCaptures} captures are under way, and there may be no more; end one");
        }

        context.Response.RegisterForDispose(session);

        // A capture without packets is no slow client; who takes nothing is given up by the stream itself.
        IHttpMinResponseDataRateFeature? rate = context.Features.Get<IHttpMinResponseDataRateFeature>();
        if (rate != null)
        {
            rate.MinDataRate = null;
        }

        IHostApplicationLifetime life = context.RequestServices.GetRequiredService<IHostApplicationLifetime>();
        return TypedResults.Stream(body => Run(session, body, context, life.ApplicationStopping), ContentType);
    }

    private static async Task Run(CaptureSession session, Stream body, HttpContext context, CancellationToken ended)
    {
        try
        {
            await CaptureStream.Run(session, body, CaptureStream.StallLimit, TimeProvider.System, ended, context.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            // The client went, or took nothing for too long.
            context.Abort();
        }
    }

    /// <exception cref="ProblemException">What is asked for cannot be.</exception>
    private static CaptureRequest RequestOf(SwitchHost host, string? port, string? filter, bool drops, int? snaplen, long? count)
    {
        if (!PacketFilter.TryParse(filter ?? "", out PacketFilter words, out string? error) ||
            (error = PacketFilterCompiler.WhyNotForPackets(words)) != null)
        {
            throw new ProblemException(Problems.BadRequest($"filter: {error}"));
        }

        if ((port != null && words.Port != null && words.Port != port) || (drops && words.Verdict is not (null or PacketVerdict.Dropped)))
        {
            throw new ProblemException(Problems.BadRequest(
                "filter and " + (port != null && words.Port != null ? "port" : "drops") + " contradict each other: nothing would ever be captured"));
        }

        if (snaplen is < LeastSnapBytes or > CaptureReader.MaxRecordBytes || count is < 1)
        {
            throw new ProblemException(Problems.BadRequest(
                $"snaplen is from {LeastSnapBytes} to {CaptureReader.MaxRecordBytes} bytes, count from 1"));
        }

        words = words with { Port = port ?? words.Port, Verdict = drops ? PacketVerdict.Dropped : words.Verdict };
        return PacketFilterCompiler.UnknownName(words, host.Snapshot) is string unknown
            ? throw new ProblemException(Problems.Of(StatusCodes.Status404NotFound, unknown))
            : new CaptureRequest(words, snaplen ?? CaptureReader.MaxRecordBytes, count);
    }
}
