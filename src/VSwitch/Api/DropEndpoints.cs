using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Workers;
using VSwitch.Live;
using VSwitch.Trace;

namespace VSwitch.Api;

/// <summary>The last packet that was dropped for a reason: exactly the last one at up to 640 a second, one of the last 100 ms in a storm.
/// </summary>
/// <param name="Time">When, UTC, to the millisecond.</param>
/// <param name="Port">The port where it came in; left out when that is gone.</param>
/// <param name="Bytes">Bytes of the frame.</param>
/// <param name="Packet">It in words, in the language that trace takes.</param>
/// <param name="Head">Its first 128 bytes at most, in hexadecimal.</param>
internal sealed record LastDropDocument(DateTime Time, string? Port, int Bytes, string Packet, string Head);

/// <summary>What was dropped for one reason.</summary>
/// <param name="Reason">Its stable name.</param>
/// <param name="Sentence">What it means.</param>
/// <param name="Count">Packets.</param>
/// <param name="Ports">Of those, by the port where they came in, by name; ports without any are left out.</param>
/// <param name="Last">The last one; left out when there was none.</param>
internal sealed record DropDocument(
    string Reason, string Sentence, long Count, IReadOnlyDictionary<string, long> Ports, LastDropDocument? Last);

/// <summary>Drops by reason, in the reasons' own order.</summary>
internal sealed record DropsDocument(IReadOnlyList<DropDocument> Drops);

/// <summary>What was dropped, why, and what did the last one look like?</summary>
internal static class DropEndpoints
{
    public static void Map(IEndpointRouteBuilder routes, SwitchControl control) =>
        routes.MapGet("/v1/drops", (bool? all) => TypedResults.Ok(Read(control.Host, all ?? false)))
            .Describe(
                "drops", "Drops by reason: count, ports, the last packet; all=true also reasons without a drop.",
                StatusCodes.Status400BadRequest);

    /// <summary>Drops by reason.</summary>
    /// <param name="host">The switch.</param>
    /// <param name="all">Also reasons without a drop.</param>
    public static DropsDocument Read(SwitchHost host, bool all)
    {
        PolicyInForce policy = host.InForce;
        var counts = new SortedDictionary<string, long>?[DropReasons.Count];
        foreach (PortReading port in PortReading.All(host, policy))
        {
            foreach ((DropReason reason, long count) in port.Drops)
            {
                // Several removed ENIs share one name.
                SortedDictionary<string, long> ports = counts[(int)reason] ??= new SortedDictionary<string, long>(StringComparer.Ordinal);
                ports[port.Name] = ports.GetValueOrDefault(port.Name) + count;
            }
        }

        var drops = new List<DropDocument>();
        foreach (DropReason reason in DropReasons.All)
        {
            SortedDictionary<string, long>? ports = counts[(int)reason];
            if (reason != DropReason.None && (all || ports != null))
            {
                LastDropDocument? last = ports == null ? null : Last(host, policy, reason);
                drops.Add(new DropDocument(reason.Name(), reason.Sentence(), ports?.Values.Sum() ?? 0, ports ?? [], last));
            }
        }

        return new DropsDocument(drops);
    }

    private static LastDropDocument? Last(SwitchHost host, PolicyInForce policy, DropReason reason)
    {
        if (host.Workers.LastDrop(reason) is not DropSample sample)
        {
            return null;
        }

        string[] names = policy.Snapshot.PortNames;
        bool isThere = sample.Port == 0 || (sample.Port > 0 && sample.Port < names.Length &&
            policy.Snapshot.HasPort(sample.Port));
        return new LastDropDocument(
            TimeOf(sample.TimeNs), isThere ? names[sample.Port] : null, sample.LengthBytes,
            PacketWords.Describe(sample.Head.Span, sample.LengthBytes), Convert.ToHexStringLower(sample.Head.Span));
    }

    /// <summary>Workers count on a clock of their own, which no one sets.</summary>
    private static DateTime TimeOf(long workerNs)
    {
        DateTime time = DateTime.UtcNow.AddTicks((workerNs - WorkerThread.NowNs()) / TimeSpan.NanosecondsPerTick);
        return new DateTime(time.Ticks - (time.Ticks % TimeSpan.TicksPerMillisecond), DateTimeKind.Utc);
    }
}
