using VSwitch.DataPlane.Balancing;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Limits;
using VSwitch.DataPlane.Nat;
using VSwitch.DataPlane.Probes;
using VSwitch.DataPlane.Routing;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Watching;

namespace VSwitch.DataPlane.Workers;

/// <summary>What all workers of a switch share. Written rarely: the snapshot and the devices by the control plane (one
/// reference each), the generation by whoever makes old actions stale, the tables by their own rules.</summary>
public sealed class SwitchShared : IDisposable
{
    private ForwardingSnapshot _snapshot;
    private IPacketDevice?[] _devices;
    private uint _generation = 1;
    private WatchSet? _watch;
    private BalancerState? _balancing;

    /// <summary>Makes the shared state.</summary>
    /// <param name="snapshot">First snapshot.</param>
    /// <param name="budget">Connections allowed.</param>
    /// <param name="bucketCapacity">Token buckets, and meters, at most: behind the highest of any snapshot to come
    /// (<see cref="ForwardingSnapshot.MeterEnd"/>).</param>
    /// <param name="secret">Key of the connection tables' hash; random for a switch, fixed for a replay.</param>
    public SwitchShared(ForwardingSnapshot snapshot, FlowBudget budget, int bucketCapacity, (ulong Low, ulong High) secret)
    {
        _snapshot = snapshot;
        _devices = new IPacketDevice?[snapshot.PortCount];
        Budget = budget;
        Buckets = new TokenBuckets(bucketCapacity);
        Secret = secret;
        Scrubber = new Scrubber((bucketCapacity + 1) / 2, secret);
        Nat = new NatTable((bucketCapacity / 2) + 1, budget.Capacity);
        Neighbors = new NeighborTable(Alarm);
        Probes = new ProbeTable(secret, Alarm);
        Announcements = new Announcements(Alarm);
        ApplyRates(snapshot);
        Nat.Use(snapshot.NatGateways);
        MakeRoomFor(snapshot);
        RefreshProbes(before: null, snapshot);
    }

    /// <summary>What <see cref="Fork"/> makes: no rates, so that whoever asks what would become of a packet is never told that some
    /// bandwidth is used up by questions, and no health checks of its own.</summary>
    private SwitchShared(
        ForwardingSnapshot snapshot, IPacketDevice?[] devices, FlowBudget budget, (ulong, ulong) secret, uint generation, int poolCapacity)
    {
        _snapshot = snapshot;
        _devices = devices;
        _generation = generation;
        Budget = budget;
        Buckets = new TokenBuckets(snapshot.MeterEnd);
        Secret = secret;
        Scrubber = new Scrubber((snapshot.MeterEnd + 1) / 2, secret);
        Nat = new NatTable(Math.Max(poolCapacity, (snapshot.MeterEnd / 2) + 1), budget.Capacity);
        Nat.Use(snapshot.NatGateways);
        Neighbors = new NeighborTable(Alarm);
        Probes = new ProbeTable(secret, Alarm);
        Announcements = new Announcements(Alarm);
    }

    /// <summary>The snapshot in force.</summary>
    public ForwardingSnapshot Snapshot => Volatile.Read(ref _snapshot);

    /// <summary>Devices by port; null where a port has none.</summary>
    public IPacketDevice?[] Devices => Volatile.Read(ref _devices);

    /// <summary>Actions of another generation are looked at again before they are used.</summary>
    public uint Generation => Volatile.Read(ref _generation);

    /// <summary>Who looks at packets; null while nobody does. Workers take it up with their next burst.</summary>
    public WatchSet? Watch
    {
        get => Volatile.Read(ref _watch);
        set => Volatile.Write(ref _watch, value);
    }

    /// <summary>Connections allowed.</summary>
    public FlowBudget Budget { get; }

    /// <summary>EIP rates.</summary>
    public TokenBuckets Buckets { get; }

    /// <summary>ENI rates, by port (<see cref="Eni.BitsBucketOf"/>).</summary>
    public TokenBuckets PortBuckets { get; } = new(Eni.BitsBucketOf(ushort.MaxValue + 1, isIngress: false));

    /// <summary>Which EIPs are under attack.</summary>
    public Scrubber Scrubber { get; }

    /// <summary>Packets that may be held.</summary>
    public HeldBudget Held { get; } = new();

    /// <summary>Errors that the router may send.</summary>
    public ErrorLimiter Errors { get; } = new();

    /// <summary>Neighbours on the internet side.</summary>
    public NeighborTable Neighbors { get; }

