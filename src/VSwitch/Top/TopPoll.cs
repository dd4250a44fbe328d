using System.Diagnostics;
using System.Text.Json;
using VSwitch.Api;
using VSwitch.ControlPlane.Filters;
using VSwitch.Live;

namespace VSwitch.Top;

/// <summary>Asks a switch for all that the screen shows. One thread at a time.</summary>
internal sealed class TopPoll(ApiClient client)
{
    /// <summary>Connections asked for: those with most bytes, among which the fastest are looked for.</summary>
    private const int Connections = 1000;

    /// <summary>A switch with very many connections looks through them all; so much of the time it may spend on that for us.</summary>
    private const double ConnectionShare = 0.25;
    private const int BadRequest = 400;

    private TopSnapshot? _last;
    private PacketFilter _lastFilter = PacketFilter.All;
    private double _connectionsDueSeconds;

    /// <summary>Asks for everything.</summary>
    /// <param name="filter">Which connections.</param>
    /// <param name="cancel">Ends the wait.</param>
    /// <exception cref="ApiException">No switch answers, or it refuses.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public TopSnapshot Ask(PacketFilter filter, CancellationToken cancel)
    {
        var snapshot = new TopSnapshot
        {
            Status = Get<StatusDocument>("/v1/status", cancel),
            AtSeconds = NowSeconds(),
            Ports = Get<PortsDocument>("/v1/ports", cancel).Ports,
            Workers = Get<WorkersDocument>("/v1/workers", cancel).Workers,
            Drops = Get<DropsDocument>("/v1/drops", cancel).Drops,
            Connections = _last?.Connections ?? [],
            ConnectionsAtSeconds = _last?.ConnectionsAtSeconds ?? 0,
            ConnectionsError = _last?.ConnectionsError,
        };
        double startSeconds = NowSeconds();
        if (startSeconds >= _connectionsDueSeconds || filter != _lastFilter || _last == null)
        {
            snapshot = AskConnections(snapshot, filter, cancel);
            double endSeconds = NowSeconds();
            _connectionsDueSeconds = endSeconds + ((endSeconds - startSeconds) * ((1 / ConnectionShare) - 1));
            _lastFilter = filter;
        }

        return _last = snapshot;
    }

    private TopSnapshot AskConnections(TopSnapshot snapshot, PacketFilter filter, CancellationToken cancel)
    {
        // What only packets have chooses drops, and no connection.
        string words = (filter with { Verdict = null, Reason = null, Direction = null }).ToString();
        string query = words.Length > 0 ? $"&filter={Uri.EscapeDataString(words)}" : "";
        try
        {
            return snapshot with
            {
                ConnectionsAtSeconds = NowSeconds(),
                Connections = Get<ConnectionPage>($"/v1/connections?sort=bytes&limit={Connections}{query}", cancel).Connections,
                ConnectionsError = null,
            };
        }
        catch (ApiException e) when (e.Status == BadRequest)
        {
            // A name or a state in the filter that the switch does not know.
            return snapshot with { Connections = [], ConnectionsError = e.Message };
        }
    }

    private T Get<T>(string path, CancellationToken cancel)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(client.GetText(path, cancel), ApiJson.Compact) ??
                throw new JsonException("the document is empty");
        }
        catch (JsonException e)
        {
            throw new ApiException($"what answers at {client.Address} is no such switch: {e.Message}", 200, "", e);
        }
    }

    private static double NowSeconds() => Stopwatch.GetElapsedTime(0).TotalSeconds;
}
