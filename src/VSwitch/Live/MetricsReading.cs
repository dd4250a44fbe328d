using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Pipeline;
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
        ElasticIps = ReadElasticIps(workers, snapshot);
        NatGateways = NatReading.All(workers.Shared);
        Workers = [.. workers.Workers.Select(WorkerReading.Of)];
        ConnectionCapacity = workers.Shared.Budget.Capacity;
        Neighbors = workers.Shared.Neighbors.CountKnown();
    }

    /// <summary>Revision of the configuration.</summary>
    public long Revision { get; }

    /// <summary>When it came into force, UTC.</summary>
    public DateTime LastChangedAt { get; }

    /// <summary>Ports that exist.</summary>
    public IReadOnlyList<PortMetrics> Ports { get; }

    /// <summary>EIPs, bound or not.</summary>
    public IReadOnlyList<ElasticIpMetrics> ElasticIps { get; }

    /// <summary>NAT gateways.</summary>
    public IReadOnlyList<NatReading> NatGateways { get; }

    /// <summary>Workers.</summary>
    public IReadOnlyList<WorkerReading> Workers { get; }

    /// <summary>Connections that the switch may hold.</summary>
    public int ConnectionCapacity { get; }

    /// <summary>Neighbours learnt on the internet side.</summary>
    public int Neighbors { get; }

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

    private static List<ElasticIpMetrics> ReadElasticIps(WorkerSet workers, ForwardingSnapshot snapshot)
    {
        var rates = snapshot.BucketRates.ToDictionary(r => r.Bucket, r => r.BitsPerSecond);
        var eips = new List<ElasticIpMetrics>(snapshot.EipCount);
        for (int i = 1; i < snapshot.EipCount; i++)
        {
            Eip eip = snapshot.EipAt(i);
            eips.Add(new ElasticIpMetrics(
                snapshot.EipNames[i], IpAddress.Read(BitConverter.GetBytes(eip.Address), isV6: false).ToString(),
                eip.Port != 0 ? snapshot.PortNames[eip.Port] : "",
                new ElasticIpWay(workers.Eips.SentBy(eip.Number), rates[eip.OutMeter]),
                new ElasticIpWay(workers.Eips.ReceivedBy(eip.Number), rates[eip.InMeter])));
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

/// <summary>What an EIP counted.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">The public address.</param>
/// <param name="Eni">The ENI that it is bound to; empty when unbound.</param>
/// <param name="Sent">What it sent.</param>
/// <param name="Received">What it received.</param>
internal sealed record ElasticIpMetrics(string Name, string Address, string Eni, ElasticIpWay Sent, ElasticIpWay Received);

/// <summary>One direction of an EIP.</summary>
/// <param name="Counted">Traffic and what was over the bandwidth.</param>
/// <param name="BitsPerSecond">The bandwidth; 0 = none.</param>
internal readonly record struct ElasticIpWay(MeterCounters Counted, long BitsPerSecond);
