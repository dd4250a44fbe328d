using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Routing;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Watching;
using VSwitch.DataPlane.Workers;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Pipeline;

/// <summary>The corridor: what happens to a packet between a device and a device.
/// <code>
///  Receive ─ (1) Parse ─ (2) Key ─ (3) Steer ─ (4) Probe ─ (5) Flow ──hit─────────────────────► (7) Rewrite ─ (8) Egress ─ Transmit
///                                                             └miss─► (6) Admit: ingress, SG, route, NAT, SG ──┘
///  any stage ─► Drop(reason) · Answer (ARP, ND, echo) · time exceeded
/// </code>
/// A stage works on a whole burst; the first four only prepare, so that the lines which (5) needs are on their way while other
/// packets are parsed. (5) takes the packets in order, and (6) is called from it for a packet without a usable connection,
/// so the order of a burst is kept. Checks and their order: README.md beside this file.
/// One instance belongs to one worker; nothing here is shared but <see cref="SwitchShared"/>.</summary>
/// <typeparam name="TTracer"><see cref="NoTrace"/>, or <see cref="RecordingTracer"/> for an explanation by the same code.</typeparam>
public sealed unsafe partial class PacketPipeline<TTracer> : IDisposable
    where TTracer : struct, IPipelineTracer
{
    /// <summary>Packets of a burst at most.</summary>
    public const int MaxBurst = 256;

    /// <summary>Packets that go through the stages together. Measured (bench/README.md): with connections spread over all sets of
    /// the cache, more are better, up to here.</summary>
    private const int StageBurst = 64;

    private const ulong MacMask = 0xFFFF_FFFF_FFFF;
    private readonly TTracer _tracer;
    private readonly SwitchShared _shared;
    private readonly PacketPool _pool;
    private readonly WorkerCounters _counters;
    private readonly Connections _connections;
    private readonly Steering? _steering;
    private readonly DeniedFlows _denied;
    private readonly HugeMemory _lists;
    private readonly PacketBuffer** _live4;
    private readonly PacketBuffer** _live6;
    private readonly uint* _timeoutMs;
    private readonly FlowAction* _actions;
    private readonly ulong _secretLow;
    private readonly ulong _secretHigh;
    private int _live4Count;
    private int _live6Count;
    private ForwardingSnapshot _snapshot;
    private InternetSide _internet;
    private ConnectionTimeouts? _timeouts;
    private uint _generation;
    private long _nowNs;
    private uint _nowMs;
    private uint _establishedDeadlineMs;

    /// <summary>Makes the pipeline of one worker.</summary>
    /// <param name="shared">What the workers share.</param>
    /// <param name="pool">The worker's buffers.</param>
    /// <param name="counters">The worker's counters.</param>
    /// <param name="steering">Ways to the other workers; null when there is one worker.</param>
    /// <param name="transmitQueue">The worker's queue on each device.</param>
    /// <param name="tracer">Explains, or vanishes.</param>
    public PacketPipeline(
        SwitchShared shared, PacketPool pool, WorkerCounters counters, Steering? steering, int transmitQueue,
        TTracer tracer)
    {
        _shared = shared;
        _pool = pool;
        _counters = counters;
        _meters = counters.Meters;
        _steering = steering;
        _tracer = tracer;
        _connections = new Connections(shared.Budget, counters) { Nat = shared.Nat };
        _actions = _connections.Paths.Actions;
        _denied = new DeniedFlows(shared.Budget.Capacity);
        (_secretLow, _secretHigh) = shared.Secret;
        _snapshot = shared.Snapshot;
        _internet = _snapshot.Internet;
        nuint listBytes = MaxBurst * (nuint)sizeof(PacketBuffer*);
        _lists = new HugeMemory((2 * listBytes) + (16 * sizeof(uint)));
        _live4 = (PacketBuffer**)_lists.Address;
        _live6 = _live4 + MaxBurst;
        _timeoutMs = (uint*)(_live6 + MaxBurst);
        _egress = new EgressQueues(counters.PortCapacity, transmitQueue);

        // At most half of the buffers wait, so that the other half forwards whatever is sent here.
        int smallRoom = Math.Max(1, pool.SmallCount / 2);
        int largeRoom = pool.LargeCount / 2;
        shared.Held.SetRoom(smallRoom, largeRoom);
        _held = new HeldPackets(smallRoom + largeRoom);
        UseSnapshot();
    }

    /// <summary>The worker's connections.</summary>
    public Connections Connections => _connections;

    /// <summary>Starts a burst: reads time, snapshot and generation once, and lets expired connections go.</summary>
    /// <param name="nowNs">The time of every packet of the burst, nanoseconds.</param>
    /// <param name="maxExpiries">Connections to look at for expiry at most.</param>
    public void Begin(long nowNs, int maxExpiries)
    {
        long nowMs = nowNs / 1_000_000;
        _nowNs = nowNs;
        _nowMs = (uint)nowMs;
        TakeConfiguration();
        if (_shared.Alarm.NextDueMs <= nowMs && DoDue(nowMs))
        {
            TakeConfiguration();
        }

        if (_shared.Scrubber.NextDueMs <= nowMs)
        {
            _shared.Scrubber.Look(_snapshot, nowNs);
        }

        if (_isSnapshotNew)
        {
            TakeUpBackends(nowMs);
        }

        _establishedDeadlineMs = _nowMs + _timeoutMs[(int)FlowState.TcpEstablished];
        _connections.Advance(_nowMs, maxExpiries);
    }

    /// <summary>Takes a burst that came in by one port through the corridor. Every buffer is the pipeline's from here on.</summary>
    /// <param name="packets">Buffers filled by a device.</param>
    /// <param name="count">How many, at most <see cref="MaxBurst"/>.</param>
    /// <param name="port">The port's index.</param>
    public void Process(PacketBuffer** packets, int count, int port)
    {
        _counters.BurstCount++;
        _counters.BurstPackets += count;
        if (_watch != null)
        {
            NoteReceived(packets, count, port);
        }

        for (int i = 0; i < count; i += StageBurst)
        {
            // 1. Parse, 2. Key, 3. Steer: to the live lists, to another worker, or to their end.
            Prepare(packets + i, Math.Min(StageBurst, count - i), port);

            // 4. Probe, 5. Flow, with 6. Admit, 7. Rewrite and 8. Egress for each packet in order.
            Run();
        }
    }

    /// <summary>Takes buffers that another worker parsed, keyed and steered to this one.</summary>
    public void ProcessHandedOver(PacketBuffer** packets, int count)
    {
        _counters.TakenOver += count;
        Fetch(packets, Math.Min(StageBurst, count));
        for (int i = 0; i < count; i += StageBurst)
        {
            int next = Math.Min(i + StageBurst, count);
            Fetch(packets + next, Math.Min(StageBurst, count - next));
            for (int k = i; k < next; k++)
            {
                AddLive(packets[k]);
            }

            Run();
        }
    }

    /// <summary>Asks for the lines that another worker wrote: descriptors, and where frames usually begin.</summary>
    private static void Fetch(PacketBuffer** packets, int count)
    {
        for (int i = 0; i < count; i++)
        {
            Sse.Prefetch0(packets[i]);
            Sse.Prefetch0((byte*)packets[i] + PacketBuffer.DataOffsetBytes);
        }
    }

    /// <summary>Ends a burst: gives what waits to the devices and to the other workers.</summary>
    public void Flush()
    {
        for (int i = 0; i < _egress.TouchedCount; i++)
        {
            FlushPort(_egress.Touched(i));
        }

        _egress.ClearTouched();
        _watch?.EndBurst(_egress.TransmitQueue);
        _steering?.Publish();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _connections.Dispose();
        _denied.Dispose();
        _fragments.Dispose();
        _datagrams.Dispose();
        _held.Dispose();
        _lists.Dispose();
        _egress.Dispose();
    }

    /// <summary>The generation first: what is made under it afterwards is made of this snapshot or a newer one.</summary>
    private void TakeConfiguration()
    {
        _watch = _tracer.IsEnabled ? null : _shared.Watch;
        _generation = _shared.Generation;
        if (_shared.Snapshot != _snapshot)
        {
            _snapshot = _shared.Snapshot;
            _isSnapshotNew = true;
            UseSnapshot();
        }
    }

    private void UseSnapshot()
    {
        _internet = _snapshot.Internet;
        int eniCount = 0;
        for (int port = 1; port < _snapshot.PortCount; port++)
        {
            eniCount += (_snapshot.Enis[port].Flags & (EniFlags.Exists | EniFlags.Gateway | EniFlags.Trunk)) == EniFlags.Exists ? 1 : 0;
        }

        _connections.ShareAmong(eniCount);
        UseGateways();
        if (!ReferenceEquals(_timeouts, _snapshot.Timeouts))
        {
            _timeouts = _snapshot.Timeouts;
            _connections.Use(_timeouts);
            for (int state = 0; state <= (int)FlowState.Other; state++)
            {
                _timeoutMs[state] = _timeouts.Of((FlowState)state);
            }
        }
    }

    private void Run()
    {
        Probe(_connections.V4, _live4, _live4Count);
        RunFlows4();
        _live4Count = 0;
        if (_live6Count > 0)
        {
            Probe(_connections.V6, _live6, _live6Count);
            RunFlows6();
            _live6Count = 0;
        }
    }

    /// <summary>4. Probe: home buckets are in the cache by now; guess the entry by its tag and ask for its line.</summary>
    private void Probe(FlowTable table, PacketBuffer** live, int count)
    {
        for (int i = 0; i < count; i++)
        {
            PacketBuffer* p = live[i];
            int guess = table.Index.Guess(p->Hash);
            p->Candidate = guess;
            if (guess >= 0)
            {
                table.Prefetch(guess);
            }
            else
            {
                _denied.Prefetch(p->Hash);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddLive(PacketBuffer* p)
    {
        if ((p->Flags & PacketFlags.IsV6) == 0)
        {
            _connections.V4.Index.Prefetch(p->Hash);
            _live4[_live4Count++] = p;
        }
        else
        {
            _connections.V6.Index.Prefetch(p->Hash);
            _live6[_live6Count++] = p;
        }
    }

    private void Drop(PacketBuffer* p, DropReason reason)
    {
        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.Verdict, $"dropped: {reason.Name()}. {reason.Sentence()}");
        }

        _counters.CountDrop(p->InPort, reason);
        if (_rejects != null)
        {
            NoteReject(p, reason);
        }

        _counters.LastDrops.Note(reason, _nowNs, p->InPort, p->Data, p->Length);
        NoteEnd(p, PacketVerdict.Dropped, reason);
        Free(p);
    }

    private void Consume(PacketBuffer* p)
    {
        _counters.Ports[p->InPort].Consumed++;
        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.Verdict, "consumed: the switch takes it and says nothing");
        }

        NoteEnd(p, PacketVerdict.Consumed);
        Free(p);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Free(PacketBuffer* p)
    {
        if (p->OwnerWorker == _pool.Worker)
        {
            _pool.Return(p);
        }
        else
        {
            FreeForeign(p);
        }
    }

    /// <summary>The buffer came from another worker, with a packet.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void FreeForeign(PacketBuffer* p)
    {
        if (_steering!.TryKeep(p))
        {
            _pool.Return(p);
        }
        else
        {
            _steering.GiveBack(p);
        }
    }
}
