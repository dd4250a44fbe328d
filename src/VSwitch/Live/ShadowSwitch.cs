using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Watching;
using VSwitch.DataPlane.Workers;

namespace VSwitch.Live;

/// <summary>A pipeline of its own, the same code as a worker's, for questions: what would become of this packet, with these
/// connections, under this snapshot? Nothing that happens here is seen by the switch at work.</summary>
internal sealed unsafe class ShadowSwitch<TTracer> : IDisposable
    where TTracer : struct, IPipelineTracer
{
    private readonly SwitchShared _shared;
    private readonly PacketPool _pool = new(worker: 0, smallCount: 8, largeCount: 2);
    private readonly WorkerCounters _counters;
    private readonly PacketPipeline<TTracer> _pipeline;
    private readonly Sink _sink;
    private readonly DropWatcher _drops = new();

    /// <summary>Makes the shadow of a switch.</summary>
    /// <param name="live">What the workers of that switch share.</param>
    /// <param name="snapshot">The policy that is asked: the one in force, or another.</param>
    /// <param name="connections">Connections that may be put in.</param>
    /// <param name="tracer">Explains, or vanishes.</param>
    /// <param name="nowNs">The time, nanoseconds.</param>
    public ShadowSwitch(SwitchShared live, ForwardingSnapshot snapshot, int connections, TTracer tracer, long nowNs)
    {
        int ports = Math.Max(snapshot.PortCount, live.Snapshot.PortCount);
        _sink = new Sink();
        var devices = new IPacketDevice?[ports];
        Array.Fill(devices, _sink);
        _shared = live.Fork(snapshot, devices, connections, nowNs / 1_000_000);
        _shared.Watch = WatchSet.Of((_drops, new PacketMatch { Verdict = PacketVerdict.Dropped }));
        _counters = new WorkerCounters(ports, _shared.Buckets.Capacity);
        _pipeline = new PacketPipeline<TTracer>(_shared, _pool, _counters, steering: null, transmitQueue: 0, tracer);
    }

    /// <summary>Puts a live connection in.</summary>
    /// <returns>False when there is no room, or it belongs to a port that both switches have forgotten.</returns>
    public bool TryImport(in ConnectionRecord record) =>
        Math.Max(record.OpenerPort, record.OtherPort) < _counters.PortCapacity && _pipeline.Connections.Import(record) != null;

    /// <summary>Says which connection a frame would belong to; nothing becomes of it.</summary>
    /// <exception cref="ArgumentException">The frame is larger than any buffer.</exception>
    public bool TryKey(ReadOnlySpan<byte> frame, int port, long nowNs, out ConnectionKey key)
    {
        PacketBuffer* p = Rent(frame);
        _pipeline.Begin(nowNs, int.MaxValue);
        bool isKeyed = _pipeline.TryKey(p, port, out key);
        _pool.Return(p);
        return isKeyed;
    }

    /// <summary>Sends a frame in and says what became of it.</summary>
    /// <exception cref="ArgumentException">The frame is larger than any buffer.</exception>
    public ShadowOutcome Send(ReadOnlySpan<byte> frame, int port, long nowNs)
    {
        DropHeld();
        PacketBuffer* p = Rent(frame);
        (_drops.Reason, _sink.OutPort) = (DropReason.None, -1);
        _pipeline.Begin(nowNs, int.MaxValue);
        long removed = _counters.FlowsRemoved;
        _pipeline.Process(&p, 1, port);
        _pipeline.Flush();
        return new ShadowOutcome(_drops.Reason, _sink.OutPort, _pipeline.HeldCount > 0, _counters.FlowsRemoved != removed);
    }

    /// <summary>Forgets all connections.</summary>
    public void Clear() => _pipeline.Connections.Clear();

    /// <inheritdoc/>
    public void Dispose()
    {
        _pipeline.Dispose();
        _pool.Dispose();
        _counters.Dispose();
        _shared.Dispose();
    }

    /// <summary>A packet that waits belongs to the question before: that it would not wait for ever is no part of the answer.</summary>
    private void DropHeld()
    {
        if (_pipeline.HeldCount > 0)
        {
            _pipeline.DropOldestHeld();
            _pipeline.Flush();
        }
    }

    private PacketBuffer* Rent(ReadOnlySpan<byte> frame)
    {
        PacketBuffer* p = _pool.Rent(frame.Length);
        if (p == null)
        {
            throw new ArgumentException($"the frame of {frame.Length} bytes is larger than any buffer");
        }

        frame.CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
        p->Length = frame.Length;
        return p;
    }

    /// <summary>Notes why a packet was dropped. An explanation, which nobody watches, says it itself.</summary>
    private sealed class DropWatcher : PacketWatcher
    {
        public DropReason Reason { get; set; }

        protected override void See(int worker, in Sighting sighting) => Reason = sighting.Reason;
    }

    /// <summary>The one device of all ports: takes everything, and notes where the packet that was sent in went.</summary>
    private sealed class Sink : IPacketDevice
    {
        public int OutPort { get; set; } = -1;

        public string Name => "shadow";

        public DeviceCapabilities Capabilities { get; } = new(QueueCount: 1, MtuBytes: 65535, Offload: true);

        public DeviceStatus Status { get; } = new();

        public int Receive(int queue, PacketPool pool, PacketBuffer** packets, int maxCount) => 0;

        public int Transmit(int queue, PacketBuffer** packets, int count)
        {
            for (int i = 0; i < count; i++)
            {
                OutPort = (packets[i]->Flags & PacketFlags.Generated) == 0 ? packets[i]->OutPort : OutPort;
            }

            return count;
        }

        public int PollHandle(int queue) => -1;

        public void Dispose()
        {
        }
    }
}

/// <summary>What became of a packet.</summary>
/// <param name="Dropped">Why it was dropped; none when it was not.</param>
/// <param name="OutPort">The port that it left by; -1 when it did not leave.</param>
/// <param name="IsHeld">It waits for its next hop's MAC.</param>
/// <param name="HasEnded">A connection was forgotten for it.</param>
internal readonly record struct ShadowOutcome(DropReason Dropped, int OutPort, bool IsHeld, bool HasEnded);
