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
using VSwitch.Testing.Reference;

namespace VSwitch.Testing;

/// <summary>The real data plane on memory devices and virtual time, one frame at a time, with the outcome in the reference
/// switch's words.</summary>
public sealed class SwitchUnderTest : IDisposable
{
    private readonly NumberDirectory _numbers = new();
    private readonly SwitchShared _shared;
    private readonly DropLog _drops = new();
    private readonly List<(string Port, byte[] Frame)> _sent = [];

    public SwitchUnderTest(SwitchConfig config, int workers = 1)
    {
        Snapshot = SnapshotCompiler.Compile(config, _numbers);
        _shared = new SwitchShared(Snapshot, new FlowBudget(config.Switch.ConnectionCapacity, leaseSize: 1), 64, (0x1234_5678, 0x9ABC_DEF0));
        _shared.Publish(Snapshot, DevicesOf());
        var options = new WorkerOptions { SmallBuffers = 256, LargeBuffers = 16, PortCapacity = 64 };
        Workers = new WorkerSet(workers, _shared, options, config.Switch.RssKey, _drops);
    }

    public ForwardingSnapshot Snapshot { get; private set; }

    public WorkerSet Workers { get; }

    public int ConnectionCount => Workers.ConnectionCount;

    /// <summary>Bytes of the last dropped frame, as the drop observer saw it.</summary>
    public byte[] LastDropped => _drops.Frame;

    public void Reconfigure(SwitchConfig config)
    {
        Snapshot = SnapshotCompiler.Compile(config, _numbers);
        _shared.Publish(Snapshot, DevicesOf());
    }

    public ReferenceOutcome Receive(string port, ReadOnlySpan<byte> frame, long nowNs)
    {
        int number = Array.IndexOf(Snapshot.PortNames, port);
        PortCounters before = Workers.Sum(number);
        _sent.Clear();
        _drops.Reason = DropReason.None;
        if (!Workers.InjectAndSettle(frame, number, nowNs))
        {
            return new ReferenceOutcome(OutcomeKind.Dropped, DropReason.BufferExhausted, []);
        }

        PortCounters after = Workers.Sum(number);
        OutcomeKind kind =
            after.Forwarded > before.Forwarded ? OutcomeKind.Forwarded
            : after.Answered > before.Answered ? OutcomeKind.Answered
            : after.Consumed > before.Consumed ? OutcomeKind.Consumed
            : after.Dropped > before.Dropped ? OutcomeKind.Dropped : OutcomeKind.Held;
        long ended = after.Forwarded + after.Answered + after.Consumed + after.Dropped;
        int held = Workers.HeldOf(number);
        if (after.ReceivedPackets != ended + held)
        {
            throw new InvalidOperationException($"port {port}: received {after.ReceivedPackets}, ended {ended}, held {held}");
        }

        return new ReferenceOutcome(kind, _drops.Reason, [.. _sent]);
    }

    /// <summary>Buffers that are not where they belong: 0 between frames, once those that others are done with came home.</summary>
    public int MissingBuffers(long nowNs)
    {
        foreach (Worker worker in Workers.Workers)
        {
            worker.RunHandedOver(nowNs);
        }

        return Workers.Workers.Sum(w =>
            w.Pool.SmallCount - w.Pool.SmallFreeCount + w.Pool.LargeCount - w.Pool.LargeFreeCount);
    }

    public void Dispose()
    {
        Workers.Dispose();
        _shared.Dispose();
    }

    private IPacketDevice?[] DevicesOf() => [.. Snapshot.PortNames.Select(name =>
        new MemoryDevice(name, frame => _sent.Add((name, frame.ToArray()))))];

    private sealed unsafe class DropLog : IDropObserver
    {
        public DropReason Reason { get; set; }

        public byte[] Frame { get; private set; } = [];

        public void OnDrop(PacketBuffer* packet)
        {
            Reason = packet->Reason;
            Frame = new ReadOnlySpan<byte>(packet->Data, packet->Length).ToArray();
        }
    }
}
