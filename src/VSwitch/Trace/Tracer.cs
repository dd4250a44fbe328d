using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Memory;

namespace VSwitch.Trace;

/// <summary>Sends one packet through the pipeline in its recording mode: the same code as in a switch at work, with empty
/// tables.</summary>
internal static class Tracer
{
    public static unsafe IReadOnlyList<TraceStep> Explain(SwitchConfig config, string port, ReadOnlySpan<byte> frame)
    {
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(config, new NumberDirectory());
        int number = Array.IndexOf(snapshot.PortNames, port);
        if (number < 0 || (number == 0 && config.Internet == null))
        {
            throw new ArgumentException($"there is no port '{port}'; ports are {string.Join(", ", snapshot.PortNames)}");
        }

        var steps = new List<TraceStep>();
        using var shared = new SwitchShared(snapshot, new FlowBudget(16, leaseSize: 1, isExact: true), 2 * Math.Max(1, snapshot.EipCount), (1, 2));
        IPacketDevice?[] devices = [.. snapshot.PortNames.Select(n => new MemoryDevice(n, null))];
        shared.Publish(snapshot, devices);
        using var pool = new PacketPool(0, 8, 2);
        using var counters = new WorkerCounters(snapshot.PortCount);
        using var pipeline = new PacketPipeline<RecordingTracer>(shared, pool, counters, null, 0, new RecordingTracer(steps));
        PacketBuffer* p = pool.Rent(frame.Length);
        if (p == null)
        {
            throw new ArgumentException($"the frame of {frame.Length} bytes is larger than any buffer");
        }

        frame.CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
        p->Length = frame.Length;
        pipeline.Begin(1_000_000_000, int.MaxValue);
        pipeline.Process(&p, 1, number);
        pipeline.Flush();
        return steps;
    }
}
