using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.DataPlane.Flows;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>A page of connections.</summary>
/// <param name="Connections">The connections.</param>
/// <param name="Next">The cursor of the next page; null after the last.</param>
internal sealed record ConnectionPage(IReadOnlyList<LiveConnection> Connections, string? Next);

/// <summary>What a request cleared.</summary>
/// <param name="Cleared">Connections that were forgotten.</param>
internal sealed record ClearedConnections(long Cleared);

/// <summary>The live connections: listed, streamed, cleared.</summary>
internal static class ConnectionEndpoints
{
    private const string Lines = "application/x-ndjson";

    /// <summary>Lines between two looks at whether the client takes them.</summary>
    private const int LinesAtOnce = 64;

    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        Delegate list = (HttpContext http) => WorkerAnswers.Give(http, () => ListAsync(http, control.Host));
        Delegate clear = (HttpContext http) => WorkerAnswers.Give(http, () => ClearAsync(http, control.Host));
        routes.MapGet("/v1/connections", list)
            .Produces<ConnectionPage>().Produces<LiveConnection>(StatusCodes.Status200OK, Lines)
            .Describe("connections", "Live connections: filtered, sorted, by pages; as application/x-ndjson all of them",
                StatusCodes.Status400BadRequest, StatusCodes.Status503ServiceUnavailable);
        routes.MapDelete("/v1/connections", clear)
            .Produces<ClearedConnections>()
            .Describe("connections", "Forgets the connections that a filter names, or with all=true every one",
                StatusCodes.Status400BadRequest, StatusCodes.Status503ServiceUnavailable);
    }

    private static async Task<IResult> ListAsync(HttpContext http, SwitchHost host)
    {
        ConnectionQuery query = ConnectionQuery.OfList(http.Request.Query, host.Snapshot, host.WorkerCount);
        IEnumerable<ConnectionRecord> found = new ConnectionReader(host).Read(query.Filter, query.Cursor, http.RequestAborted);
        ConnectionNames names = ConnectionNames.Of(host);
        bool asLines = http.Request.Headers.Accept.Any(accept => accept?.Contains(Lines, StringComparison.OrdinalIgnoreCase) == true);
        if (query.Order != ConnectionOrder.None)
        {
            found = TopOf(found, query.Order, query.Limit ?? ConnectionQuery.DefaultLimit);
        }

        if (asLines)
        {
            await WriteLinesAsync(http, query.Limit is int limit ? found.Take(limit) : found, names);
            return Results.Empty;
        }

        return Results.Json(PageOf(found, query, names), ApiJson.Compact);
    }

    private static Task<IResult> ClearAsync(HttpContext http, SwitchHost host)
    {
        ConnectionQuery query = ConnectionQuery.OfClear(http.Request.Query, host.Snapshot);
        long cleared = new ConnectionReader(host).Clear(query.Filter, http.RequestAborted);
        return Task.FromResult(Results.Json(new ClearedConnections(cleared), ApiJson.Compact));
    }

    private static ConnectionPage PageOf(IEnumerable<ConnectionRecord> found, ConnectionQuery query, ConnectionNames names)
    {
        int limit = query.Limit ?? ConnectionQuery.DefaultLimit;
        var page = new List<LiveConnection>();
        ConnectionCursor behind = default;
        foreach (ConnectionRecord record in found)
        {
            if (page.Count == limit)
            {
                // There is one more; the next page begins with it, or with what has come before it meanwhile.
                return new ConnectionPage(page, ConnectionQuery.TextOf(behind));
            }

            page.Add(names.Describe(record));
            behind = ConnectionCursor.Behind(record);
        }

        return new ConnectionPage(page, Next: null);
    }

    /// <summary>The first ones by an order; only so many are kept while all are looked at.</summary>
    private static ConnectionRecord[] TopOf(IEnumerable<ConnectionRecord> found, ConnectionOrder order, int count)
    {
        var top = new PriorityQueue<ConnectionRecord, long>();
        foreach (ConnectionRecord record in found)
        {
            long weight = WeightOf(record, order);
            if (top.Count < count)
            {
                top.Enqueue(record, weight);
            }
            else
            {
                top.EnqueueDequeue(record, weight);
            }
        }

        var sorted = new ConnectionRecord[top.Count];
        for (int i = sorted.Length - 1; i >= 0; i--)
        {
            sorted[i] = top.Dequeue();
        }

        return sorted;
    }

    private static long WeightOf(in ConnectionRecord record, ConnectionOrder order) => order switch
    {
        ConnectionOrder.Bytes => record.Sent.Bytes + record.Received.Bytes,
        ConnectionOrder.Packets => record.Sent.Packets + record.Received.Packets,
        _ => record.AgeMs,
    };

    /// <summary>Writes one line a connection. What the client does not take is not read from the workers either.</summary>
    private static async Task WriteLinesAsync(HttpContext http, IEnumerable<ConnectionRecord> found, ConnectionNames names)
    {
        using IEnumerator<ConnectionRecord> records = found.GetEnumerator();
        bool hasOne = records.MoveNext();
        http.Response.ContentType = Lines;
        await http.Response.StartAsync(http.RequestAborted);
        using var json = new Utf8JsonWriter(http.Response.BodyWriter);
        for (int lines = 1; hasOne; lines++)
        {
            JsonSerializer.Serialize(json, names.Describe(records.Current), ApiJson.Compact);
            json.Flush();
            json.Reset();
            http.Response.BodyWriter.GetSpan(1)[0] = (byte)'\n';
            http.Response.BodyWriter.Advance(1);
            if (lines % LinesAtOnce == 0 && (await http.Response.BodyWriter.FlushAsync(http.RequestAborted)).IsCompleted)
            {
                return;
            }

            hasOne = records.MoveNext();
        }

        await http.Response.BodyWriter.FlushAsync(http.RequestAborted);
    }
}
