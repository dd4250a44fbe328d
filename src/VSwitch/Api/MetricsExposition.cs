using System.Globalization;
using VSwitch.ControlPlane.Metrics;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>The families of metrics and what each means. src/VSwitch.ControlPlane/Metrics/README.md tells users.</summary>
internal sealed partial class MetricsExposition
{
    private const double NsPerSecond = 1e9;
    private const int BitsPerByte = 8;

    /// <summary>Upper limits of the latency histogram, seconds: 256 ns, and doubling.</summary>
    private static readonly double[] LatencyLimits =
        [.. Enumerable.Range(0, RoundCounters.Octaves + 1).Select(octave => (RoundCounters.LeastNs << octave) / NsPerSecond)];

    private readonly MetricsReading _switch;
    private readonly ProcessReading _process;
    private readonly (MetricLabels Labels, PortMetrics Port)[] _ports;
    private readonly (MetricLabels Name, MetricLabels Device, PortMetrics Port)[] _devices;
    private readonly (MetricLabels Labels, MetricLabels Out, MetricLabels In, ElasticIpMetrics Eip)[] _eips;
    private readonly (MetricLabels Labels, WorkerReading Worker)[] _workers;

    /// <summary>Prepares what was read.</summary>
    public MetricsExposition(MetricsReading reading, ProcessReading process)
    {
        _switch = reading;
        _process = process;
        _ports = [.. reading.Ports.Select(p => (
            MetricLabels.Of(("port", p.Name), ("kind", p.Vpc.Length == 0 ? "internet" : "eni"), ("vpc", p.Vpc)), p))];
        _devices = [.. reading.Ports.Where(p => p.Device != null).Select(p => (
            MetricLabels.Of(("port", p.Name)), MetricLabels.Of(("port", p.Name), ("device", p.Device!.Name)), p))];
        _eips = [.. reading.ElasticIps.Select(e =>
        {
            MetricLabels labels = MetricLabels.Of(("eip", e.Name), ("address", e.Address));
            return (labels, labels.With(("direction", "out")), labels.With(("direction", "in")), e);
        })];
        _workers = [.. reading.Workers.Select(w => (MetricLabels.Of(("worker", w.Worker.ToString(CultureInfo.InvariantCulture))), w))];
    }

    /// <summary>Each writes one family, or a few small ones.</summary>
    public IEnumerable<Action<PrometheusWriter>> Families =>
    [
        .. Ports(), .. Limits(), Drops, .. Devices(), .. ElasticIps(), .. NatGateways(), .. Scrubbing(), .. LoadBalancers(), .. Workers(), Tables, Latency,
        Control, Usage, Process,
    ];

    private IEnumerable<Action<PrometheusWriter>> Ports()
    {
        yield return Port("received_packets", "Frames that came in by the port. Each is forwarded, answered, consumed, dropped, or held for now.", p => p.Counters.ReceivedPackets);
        yield return Port("received_bytes", "Bytes of the frames that came in by the port, Ethernet header included.", p => p.Counters.ReceivedBytes);
        yield return Port("sent_packets", "Frames that left by the port, those of the switch itself included.", p => p.Counters.SentPackets);
        yield return Port("sent_bytes", "Bytes of the frames that left by the port, Ethernet header included.", p => p.Counters.SentBytes);
        yield return Port("forwarded_packets", "Frames that came in by the port and were sent on.", p => p.Counters.Forwarded);
        yield return Port("answered_packets", "Frames that came in by the port and were answered by the switch: ARP, neighbour discovery, DHCP, echo.", p => p.Counters.Answered);
        yield return Port("carried_packets", "Frames that came in by the port and carried the frame of a gateway, which counts as received there.", p => p.Counters.Carried);
        yield return Port("consumed_packets", "Frames that came in by the port and were taken in silence.", p => p.Counters.Consumed);
        yield return Port("dropped_packets", "Frames that came in by the port and were dropped, whatever the reason.", p => p.Counters.Dropped);
        yield return Port("generated_packets", "Frames that the switch made itself and sent by the port.", p => p.Counters.Generated);
        yield return writer =>
        {
            writer.Begin("vswitch_port_held_packets", MetricType.Gauge, "Packets of the port that wait for a neighbour or for a first fragment.");
            foreach ((MetricLabels labels, PortMetrics port) in _ports)
            {
                writer.Sample(labels, port.Held);
            }
        };
    }

