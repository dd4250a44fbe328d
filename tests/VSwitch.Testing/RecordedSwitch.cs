using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Watching;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Memory;

namespace VSwitch.Testing;

/// <summary>One end of a frame: sent by a port, or dropped as it came in by a port.</summary>
public sealed record FrameEnd(string Port, DropReason Reason, byte[] Frame)
{
    public override string ToString() =>
        $"{Port} {(Reason == DropReason.None ? "sent" : Reason.Name())} {Convert.ToHexString(Frame)}";
}

/// <summary>The real data plane on memory devices and virtual time, with all that it sends and drops written down in order:
/// for packets that wait, whose end comes with another frame or with time.</summary>
public sealed class RecordedSwitch : IDisposable
{
    private readonly NumberDirectory _numbers = new();
    private readonly SwitchShared _shared;
    private readonly List<FrameEnd> _ends = [];
    private readonly long[] _received;
    private readonly int[] _rooms;
    private readonly (PacketWatcher, PacketMatch) _observer;
    private uint _watchVersion;

    public RecordedSwitch(SwitchConfig config, int workers = 1, int smallBuffers = 1024)
    {
        Config = config;
        Snapshot = SnapshotCompiler.Compile(config, _numbers);
        _rooms = [.. Snapshot.PortNames.Select(_ => int.MaxValue)];
        Devices = [.. Snapshot.PortNames.Select((name, port) => new MemoryDevice(name, frame => Sent(port, frame)))];
        _received = new long[Snapshot.PortCount];
        _shared = new SwitchShared(Snapshot, new FlowBudget(config.Switch.ConnectionCapacity, leaseSize: 1, isExact: true), 64, (0x1234_5678, 0x9ABC_DEF0));
        _shared.Publish(Snapshot, Devices);
        var options = new WorkerOptions { SmallBuffers = smallBuffers, LargeBuffers = 16, PortCapacity = 64 };
        Workers = new WorkerSet(workers, _shared, options, config.Switch.RssKey);
        _observer = (new Observer(this), new PacketMatch { Verdict = PacketVerdict.Dropped });
        Watch();
    }

    public SwitchConfig Config { get; private set; }

    public ForwardingSnapshot Snapshot { get; private set; }

    public MemoryDevice[] Devices { get; }

    public WorkerSet Workers { get; }

    /// <summary>All that was sent and dropped since the last <see cref="Take"/>.</summary>
    public IReadOnlyList<FrameEnd> Ends => _ends;

    public int PortOf(string port) => Array.IndexOf(Snapshot.PortNames, port);

    public int Held(string port) => Workers.HeldOf(PortOf(port));

    /// <summary>From now on these look on, too, instead of those before them.</summary>
    public void Watch(params (PacketWatcher, PacketMatch)[] watchers) =>
        _shared.Watch = WatchSet.After(_shared.Watch, ref _watchVersion, [_observer, .. watchers]);

    /// <summary>A port takes so many frames, and then no more.</summary>
    public void Limit(string port, int frames)
    {
        _rooms[PortOf(port)] = frames;
        Devices[PortOf(port)].TransmitRoom = frames;
    }

    /// <summary>From now on a port takes neither super-packets nor partial checksums.</summary>
    public void TakeOffloadFrom(string port)
    {
        int number = PortOf(port);
        Devices[number] = new MemoryDevice(port, frame => Sent(number, frame))
        {
            Capabilities = Devices[number].Capabilities with { Offload = false },
        };
        _shared.Publish(Snapshot, Devices);
    }

    /// <summary>Takes in a frame of which the sender left something to its device.</summary>
    public unsafe IReadOnlyList<FrameEnd> Receive(string port, byte[] frame, VirtioNetHeader offload, long nowNs)
    {
        _ends.Clear();
        _received[PortOf(port)]++;
        Worker worker = Workers.Workers[0];
        PacketBuffer* p = worker.Pool.Rent(frame.Length);
        frame.CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
        p->Length = frame.Length;
        p->Offload = offload;
        worker.Pipeline.Begin(nowNs, int.MaxValue);
        worker.Pipeline.Process(&p, 1, PortOf(port));
        worker.Pipeline.Flush();
        AssertBalanced();
        return [.. _ends];
    }

    public void Reconfigure(SwitchConfig config)
    {
        Config = config;
        Snapshot = SnapshotCompiler.Compile(config, _numbers);
        _shared.Publish(Snapshot, Devices);
    }

    /// <summary>Takes a frame in; what was sent and dropped by it (and by the time that went by).</summary>
    public IReadOnlyList<FrameEnd> Receive(string port, byte[] frame, long nowNs)
    {
        _ends.Clear();
        int number = PortOf(port);
        _received[number]++;
        if (!Workers.InjectAndSettle(frame, number, nowNs))
        {
            throw new PacketAssertException($"no buffer was free for a frame of {frame.Length} bytes");
        }

        AssertBalanced();
        return [.. _ends];
    }

    /// <summary>Lets time go by.</summary>
    public IReadOnlyList<FrameEnd> Wait(long nowNs)
    {
        _ends.Clear();
        Workers.SettleHeld(nowNs);
        AssertBalanced();
        return [.. _ends];
    }

    /// <summary>All that is written down, which is then forgotten.</summary>
    public IReadOnlyList<FrameEnd> Take()
    {
        FrameEnd[] ends = [.. _ends];
        _ends.Clear();
        return ends;
    }

    /// <summary>Ends whatever waits; every buffer must then be where it belongs.</summary>
    public void Finish(long nowNs)
    {
        Workers.DropHeld();
        AssertBalanced();
        foreach (Worker worker in Workers.Workers)
        {
            worker.RunHandedOver(nowNs);
        }

        int missing = Workers.Workers.Sum(w =>
            w.Pool.SmallCount - w.Pool.SmallFreeCount + w.Pool.LargeCount - w.Pool.LargeFreeCount);
        if (missing != 0 || Workers.HeldCount != 0)
        {
            throw new PacketAssertException($"{missing} buffers are missing, {Workers.HeldCount} packets are held");
        }
    }

    public void Dispose()
    {
        Workers.Dispose();
        _shared.Dispose();
    }

    private void Sent(int port, ReadOnlySpan<byte> frame)
    {
        lock (_ends)
        {
            _ends.Add(new FrameEnd(Snapshot.PortNames[port], DropReason.None, frame.ToArray()));
            Devices[port].TransmitRoom = --_rooms[port];
        }
    }

    /// <summary>received = forwarded + answered + consumed + dropped + held, of every port.</summary>
    private void AssertBalanced()
    {
        for (int port = 0; port < _received.Length; port++)
        {
            PortCounters c = Workers.Sum(port);
            long ended = c.Forwarded + c.Answered + c.Consumed + c.Dropped + Workers.HeldOf(port);
            if (c.ReceivedPackets != _received[port] || ended != _received[port])
            {
                throw new PacketAssertException($"port {port}: given {_received[port]}, received {c.ReceivedPackets}, ended or held {ended}");
            }
        }
    }

    private sealed class Observer(RecordedSwitch owner) : PacketWatcher
    {
        protected override void See(int worker, in Sighting sighting)
        {
            byte[] frame = sighting.ToArray();
            lock (owner._ends)
            {
                owner._ends.Add(new FrameEnd(owner.Snapshot.PortNames[sighting.Port], sighting.Reason, frame));
            }
        }
    }
}
