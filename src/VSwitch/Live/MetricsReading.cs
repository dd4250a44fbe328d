using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Limits;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Probes;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Wire;

namespace VSwitch.Live;

/// <summary>All that a switch counts, read at one time under the names of one snapshot: in numbers, so that a reader who takes it slowly
/// holds little and mixes nothing. Not to be made once the host was freed.</summary>
internal sealed class MetricsReading
{
    /// <summary>Reads a switch; any thread.</summary>
    public MetricsReading(SwitchControl control)
    {
        NumberedConfig current = control.Current;
        Revision = current.Revision;
        LastChangedAt = current.Since;
        WorkerSet workers = control.Host.Workers;
        ForwardingSnapshot snapshot = workers.Shared.Snapshot;
        Ports = ReadPorts(workers, snapshot);
        ElasticIps = ReadElasticIps(control.Host, snapshot);
        EipHealth = ReadHealth(control.Host);
        Backends = ReadBackends(control.Host);
        NatGateways = NatReading.All(workers.Shared);
        Workers = [.. workers.Workers.Select(WorkerReading.Of)];
        ConnectionCapacity = workers.Shared.Budget.Capacity;
        Neighbors = workers.Shared.Neighbors.CountKnown();
        Usage = control.Usage?.Status;
    }

    /// <summary>Revision of the configuration.</summary>
    public long Revision { get; }

    /// <summary>When it came into force, UTC.</summary>
    public DateTime LastChangedAt { get; }

    /// <summary>Ports that exist.</summary>
    public IReadOnlyList<PortMetrics> Ports { get; }

    /// <summary>EIPs, bound or not.</summary>
    public IReadOnlyList<ElasticIpMetrics> ElasticIps { get; }

    /// <summary>What the health checks say of the places of EIPs; without what is not known yet.</summary>
    public IReadOnlyList<EipHealthMetrics> EipHealth { get; }

    /// <summary>Backends of load balancers.</summary>
    public IReadOnlyList<BackendMetrics> Backends { get; }

    /// <summary>NAT gateways.</summary>
    public IReadOnlyList<NatReading> NatGateways { get; }

    /// <summary>Workers.</summary>
    public IReadOnlyList<WorkerReading> Workers { get; }

    /// <summary>Connections that the switch may hold.</summary>
    public int ConnectionCapacity { get; }

    /// <summary>Neighbours learnt on the internet side.</summary>
    public int Neighbors { get; }

    /// <summary>How the usage ledger fares; null where nothing is metered.</summary>
    public UsageStatus? Usage { get; }

    private static unsafe List<PortMetrics> ReadPorts(WorkerSet workers, ForwardingSnapshot snapshot)
    {
        IPacketDevice?[] devices = workers.Shared.Devices;
        var ports = new List<PortMetrics>(snapshot.PortCount);
        for (int port = 0; port < snapshot.PortCount; port++)
        {
            EniFlags flags = snapshot.Enis[port].Flags;
            if ((flags & EniFlags.Exists) != 0)
            {
                string vpc = (flags & EniFlags.Internet) != 0 ? "" : snapshot.Vpcs[snapshot.Enis[port].Vpc].Name;
                ports.Add(new PortMetrics(
                    snapshot.PortNames[port], vpc, workers.Sum(port), workers.HeldOf(port), ReadDrops(workers, port),
                    port < devices.Length ? devices[port] : null));
            }
        }

        return ports;
    }

    private static (DropReason Reason, long Count)[] ReadDrops(WorkerSet workers, int port)
    {
        int found = 0;
        Span<(DropReason, long)> drops = stackalloc (DropReason, long)[DropReasons.Count];
        foreach (DropReason reason in DropReasons.All)
        {
            long count = workers.SumDrops(port, reason);
            if (count > 0)
            {
                drops[found++] = (reason, count);
            }
        }

        return drops[..found].ToArray();
    }

    private static List<BackendMetrics> ReadBackends(SwitchHost host)
    {
        PolicyInForce policy = host.InForce;
        var backends = new List<BackendMetrics>();
        for (int i = 0; i < policy.Config.LoadBalancers.Count; i++)
        {
            LoadBalancerConfig balancer = policy.Config.LoadBalancers[i];
            foreach (ListenerConfig listener in balancer.Listeners)
            {
                backends.AddRange(BackendReading.Of(host.Workers.Shared, policy.Snapshot, i, listener, WorkerThread.NowNs())
                    .Select(b => new BackendMetrics(balancer.Name, listener.NameOrDefault, b)));
            }
        }

        return backends;
    }