    private Action<PrometheusWriter> Port(string what, string help, Func<PortMetrics, long> value) => writer =>
    {
        writer.Begin($"vswitch_port_{what}_total", MetricType.Counter, help);
        foreach ((MetricLabels labels, PortMetrics port) in _ports)
        {
            writer.Sample(labels, value(port));
        }
    };

    private void Drops(PrometheusWriter writer)
    {
        MetricLabels[] reasons = [.. DropReasons.All.ToArray().Select(r => MetricLabels.Of(("reason", r.Name())))];
        writer.Begin(
            "vswitch_drops_total", MetricType.Counter,
            "Frames that came in by the port and were dropped, by reason; a reason appears with its first drop (vswitch_port_dropped_packets_total is always there).");
        foreach (PortMetrics port in _switch.Ports)
        {
            MetricLabels labels = MetricLabels.Of(("port", port.Name));
            foreach ((DropReason reason, long count) in port.Drops)
            {
                writer.Sample(labels, reasons[(int)reason], count);
            }
        }
    }

    private IEnumerable<Action<PrometheusWriter>> Devices()
    {
        yield return writer =>
        {
            writer.Begin("vswitch_device_up", MetricType.Gauge, "1 while the port's device is up.");
            foreach ((_, MetricLabels labels, PortMetrics port) in _devices)
            {
                writer.Sample(labels, port.Device!.Status.IsUp ? 1 : 0);
            }
        };
        yield return Device("receive_errors", "Receive calls that failed.", status => Volatile.Read(ref status.ReceiveErrorCount));
        yield return Device("transmit_errors", "Transmit calls that failed for another reason than a full queue.", status => Volatile.Read(ref status.TransmitErrorCount));
        yield return Device("lost_packets", "Frames that the device or the kernel lost or cut before the switch saw them.", status => Volatile.Read(ref status.LostCount));
    }

    private Action<PrometheusWriter> Device(string what, string help, Func<DeviceStatus, long> value) => writer =>
    {
        writer.Begin($"vswitch_device_{what}_total", MetricType.Counter, help);
        foreach ((MetricLabels labels, _, PortMetrics port) in _devices)
        {
            writer.Sample(labels, value(port.Device!.Status));
        }
    };

