using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Net.Http.Headers;
using VSwitch.ControlPlane.Metrics;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>GET /metrics: what Prometheus scrapes. All is read at once, in numbers; the text of it is made piece by piece as the client
/// takes it.</summary>
internal static class MetricsEndpoint
{
    private const string PrometheusType = "text/plain; version=0.0.4; charset=utf-8";
    private const string OpenMetricsType = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    private const string OpenMetricsMedia = "application/openmetrics-text";
    private const string PlainMedia = "text/plain";

    public static void Map(IEndpointRouteBuilder routes, SwitchControl control) =>
        routes.MapGet("/metrics", Task<EmptyHttpResult> (HttpContext context) => WriteAsync(context, control))
            .Describe("metrics", "All counters, as Prometheus text, or by Accept as OpenMetrics.")
            .Produces<string>(StatusCodes.Status200OK, PlainMedia, OpenMetricsMedia);

    private static async Task<EmptyHttpResult> WriteAsync(HttpContext context, SwitchControl control)
    {
        MetricsFormat format = FormatFor(context.Request.Headers.Accept);
        var exposition = new MetricsExposition(new MetricsReading(control), ProcessReading.Now());
        context.Response.ContentType = format == MetricsFormat.OpenMetrics ? OpenMetricsType : PrometheusType;
        context.Response.Headers.CacheControl = "no-store";
        var writer = new PrometheusWriter(context.Response.BodyWriter, format);
        foreach (Action<PrometheusWriter> family in exposition.Families)
        {
            family(writer);
            await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
        }

        writer.End();
        await context.Response.BodyWriter.FlushAsync(context.RequestAborted);
        return TypedResults.Empty;
    }

    /// <summary>OpenMetrics for who names it and likes nothing that it names better; plain text for anyone else.</summary>
    internal static MetricsFormat FormatFor(IList<string> accept)
    {
        if (!MediaTypeHeaderValue.TryParseList(accept, out IList<MediaTypeHeaderValue>? types))
        {
            return MetricsFormat.Prometheus;
        }

        double open = QualityOf(types, OpenMetricsMedia, "1.0.0");
        return open > 0 && open >= QualityOf(types, PlainMedia, "0.0.4") ? MetricsFormat.OpenMetrics : MetricsFormat.Prometheus;
    }

    private static double QualityOf(IList<MediaTypeHeaderValue> types, string media, string version) => types
        .Where(t => t.MediaType.Equals(media, StringComparison.OrdinalIgnoreCase) &&
            (t.Parameters.FirstOrDefault(p => p.Name.Equals("version", StringComparison.OrdinalIgnoreCase)) is not { } asked ||
                asked.Value.Equals(version, StringComparison.Ordinal)))
        .Select(t => t.Quality ?? 1).DefaultIfEmpty(0).Max();
}
