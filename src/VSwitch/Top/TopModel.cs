using VSwitch.Api;
using VSwitch.ControlPlane.Filters;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Live;

namespace VSwitch.Top;

/// <summary>A port with its rates; a rate is null until there are two counts of which the second is not smaller.</summary>
/// <param name="Name">The ENI's name, or internet.</param>
/// <param name="Up">False while its device is down; null when it has none.</param>
/// <param name="InPacketsPerSecond">Frames that came in.</param>
/// <param name="InBitsPerSecond">Bits of them.</param>
/// <param name="OutPacketsPerSecond">Frames that went out.</param>
/// <param name="OutBitsPerSecond">Bits of them.</param>
/// <param name="DropsPerSecond">Of those that came in, dropped.</param>
/// <param name="Dropped">Dropped since the start.</param>
internal sealed record TopPort(
    string Name, bool? Up, double? InPacketsPerSecond, double? InBitsPerSecond, double? OutPacketsPerSecond, double? OutBitsPerSecond,
    double? DropsPerSecond, long Dropped);

/// <summary>A worker.</summary>
/// <param name="Index">Its number.</param>
/// <param name="Processor">The processor that it is pinned to; null when it is not.</param>
/// <param name="Load">Share of the time that it spent on packets, 0 to 1.</param>
/// <param name="PacketsPerSecond">Packets that it took from devices.</param>
/// <param name="MeanBurst">Packets in a burst meanwhile.</param>
/// <param name="HandedOverPerSecond">Of those, given to other workers.</param>
/// <param name="Connections">Connections that it owns.</param>
/// <param name="Held">Packets that wait.</param>
/// <param name="BuffersFree">Small buffers that are free, 0 to 1.</param>
internal sealed record TopWorker(
    int Index, int? Processor, double? Load, double? PacketsPerSecond, double? MeanBurst, double? HandedOverPerSecond, int Connections,
    int Held, double BuffersFree);

/// <summary>A drop reason.</summary>
/// <param name="Reason">Its name.</param>
/// <param name="Sentence">What it means.</param>
/// <param name="Count">Packets since the start.</param>
/// <param name="PerSecond">Packets a second.</param>
/// <param name="Last">The last packet.</param>
internal sealed record TopDrop(string Reason, string Sentence, long Count, double? PerSecond, LastDropDocument? Last);

/// <summary>A connection, both directions together.</summary>
/// <param name="Protocol">tcp, udp, …</param>
/// <param name="Source">The opener's address and port.</param>
/// <param name="Destination">The other end's.</param>
/// <param name="State">Where it stands.</param>
/// <param name="From">The port of the opener.</param>
/// <param name="To">The port at the other end.</param>
/// <param name="PacketsPerSecond">Packets.</param>
/// <param name="BitsPerSecond">Bits of them.</param>
/// <param name="Bytes">Bytes since it began.</param>
/// <param name="AgeSeconds">Since it began.</param>
internal sealed record TopConnection(
    string Protocol, string Source, string Destination, string State, string From, string To, double? PacketsPerSecond,
    double? BitsPerSecond, long Bytes, double AgeSeconds);

/// <summary>What the screen shows: the rates between two snapshots. Pure.</summary>
internal sealed record TopModel
{
    /// <summary>The switch.</summary>
    public required StatusDocument Status { get; init; }

    /// <summary>Time between the snapshots; null at first.</summary>
    public double? Seconds { get; init; }

    /// <summary>Packets that came in, on all ports.</summary>
    public double? PacketsPerSecond { get; init; }

    /// <summary>Bits of them.</summary>
    public double? BitsPerSecond { get; init; }

    /// <summary>Packets dropped, on all ports.</summary>
    public double? DropsPerSecond { get; init; }

    /// <summary>Ports.</summary>
    public required IReadOnlyList<TopPort> Ports { get; init; }

    /// <summary>Workers, by number.</summary>
    public required IReadOnlyList<TopWorker> Workers { get; init; }

    /// <summary>Drop reasons.</summary>
    public required IReadOnlyList<TopDrop> Drops { get; init; }

    /// <summary>Connections.</summary>
    public required IReadOnlyList<TopConnection> Connections { get; init; }

    /// <summary>Why there are no connections; null when there are.</summary>
    public string? ConnectionsError { get; init; }