    private IEnumerable<Action<PrometheusWriter>> ElasticIps()
    {
        yield return writer =>
        {
            writer.Begin("vswitch_eip_info", MetricType.Gauge, "1 for each elastic IP, with the ENI that it is bound to.");
            foreach ((MetricLabels labels, _, _, ElasticIpMetrics eip) in _eips)
            {
                writer.Sample(labels.With(("eni", eip.Eni)), 1);
            }
        };
        yield return Eip("sent_packets", "IP packets that the EIP's holder sent by it; a super-packet counts as the packets that it stands for.", e => e.Sent.Counted.Packets);
        yield return Eip("sent_bytes", "Bytes of the IP packets that the EIP's holder sent by it, IP header included, Ethernet header not.", e => e.Sent.Counted.Bytes);
        yield return Eip("received_packets", "IP packets that came to the EIP's holder by it.", e => e.Received.Counted.Packets);
        yield return Eip("received_bytes", "Bytes of the IP packets that came to the EIP's holder by it, IP header included, Ethernet header not.", e => e.Received.Counted.Bytes);
        yield return Ways("bandwidth_dropped_packets_total", MetricType.Counter, "IP packets dropped because the EIP's bandwidth was used up.", w => w.Counted.DroppedPackets);
        yield return Ways("bandwidth_dropped_bytes_total", MetricType.Counter, "Bytes of the IP packets dropped because the EIP's bandwidth was used up.", w => w.Counted.DroppedBytes);
        yield return writer =>
        {
            writer.Begin("vswitch_eip_bandwidth_bytes_per_second", MetricType.Gauge, "The EIP's bandwidth; without one there is no sample.");
            foreach ((_, MetricLabels sent, MetricLabels received, ElasticIpMetrics eip) in _eips)
            {
                SampleBandwidth(writer, sent, eip.Sent);
                SampleBandwidth(writer, received, eip.Received);
            }
        };
        yield return Eip("moves", "How often the EIP went from one holder to another, by hand or by its health check.", e => e.Moves);
        yield return writer =>
        {
            writer.Begin("vswitch_eip_healthy", MetricType.Gauge, "1 where the EIP's health check passes, 0 where it fails: its holder and its standbys.");
            foreach (EipHealthMetrics place in _switch.EipHealth)
            {
                writer.Sample(
                    MetricLabels.Of(("eip", place.Eip), ("address", place.Address), ("eni", place.Eni), ("private_ip", place.PrivateIp)), place.IsHealthy ? 1 : 0);
            }
        };
    }

    private static void SampleBandwidth(PrometheusWriter writer, MetricLabels labels, ElasticIpWay way)
    {
        if (way.BitsPerSecond > 0)
        {
            writer.Sample(labels, (double)way.BitsPerSecond / BitsPerByte);
        }
    }

    private Action<PrometheusWriter> Eip(string what, string help, Func<ElasticIpMetrics, long> value) => writer =>
    {
        writer.Begin($"vswitch_eip_{what}_total", MetricType.Counter, help);
        foreach ((MetricLabels labels, _, _, ElasticIpMetrics eip) in _eips)
        {
            writer.Sample(labels, value(eip));
        }
    };

    private Action<PrometheusWriter> Ways(string what, MetricType type, string help, Func<ElasticIpWay, long> value) => writer =>
    {
        writer.Begin($"vswitch_eip_{what}", type, help);
        foreach ((_, MetricLabels sent, MetricLabels received, ElasticIpMetrics eip) in _eips)
        {
            writer.Sample(sent, value(eip.Sent));
            writer.Sample(received, value(eip.Received));
        }
    };

    private IEnumerable<Action<PrometheusWriter>> Workers()
    {
        yield return writer =>
        {
            writer.Begin(
                "vswitch_worker_busy_seconds_total", MetricType.Counter,
                "Time in rounds that handled packets; its rate is the worker's load, 0 to 1.");
            foreach ((MetricLabels labels, WorkerReading worker) in _workers)
            {
                writer.Sample(labels, worker.BusyNs / NsPerSecond);
            }
        };
        yield return Worker("rounds", "Rounds begun.", w => w.Rounds);
        yield return Worker("busy_rounds", "Rounds that handled packets.", w => w.BusyRounds);
        yield return Worker("sleeps", "Times that the worker went to sleep for want of work.", w => w.Sleeps);
        yield return Worker("handed_over_packets", "Packets given to the worker that owns their connection.", w => w.HandedOver);
        yield return Worker("taken_over_packets", "Packets taken from the worker that received them.", w => w.TakenOver);
        yield return Worker("connections_created", "Connections begun.", w => w.Connections.Created);
        yield return Worker("connections_removed", "Connections over: expired, refused, cut or evicted.", w => w.Connections.Removed);
        yield return Worker("connections_evicted", "Half-open connections that made room for others.", w => w.Connections.Evicted);
        yield return writer =>
        {
            writer.Begin("vswitch_burst_packets", MetricType.Summary, "Packets that a worker took from a device at once.");
            foreach ((MetricLabels labels, WorkerReading worker) in _workers)
            {
                writer.Summary(labels, worker.Bursts.Packets, worker.Bursts.Count);
            }
        };
    }