    /// <summary>Health checks.</summary>
    public ProbeTable Probes { get; }

    /// <summary>EIPs that the internet side is told of.</summary>
    public Announcements Announcements { get; }

    /// <summary>When something of these is due.</summary>
    public Alarm Alarm { get; } = new();

    /// <summary>What load balancers keep; null while there never was one.</summary>
    public BalancerState? Balancing => Volatile.Read(ref _balancing);

    /// <summary>Public ports of the NAT gateways' connections.</summary>
    public NatTable Nat { get; }

    /// <summary>Key of the connection tables' hash.</summary>
    public (ulong Low, ulong High) Secret { get; }

    /// <summary>Puts a snapshot in force; every worker uses it from its next burst on, and looks again at each live
    /// connection with that connection's next packet.</summary>
    public void Publish(ForwardingSnapshot snapshot, IPacketDevice?[] devices)
    {
        ApplyRates(snapshot);
        Nat.Use(snapshot.NatGateways);
        MakeRoomFor(snapshot);
        ForwardingSnapshot before = Snapshot;
        Volatile.Write(ref _devices, devices);
        Volatile.Write(ref _snapshot, snapshot);
        MakeActionsStale();
        RefreshProbes(before, snapshot);
        Announcements.Refresh();
    }

    /// <summary>Makes a shared state of its own for a dry run or an explanation: it has the secret and knows the neighbours of this one,
    /// so copies of its connections can be put in (<see cref="Connections.Import"/>), and whatever happens to it is not seen here.
    /// Under another snapshot it looks at each connection again, as this one would after <see cref="Publish"/>.</summary>
    /// <param name="snapshot">The snapshot that it has.</param>
    /// <param name="devices">Devices by port.</param>
    /// <param name="connections">Connections that it may hold.</param>
    /// <param name="nowMs">The time, milliseconds.</param>
    public SwitchShared Fork(ForwardingSnapshot snapshot, IPacketDevice?[] devices, int connections, long nowMs)
    {
        // Under another snapshot: a generation that this one does not come to while the copies are made.
        uint generation = Generation + (ReferenceEquals(snapshot, Snapshot) ? 0 : 1u << 30);
        var fork = new SwitchShared(snapshot, devices, new FlowBudget(connections, leaseSize: 1, isExact: true), Secret, generation, Nat.PoolCapacity);
        Neighbors.CopyTo(fork.Neighbors, nowMs);
        Scrubber.CopyTo(fork.Scrubber);
        Nat.CopyTo(fork.Nat);
        fork._balancing = Balancing?.Fork(connections, fork.Alarm);
        fork.MakeRoomFor(snapshot);
        return fork;
    }

    /// <summary>Makes every action be looked at again.</summary>
    public void MakeActionsStale() => Interlocked.Increment(ref _generation);

    /// <inheritdoc/>
    public void Dispose()
    {
        Buckets.Dispose();
        PortBuckets.Dispose();
        Scrubber.Dispose();
        Neighbors.Dispose();
        Probes.Dispose();
        Held.Dispose();
        Errors.Dispose();
        Nat.Dispose();
        _balancing?.Dispose();
    }

    /// <summary>The control thread only, before the snapshot is seen.</summary>
    private void MakeRoomFor(ForwardingSnapshot snapshot)
    {
        if (_balancing == null && !snapshot.Balancers.IsEmpty)
        {
            Volatile.Write(ref _balancing, new BalancerState(Budget.Capacity, Secret, Probes, Alarm));
        }
    }

    /// <summary>After the snapshot is in force: a worker that hears of it takes the checks from there.</summary>
    private void RefreshProbes(ForwardingSnapshot? before, ForwardingSnapshot snapshot)
    {
        if (snapshot.Probes.Length > 0 || before?.Probes.Length > 0)
        {
            Probes.Refresh();
        }
    }

    private void ApplyRates(ForwardingSnapshot snapshot)
    {
        foreach (BucketRate rate in snapshot.BucketRates)
        {
            Buckets.ChangeRate(rate);
        }

        foreach (BucketRate rate in snapshot.PortRates)
        {
            if (snapshot.PortSince(rate.Bucket / Eni.BitsBucketOf(1, isIngress: false)) == snapshot.Version)
            {
                // The ENI is new: what another one of its number used up is not its.
                PortBuckets.Clear(rate.Bucket);
            }

            PortBuckets.SetRate(rate);
        }

        Scrubber.Use(snapshot);
    }
}
