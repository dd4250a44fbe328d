using VSwitch.ControlPlane.Metrics;
using VSwitch.DataPlane.Limits;
using VSwitch.Live;

namespace VSwitch.Api;

/// <content>Limits of ENIs, protection of elastic IPs.</content>
internal sealed partial class MetricsExposition
{
    private IEnumerable<Action<PrometheusWriter>> Limits()
    {
        yield return Port("over_egress_limit_packets", "IP packets that the port's ENI sent over its limits.", p => p.Counters.OverEgressLimit);
        yield return Port("over_ingress_limit_packets", "IP packets for the port's ENI that were over its limits, whichever port they came in by.", p => p.Counters.OverIngressLimit);
    }

    /// <summary>Of elastic IPs under protection only.</summary>
    private IEnumerable<Action<PrometheusWriter>> Scrubbing()
    {
        yield return Scrubbing("scrubbing", MetricType.Gauge, "1 while the EIP counts as attacked and is scrubbed.", s => s.IsScrubbing ? 1 : 0);
        yield return Scrubbing("scrubbing_episodes_total", MetricType.Counter, "Times that scrubbing began.", s => s.Episodes);
        yield return Scrubbing("scrubbed_packets_total", MetricType.Counter, "Packets to the EIP that scrubbing dropped.", s => s.ScrubbedPackets);
        yield return Scrubbing("scrubbed_bytes_total", MetricType.Counter, "Bytes of the packets to the EIP that scrubbing dropped, IP header included.", s => s.ScrubbedBytes);
        yield return Scrubbing("challenges_total", MetricType.Counter, "SYNs to the EIP that were answered with a challenge.", s => s.Challenges);
        yield return Scrubbing("proofs_total", MetricType.Counter, "Challenges that were answered.", s => s.Proofs);
    }

    private Action<PrometheusWriter> Scrubbing(string what, MetricType type, string help, Func<ScrubbingReading, long> value) => writer =>
    {
        writer.Begin($"vswitch_eip_{what}", type, help);
        foreach ((MetricLabels labels, _, _, ElasticIpMetrics eip) in _eips)
        {
            if (eip.Scrubbing is ScrubbingReading scrubbing)
            {
                writer.Sample(labels, value(scrubbing));
            }
        }
    };
}
