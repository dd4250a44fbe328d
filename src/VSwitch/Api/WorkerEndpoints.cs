using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Workers;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>How does each worker fare?</summary>
internal static class WorkerEndpoints
{
    private const double NsPerSecond = 1e9;

    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        var statistics = new WorkerStatistics(control.Host);
        routes.MapGet("/v1/workers", () =>
            TypedResults.Ok(new WorkersDocument([.. statistics.Read().Select(l => Document(control.Host, l))])))
            .Describe("workers", "All workers: load, latency, bursts, hand-overs, connections, buffers.");
    }

    /// <summary>Queues of each device that a worker polls.</summary>
    private static IEnumerable<int> PolledBy(SwitchHost host, int worker) => host.InForce.Devices.Values.Select(d =>
        (d.Capabilities.QueueCount + host.WorkerCount - 1 - worker) / host.WorkerCount);

    private static unsafe WorkerDocument Document(SwitchHost host, WorkerLoad load)
    {
        Worker worker = host.Workers.Workers[load.Worker];
        WorkerCounters c = worker.Counters;
        long bursts = Volatile.Read(ref c.BurstCount);
        long packets = Volatile.Read(ref c.BurstPackets);
        return new WorkerDocument(
            worker.Index, host.Placement.ProcessorOf(worker.Index), PolledBy(host, worker.Index).Count(n => n > 0), PolledBy(host, worker.Index).Sum(),
            worker.Steering?.OwnEntries ?? Steering.IndirectionEntries, worker.Pipeline.Connections.Count, bursts, packets,
            bursts == 0 ? 0 : Math.Round((double)packets / bursts, 2), Volatile.Read(ref c.HandedOver), Volatile.Read(ref c.TakenOver),
            Volatile.Read(ref c.FlowsCreated), Volatile.Read(ref c.FlowsRemoved), Volatile.Read(ref c.FlowsEvicted),
            worker.Pipeline.HeldCount, new BuffersDocument(worker.Pool.SmallFreeCount, worker.Pool.SmallCount),
            new BuffersDocument(worker.Pool.LargeFreeCount, worker.Pool.LargeCount), Volatile.Read(ref c.Rounds->BusyNs) / NsPerSecond,
            new LatelyDocument(Math.Round(load.IntervalSeconds, 3), Math.Round(load.Load, 4), load.LatencyP50Seconds, load.LatencyP99Seconds));
    }
}