    /// <summary>Makes it. The filter's eni and port choose ports, and with reason drops; connections come filtered.</summary>
    public static TopModel Of(TopSamples samples, PacketFilter filter, TopSort sort)
    {
        (TopSnapshot? before, TopSnapshot now) = (samples.Before, samples.Now);
        double? seconds = Positive(now.AtSeconds - before?.AtSeconds);
        Dictionary<string, CountersDocument> counters = before?.Ports.ToDictionary(p => p.Name, p => p.Counters, StringComparer.Ordinal) ?? [];
        TopPort[] ports = [.. now.Ports.Select(p => PortOf(p, counters.GetValueOrDefault(p.Name), seconds))];
        string[] names = [.. filter.Enis.Concat(filter.Port is string port ? [port] : [])];
        Dictionary<string, DropDocument> drops = before?.Drops.ToDictionary(d => d.Reason, StringComparer.Ordinal) ?? [];
        return new TopModel
        {
            Status = now.Status,
            Seconds = seconds,
            PacketsPerSecond = Sum(ports, p => p.InPacketsPerSecond),
            BitsPerSecond = Sum(ports, p => p.InBitsPerSecond),
            DropsPerSecond = Sum(ports, p => p.DropsPerSecond),
            Ports = sort.Ports(ports.Where(p => names.Length == 0 || names.Contains(p.Name, StringComparer.Ordinal))),
            Workers = [.. now.Workers.Select(w => WorkerOf(w, before?.Workers.FirstOrDefault(b => b.Index == w.Index), seconds))],
            Drops = sort.Drops(now.Drops
                .Where(d => (filter.Reason == null || d.Reason == filter.Reason.Value.Name()) && CountOf(d, names) > 0)
                .Select(d => new TopDrop(
                    d.Reason, d.Sentence, CountOf(d, names),
                    before == null ? null : Rate(CountOf(d, names), CountOf(drops.GetValueOrDefault(d.Reason), names), seconds),
                    names.Length == 0 || names.Contains(d.Last?.Port, StringComparer.Ordinal) ? d.Last : null))),
            Connections = sort.Connections(ConnectionsOf(samples)),
            ConnectionsError = now.ConnectionsError,
        };
    }

    /// <summary>How fast a count grew; null when it is not known, or when it is another count that began at 0 meanwhile.</summary>
    internal static double? Rate(long now, long? before, double? seconds) => now >= before ? (now - before) / seconds : null;

    private static double? Positive(double? seconds) => seconds > 0 ? seconds : null;

    private static double? Sum(TopPort[] ports, Func<TopPort, double?> rate) =>
        ports.Any(p => rate(p) != null) ? ports.Sum(p => rate(p) ?? 0) : null;

    private static long CountOf(DropDocument? drop, string[] ports) => drop == null ? 0
        : ports.Length == 0 ? drop.Count : ports.Sum(p => drop.Ports.GetValueOrDefault(p));

    private static TopPort PortOf(PortDocument port, CountersDocument? before, double? seconds)
    {
        CountersDocument now = port.Counters;
        return new TopPort(
            port.Name, port.Device?.Up,
            Rate(now.Received, before?.Received, seconds), 8 * Rate(now.ReceivedBytes, before?.ReceivedBytes, seconds),
            Rate(now.Sent, before?.Sent, seconds), 8 * Rate(now.SentBytes, before?.SentBytes, seconds),
            Rate(now.Dropped, before?.Dropped, seconds), now.Dropped);
    }

    private static TopWorker WorkerOf(WorkerDocument now, WorkerDocument? before, double? seconds)
    {
        double? packets = Rate(now.BurstPackets, before?.BurstPackets, seconds);
        double? bursts = Rate(now.BurstCount, before?.BurstCount, seconds);
        double? busy = now.BusySeconds >= before?.BusySeconds ? (now.BusySeconds - before!.BusySeconds) / seconds : null;
        return new TopWorker(
            now.Index, now.Processor, busy == null ? null : Math.Min(1, busy.Value), packets, bursts > 0 ? packets / bursts : null,
            Rate(now.HandedOver, before?.HandedOver, seconds), now.Connections, now.Held,
            now.SmallBuffers.Total == 0 ? 1 : Math.Min(1, (double)now.SmallBuffers.Free / now.SmallBuffers.Total));
    }

    private static IEnumerable<TopConnection> ConnectionsOf(TopSamples samples)
    {
        TopSnapshot now = samples.Now;
        double? seconds = Positive(now.ConnectionsAtSeconds - samples.ConnectionsBefore?.ConnectionsAtSeconds);
        var known = new Dictionary<object, LiveConnection>();
        foreach (LiveConnection connection in samples.ConnectionsBefore?.Connections ?? [])
        {
            known[IdentityOf(connection)] = connection;
        }

        foreach (LiveConnection c in now.Connections)
        {
            LiveConnection? before = known.GetValueOrDefault(IdentityOf(c));

            // One that is younger than the last look had nothing then; of an older one that was not listed then, nothing is known.
            bool isNew = c.AgeSeconds <= seconds;
            (long bytes, long packets) = (c.BytesOut + c.BytesIn, c.PacketsOut + c.PacketsIn);
            yield return new TopConnection(
                c.Protocol, End(c.Source, c.SourcePort ?? c.IcmpId), End(c.Destination, c.DestinationPort), c.State, c.OpenerPort, c.OtherPort,
                Rate(packets, isNew ? 0 : before == null ? null : before.PacketsOut + before.PacketsIn, seconds),
                8 * Rate(bytes, isNew ? 0 : before == null ? null : before.BytesOut + before.BytesIn, seconds), bytes, c.AgeSeconds);
        }
    }

    private static object IdentityOf(LiveConnection c) =>
        (c.Vpc, c.Protocol, c.Source, c.SourcePort, c.Destination, c.DestinationPort, c.IcmpId, c.OpenerPort);

    private static string End(string address, int? port) => port == null ? address
        : address.Contains(':', StringComparison.Ordinal) ? $"[{address}]:{port}" : $"{address}:{port}";
}