    private Action<PrometheusWriter> Worker(string what, string help, Func<WorkerReading, long> value) => writer =>
    {
        writer.Begin($"vswitch_worker_{what}_total", MetricType.Counter, help);
        foreach ((MetricLabels labels, WorkerReading worker) in _workers)
        {
            writer.Sample(labels, value(worker));
        }
    };

    private void Tables(PrometheusWriter writer)
    {
        ByTwo(writer, "vswitch_connections", "Connections in the table, by the worker that owns them.", "family", ("ipv4", w => w.Occupancy.Connections4), ("ipv6", w => w.Occupancy.Connections6));
        writer.Begin("vswitch_connections_capacity", MetricType.Gauge, "Connections that the switch may hold, over all workers.");
        writer.Sample(MetricLabels.None, _switch.ConnectionCapacity);
        Gauge(writer, "vswitch_half_open_connections", "Connections that both ends have not yet spoken on.", w => w.Occupancy.HalfOpen);
        Gauge(writer, "vswitch_paths", "Ways that connections take; connections of one way share its actions.", w => w.Occupancy.Paths);
        Gauge(writer, "vswitch_remembered_denials", "Denials by security groups that are remembered under the policy in force.", w => w.Occupancy.Denials);
        Gauge(writer, "vswitch_fragmented_datagrams", "Datagrams in fragments of which more may come.", w => w.Occupancy.Datagrams);
        Gauge(writer, "vswitch_held_packets", "Packets that wait for a neighbour or for a first fragment.", w => w.Occupancy.Held);
        ByTwo(writer, "vswitch_buffers", "Packet buffers that the worker was made with.", "size", ("small", w => w.SmallBuffers.Count), ("large", w => w.LargeBuffers.Count));
        ByTwo(writer, "vswitch_buffers_free", "Packet buffers that are free now; workers keep some of each other's.", "size", ("small", w => w.SmallBuffers.Free), ("large", w => w.LargeBuffers.Free));
        writer.Begin("vswitch_neighbors", MetricType.Gauge, "Neighbours learnt on the internet side.");
        writer.Sample(MetricLabels.None, _switch.Neighbors);
    }

    private void Gauge(PrometheusWriter writer, string name, string help, Func<WorkerReading, long> value)
    {
        writer.Begin(name, MetricType.Gauge, help);
        foreach ((MetricLabels labels, WorkerReading worker) in _workers)
        {
            writer.Sample(labels, value(worker));
        }
    }

    private void ByTwo(
        PrometheusWriter writer, string name, string help, string label, params ReadOnlySpan<(string Value, Func<WorkerReading, long> Of)> kinds)
    {
        writer.Begin(name, MetricType.Gauge, help);
        foreach ((MetricLabels labels, WorkerReading worker) in _workers)
        {
            foreach ((string value, Func<WorkerReading, long> of) in kinds)
            {
                writer.Sample(labels.With((label, value)), of(worker));
            }
        }
    }

    private void Latency(PrometheusWriter writer)
    {
        writer.Begin(
            "vswitch_packet_latency_seconds", MetricType.Histogram,
            "Packets by the duration of the worker's round that handled them: an upper bound of their stay in the switch on that worker. " +
            "What they waited before in the device or in the ring from another worker is not in it.");
        long[] counts = new long[LatencyLimits.Length + 1];
        foreach ((MetricLabels labels, WorkerReading worker) in _workers)
        {
            Array.Clear(counts);
            for (int i = 0; i < worker.PacketsByRound.Length; i++)
            {
                counts[(i + RoundCounters.BucketsPerOctave - 1) / RoundCounters.BucketsPerOctave] += worker.PacketsByRound[i];
            }

            writer.Histogram(labels, LatencyLimits, counts, worker.PacketNs / NsPerSecond);
        }
    }

