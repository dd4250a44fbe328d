using VSwitch.ControlPlane.Metrics;
using VSwitch.Live;

namespace VSwitch.Api;

/// <content>NAT gateways.</content>
internal sealed partial class MetricsExposition
{
    private IEnumerable<Action<PrometheusWriter>> NatGateways()
    {
        if (_switch.NatGateways.Count == 0)
        {
            yield break;
        }

        yield return Gateway("connections", "Connections that go out by the NAT gateway.", g => g.Connections);
        yield return Gateway("connection_capacity", "Connections that the NAT gateway's size allows.", g => g.Capacity);
        yield return NatEips("ports_in_use", MetricType.Gauge, "Public ports (of icmp: identifiers) of the NAT gateway's EIP that stand for somebody.", "protocol",
            ("tcp", e => e.TcpPorts), ("udp", e => e.UdpPorts), ("icmp", e => e.IcmpIdentifiers));
        yield return NatEips("refused_connections_total", MetricType.Counter, "Connections that the NAT gateway refused, by the EIP that was their first choice.", "reason",
            ("nat-ports-exhausted", e => e.PortsRefused), ("nat-connections-exhausted", e => e.ConnectionsRefused));
    }

    private Action<PrometheusWriter> Gateway(string what, string help, Func<NatReading, long> value) => writer =>
    {
        writer.Begin($"vswitch_nat_{what}", MetricType.Gauge, help);
        foreach (NatReading gateway in _switch.NatGateways)
        {
            writer.Sample(MetricLabels.Of(("nat_gateway", gateway.Name), ("vpc", gateway.Vpc)), value(gateway));
        }
    };

    private Action<PrometheusWriter> NatEips(
        string what, MetricType type, string help, string label, params (string Label, Func<NatEipReading, long> Value)[] samples) => writer =>
    {
        writer.Begin($"vswitch_nat_{what}", type, help);
        foreach (NatReading gateway in _switch.NatGateways)
        {
            foreach (NatEipReading eip in gateway.Eips)
            {
                foreach ((string value, Func<NatEipReading, long> of) in samples)
                {
                    writer.Sample(MetricLabels.Of(("nat_gateway", gateway.Name), ("eip", eip.Name), (label, value)), of(eip));
                }
            }
        }
    };
}