    private static List<EipHealthMetrics> ReadHealth(SwitchHost host)
    {
        PolicyInForce policy = host.InForce;
        var readings = new List<EipHealthMetrics>();
        if (policy.Snapshot.Probes.Length == 0)
        {
            return readings;
        }

        var health = new EipHealth(policy.Snapshot, host.Workers.Shared.Probes);
        var enis = policy.Config.Enis.ToDictionary(e => e.Name, StringComparer.Ordinal);
        foreach (ElasticIpConfig eip in policy.Config.ElasticIps.Where(e => e.HealthCheck != null))
        {
            foreach (EipPlace place in eip.Places(enis).Where(p => health.Of(eip, p) != ProbeHealth.Unknown))
            {
                readings.Add(new EipHealthMetrics(
                    eip.Name, eip.Address.ToString(), place.Eni, place.Address.ToString(), health.Of(eip, place) == ProbeHealth.Healthy));
            }
        }

        return readings;
    }

    private static List<ElasticIpMetrics> ReadElasticIps(SwitchHost host, ForwardingSnapshot snapshot)
    {
        WorkerSet workers = host.Workers;
        var rates = snapshot.BucketRates.ToDictionary(r => r.Bucket, r => r.PerSecond);
        var eips = new List<ElasticIpMetrics>(snapshot.EipCount);
        for (int i = 1; i < snapshot.EipCount; i++)
        {
            Eip eip = snapshot.EipAt(i);
            eips.Add(new ElasticIpMetrics(
                snapshot.EipNames[i], IpAddress.Read(BitConverter.GetBytes(eip.Address), isV6: false).ToString(),
                eip.Port != 0 ? snapshot.PortNames[eip.Port] : "",
                new ElasticIpWay(workers.Eips.SentBy(eip.Number), rates[eip.OutMeter]),
                new ElasticIpWay(workers.Eips.ReceivedBy(eip.Number), rates[eip.InMeter]),
                snapshot.Protections.Length != 0 && snapshot.Protections[i].IsThere ? workers.Shared.Scrubber.ReadingOf(eip.Number) : null)
            { Moves = host.Moves.Of(snapshot.EipNames[i]) });
        }

        return eips;
    }
}

/// <summary>What a port counted.</summary>
/// <param name="Name">The ENI's name, or internet.</param>
/// <param name="Vpc">The ENI's VPC; empty for the internet side.</param>
/// <param name="Counters">Sums over all workers.</param>
/// <param name="Held">Packets that wait.</param>
/// <param name="Drops">Drops by reason, those above 0.</param>
/// <param name="Device">Its device; null without one.</param>
internal sealed record PortMetrics(
    string Name, string Vpc, PortCounters Counters, int Held, (DropReason Reason, long Count)[] Drops, IPacketDevice? Device);

/// <summary>How a backend fares.</summary>
/// <param name="LoadBalancer">Its load balancer.</param>
/// <param name="Listener">Its listener.</param>
/// <param name="Backend">What was read of it.</param>
internal sealed record BackendMetrics(string LoadBalancer, string Listener, BackendReading Backend);

/// <summary>What an EIP counted.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">The public address.</param>
/// <param name="Eni">The ENI that it is bound to; empty when unbound.</param>
/// <param name="Sent">What it sent.</param>
/// <param name="Received">What it received.</param>
/// <param name="Scrubbing">How it fares under protection; null without.</param>
internal sealed record ElasticIpMetrics(
    string Name, string Address, string Eni, ElasticIpWay Sent, ElasticIpWay Received, ScrubbingReading? Scrubbing)
{
    /// <summary>How often it went from one holder to another.</summary>
    public long Moves { get; init; }
}

/// <summary>What a health check says of a place of an EIP.</summary>
/// <param name="Eip">The EIP.</param>
/// <param name="Address">Its public address.</param>
/// <param name="Eni">The ENI.</param>
/// <param name="PrivateIp">The private address.</param>
/// <param name="IsHealthy">Whether it is healthy.</param>
internal sealed record EipHealthMetrics(string Eip, string Address, string Eni, string PrivateIp, bool IsHealthy);

/// <summary>One direction of an EIP.</summary>
/// <param name="Counted">Traffic and what was over the bandwidth.</param>
/// <param name="BitsPerSecond">The bandwidth; 0 = none.</param>
internal readonly record struct ElasticIpWay(MeterCounters Counted, long BitsPerSecond);
