namespace VSwitch.DataPlane.Pipeline;

/// <content>How full are the worker's tables? Asked by other threads while the worker works.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    /// <summary>Counts what the worker's tables hold. Any thread: each count is one word, and they are not of one instant.</summary>
    /// <param name="nowNs">The time by the workers' clock, nanoseconds.</param>
    public TableOccupancy Occupancy(long nowNs) => new(
        _connections.V4.Count, _connections.V6.Count, _connections.HalfOpen.Count, _connections.Paths.Count,
        _denied.CountOf(_shared.Generation), _datagrams.CountAt(nowNs), _held.Count);
}

/// <summary>What the tables of one worker hold.</summary>
/// <param name="Connections4">Connections over IPv4, expired ones that nothing has met yet included.</param>
/// <param name="Connections6">Those over IPv6.</param>
/// <param name="HalfOpen">Of both: not yet spoken on by both ends.</param>
/// <param name="Paths">Ways that connections take.</param>
/// <param name="Denials">Denials by security groups that are remembered under the policy in force.</param>
/// <param name="Datagrams">Datagrams in fragments of which more may come.</param>
/// <param name="Held">Packets that wait.</param>
public readonly record struct TableOccupancy(
    int Connections4, int Connections6, int HalfOpen, int Paths, int Denials, int Datagrams, int Held);