    private void Control(PrometheusWriter writer)
    {
        writer.Begin("vswitch_configuration_revision", MetricType.Gauge, "Revision of the configuration in force: grows by one with each change, 1 at the start.");
        writer.Sample(MetricLabels.None, _switch.Revision);
        writer.Begin("vswitch_configuration_last_change_timestamp_seconds", MetricType.Gauge, "When the configuration in force came into force, Unix time.");
        writer.Sample(MetricLabels.None, UnixSeconds(_switch.LastChangedAt));
        writer.Begin("vswitch_build_info", MetricType.Gauge, "1, with the version of the switch and of its runtime.");
        writer.Sample(MetricLabels.Of(("version", ProcessReading.Version), ("runtime", ProcessReading.Runtime)), 1);
    }

    private void Usage(PrometheusWriter writer)
    {
        if (_switch.Usage is not UsageStatus usage)
        {
            return;
        }

        One(writer, "vswitch_usage_ledger_up", MetricType.Gauge, "1 while the usage ledger can be written.", usage.Problem == null ? 1 : 0);
        One(writer, "vswitch_usage_ledger_write_errors_total", MetricType.Counter, "Writes of the usage ledger that failed; what they had is written later.", usage.Errors);
        One(writer, "vswitch_usage_ledger_lost_changes_total", MetricType.Counter, "Changes of elastic IPs given up because the usage ledger could not be written for long.", usage.LostChanges);
        One(writer, "vswitch_usage_ledger_file_bytes", MetricType.Gauge, "Length of the usage ledger's file of this month.", usage.Bytes);
        if (usage.LastWrite is DateTime last)
        {
            One(writer, "vswitch_usage_ledger_last_write_timestamp_seconds", MetricType.Gauge, "When the usage ledger was last up to date, Unix time.", UnixSeconds(last));
        }
    }

    /// <summary>By the names that every exporter has, and those of OpenTelemetry for .NET.</summary>
    private void Process(PrometheusWriter writer)
    {
        One(writer, "process_start_time_seconds", MetricType.Gauge, "When the process began, Unix time.", UnixSeconds(_process.StartedAt));
        One(writer, "process_cpu_seconds_total", MetricType.Counter, "Processor time of all threads.", _process.Cpu.TotalSeconds);
        One(writer, "process_resident_memory_bytes", MetricType.Gauge, "Memory in use.", _process.ResidentBytes);
        One(writer, "process_virtual_memory_bytes", MetricType.Gauge, "Address space; most of it is reserved for tables and never touched.", _process.VirtualBytes);
        One(writer, "process_threads", MetricType.Gauge, "Threads.", _process.Threads);
        if (_process.OpenFiles is int files)
        {
            One(writer, "process_open_fds", MetricType.Gauge, "Open descriptors.", files);
        }

        writer.Begin("dotnet_gc_collections_total", MetricType.Counter, "Collections of garbage, by the oldest generation that each collected.");
        for (int generation = 0; generation < _process.Collections.Length; generation++)
        {
            writer.Sample(MetricLabels.Of(("generation", generation.ToString(CultureInfo.InvariantCulture))), _process.Collections[generation]);
        }

        One(writer, "dotnet_gc_pause_seconds_total", MetricType.Counter, "Time for which collections stopped the managed threads.", _process.Pause.TotalSeconds);
        One(writer, "dotnet_gc_allocated_bytes_total", MetricType.Counter, "Managed memory allocated.", _process.AllocatedBytes);
    }

    private static void One(PrometheusWriter writer, string name, MetricType type, string help, double value)
    {
        writer.Begin(name, type, help);
        writer.Sample(MetricLabels.None, value);
    }

    private static double UnixSeconds(DateTime utc) => (utc - DateTime.UnixEpoch).TotalSeconds;
}
