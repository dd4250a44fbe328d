using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Balancing;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Watching;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Memory;
using VSwitch.Testing.Reference;

namespace VSwitch.Testing;

/// <summary>The real data plane on memory devices and virtual time, one frame at a time, with the outcome in the reference
/// switch's words.</summary>
public sealed class SwitchUnderTest : IDisposable
{
    private const string RemovedPort = "(removed)";

    private readonly NumberDirectory _numbers = new();
    private readonly Dictionary<int, string> _names = [];
    private readonly SwitchShared _shared;
    private readonly DropLog _drops = new();
    private readonly List<(string Port, byte[] Frame)> _sent = [];

    public SwitchUnderTest(SwitchConfig config, int workers = 1)
    {
        Snapshot = SnapshotCompiler.Compile(config, _numbers);
        _shared = new SwitchShared(Snapshot, new FlowBudget(config.Switch.ConnectionCapacity, leaseSize: 1, isExact: true), 64, (0x1234_5678, 0x9ABC_DEF0));
        _shared.Publish(Snapshot, DevicesOf());
        var options = new WorkerOptions { SmallBuffers = 1024, LargeBuffers = 16, PortCapacity = 64 };
        Workers = new WorkerSet(workers, _shared, options, config.Switch.RssKey);
        _shared.Watch = WatchSet.Of((_drops, new PacketMatch { Verdict = PacketVerdict.Dropped }));
    }

    public ForwardingSnapshot Snapshot { get; private set; }

    public WorkerSet Workers { get; }

    public int ConnectionCount => Workers.ConnectionCount;

    /// <summary>What the load balancers keep; null without any.</summary>
    public BalancerState? Balancing => _shared.Balancing;

    /// <summary>Bytes of the last dropped frame, as the drop observer saw it.</summary>
    public byte[] LastDropped => _drops.Frame;

    public void Reconfigure(SwitchConfig config)
    {
        Snapshot = SnapshotCompiler.Compile(config, _numbers);
        _shared.Publish(Snapshot, DevicesOf());
    }

    /// <summary>What <see cref="Reconfigure"/> would put in force.</summary>
    public ForwardingSnapshot Prepare(SwitchConfig config) => SnapshotCompiler.Compile(config, _numbers.Copy());

    /// <summary>Copies of the live connections.</summary>
    public IReadOnlyList<ConnectionRecord> Connections(ConnectionFilter? filter = null, int batch = 16)
    {
        var found = new List<ConnectionRecord>();
        foreach (Worker worker in Workers.Workers)
        {
            var walk = new ConnectionWalk(filter ?? ConnectionFilter.All, batch);
            do
            {
                walk.Begin();
                worker.Post(walk);
                while (!walk.IsResting)
                {
                    worker.RunErrand();
                }

                found.AddRange(walk.Found);
            }
            while (!walk.IsAtEnd);
        }

        return found;
    }

    /// <summary>True for a port of the configuration in force.</summary>
    public bool HasPort(string port) => Snapshot.PortNames.Contains(port);

    /// <summary>Takes one frame. What ended besides it had been held: of several ends on its own port any may be told as its
    /// own, see <see cref="OutcomeComparison"/>.</summary>
    public ReferenceOutcome Receive(string port, ReadOnlySpan<byte> frame, long nowNs)
    {
        int number = Array.IndexOf(Snapshot.PortNames, port);
        PortCounters[] before = [.. Enumerable.Range(0, Snapshot.PortNames.Length).Select(Workers.Sum)];
        _sent.Clear();
        _drops.Clear();
        if (!Workers.InjectAndSettle(frame, number, nowNs))
        {
            return new ReferenceOutcome(OutcomeKind.Dropped, DropReason.BufferExhausted, []);
        }

        List<HeldEnd> ends = [];
        for (int i = 0; i < before.Length; i++)
        {
            PortCounters after = Workers.Sum(i);
            int at = i;
            Add(after.Forwarded - before[i].Forwarded, OutcomeKind.Forwarded, _ => DropReason.None);
            Add(after.Answered - before[i].Answered, OutcomeKind.Answered, _ => DropReason.None);
            Add(after.Consumed - before[i].Consumed, OutcomeKind.Consumed, _ => DropReason.None);
            long ended = after.Forwarded + after.Answered + after.Consumed + after.Dropped;
            if (after.ReceivedPackets != ended + Workers.HeldOf(i))
            {
                throw new InvalidOperationException($"port {i}: received {after.ReceivedPackets}, ended {ended}, held {Workers.HeldOf(i)}");
            }

            List<DropReason> reasons = _drops.Of(i);
            if (reasons.Count != after.Dropped - before[i].Dropped)
            {
                throw new InvalidOperationException($"{reasons.Count} drops observed, {after.Dropped - before[i].Dropped} counted");
            }

            Add(reasons.Count, OutcomeKind.Dropped, n => reasons[n]);

            void Add(long count, OutcomeKind kind, Func<int, DropReason> reason) =>
                ends.AddRange(Enumerable.Range(0, (int)count).Select(n => new HeldEnd(_names[at], kind, reason(n))));
        }

        HeldEnd own = ends.Find(end => end.Port == port) ?? new HeldEnd(port, OutcomeKind.Held, DropReason.None);
        ends.Remove(own);
        return new ReferenceOutcome(own.Kind, own.DropReason, [.. _sent]) { Ends = ends };
    }

    /// <summary>Lets time pass without a frame, and gives what the switch sends of itself then.</summary>
    public IReadOnlyList<(string Port, byte[] Frame)> Wait(long nowNs)
    {
        _sent.Clear();
        Workers.SettleDue(nowNs);
        return [.. _sent];
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

    /// <summary>A device a port; ports whose ENI is gone have none any more, and keep their name for what of them was held.</summary>
    private IPacketDevice?[] DevicesOf()
    {
        var devices = new IPacketDevice?[Snapshot.PortNames.Length];
        for (int i = 0; i < devices.Length; i++)
        {
            string name = Snapshot.PortNames[i];
            if (name != RemovedPort)
            {
                _names[i] = name;
                devices[i] = new MemoryDevice(name, frame => _sent.Add((name, frame.ToArray())));
            }
        }

        return devices;
    }

    private sealed class DropLog : PacketWatcher
    {
        private readonly List<(int Port, DropReason Reason)> _drops = [];

        public byte[] Frame { get; private set; } = [];

        public void Clear() => _drops.Clear();

        public List<DropReason> Of(int port) => [.. _drops.Where(drop => drop.Port == port).Select(drop => drop.Reason)];

        protected override void See(int worker, in Sighting sighting)
        {
            _drops.Add((sighting.Port, sighting.Reason));
            Frame = sighting.ToArray();
        }
    }
}
