using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Live;
using VSwitch.Trace;

namespace VSwitch.Api;

/// <summary>A packet to explain: in words or as it is.</summary>
internal sealed record TraceRequest
{
    /// <summary>The port that it would come in by.</summary>
    public string? From { get; init; }

    /// <summary>The packet in words: <c>tcp 10.0.1.10:40000 > 10.0.2.20:443 syn</c>.</summary>
    public string? Packet { get; init; }

    /// <summary>The frame in hexadecimal digits, from the destination MAC on.</summary>
    public string? Frame { get; init; }
}

/// <summary>What would happen to it.</summary>
/// <param name="From">The port.</param>
/// <param name="Bytes">Bytes of the frame.</param>
/// <param name="Steps">What each stage found; the last is the verdict.</param>
/// <param name="Connection">The live connection that it belongs to; null when there is none.</param>
internal sealed record TraceAnswer(string From, int Bytes, IReadOnlyList<TraceStep> Steps, LiveConnection? Connection);

/// <summary>What would happen to a packet that came in now, and why.</summary>
internal static class TraceEndpoint
{
    private static readonly JsonSerializerOptions Strict = MakeStrict();

    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        Delegate trace = (HttpContext http) => WorkerAnswers.Give(http, () => TraceAsync(http, control.Host));
        routes.MapPost("/v1/trace", trace)
            .Accepts<TraceRequest>("application/json").Produces<TraceAnswer>()
            .Describe("trace", "What would happen to a packet that came in now, and why: stages, verdict, and its live connection",
                StatusCodes.Status400BadRequest, StatusCodes.Status415UnsupportedMediaType, StatusCodes.Status503ServiceUnavailable);
    }

    private static async Task<IResult> TraceAsync(HttpContext http, SwitchHost host)
    {
        if (!http.Request.HasJsonContentType())
        {
            return Problems.UnsupportedMediaType("send application/json");
        }

        TraceRequest request = await ReadAsync(http);
        string port = request.From ?? throw new ArgumentException("'from' is missing: the port that the packet would come in by");
        Func<TcpNumbers, byte[]> packet = (request.Packet, request.Frame) switch
        {
            (string words, null) => numbers => TracePacket.Parse(words, port, host.Config, numbers),
            (null, string digits) => BytesOf(digits) is byte[] bytes ? _ => bytes
                : throw new ArgumentException("'frame' is not an even number of hexadecimal digits"),
            _ => throw new ArgumentException("give either 'packet', in words, or 'frame', in hexadecimal digits"),
        };
        TraceResult result = Tracer.Explain(host, port, packet, http.RequestAborted);
        return Results.Json(new TraceAnswer(port, result.Frame.Length, result.Steps, result.Connection), ApiJson.Compact);
    }

    private static async Task<TraceRequest> ReadAsync(HttpContext http)
    {
        try
        {
            return await http.Request.ReadFromJsonAsync<TraceRequest>(Strict, http.RequestAborted) ??
                throw new ArgumentException("the body is null");
        }
        catch (JsonException e)
        {
            throw new ArgumentException($"the body is not {{ \"from\": PORT, \"packet\": WORDS }}: {e.Message}", e);
        }
    }

    private static byte[]? BytesOf(string digits)
    {
        try
        {
            return Convert.FromHexString(digits);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static JsonSerializerOptions MakeStrict()
    {
        var options = new JsonSerializerOptions();
        ApiJson.ConfigureStrict(options);
        return options;
    }
}
