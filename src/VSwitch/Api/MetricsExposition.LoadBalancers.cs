using VSwitch.ControlPlane.Metrics;
using VSwitch.Live;

namespace VSwitch.Api;

/// <content>Load balancers.</content>
internal sealed partial class MetricsExposition
{
    private IEnumerable<Action<PrometheusWriter>> LoadBalancers()
    {
        (MetricLabels Labels, BackendReading Backend)[] backends = [.. _switch.Backends.Select(b => (
            MetricLabels.Of(("load_balancer", b.LoadBalancer), ("listener", b.Listener), ("backend", $"{b.Backend.Eni}:{b.Backend.Port}")), b.Backend))];
        yield return Backends(
            backends, "vswitch_backend_live_connections", MetricType.Gauge, "Live connections of a load balancer's backend.", b => b.Connections);
        yield return Backends(
            backends, "vswitch_backend_connections_total", MetricType.Counter, "Connections that a load balancer gave its backend.", b => b.TotalConnections);
        yield return Backends(
            backends, "vswitch_backend_serving", MetricType.Gauge,
            "1 while a load balancer's backend gets new connections: it is healthy, does not drain, and has a weight.", b => b.State == "serving" ? 1 : 0);
    }

    private static Action<PrometheusWriter> Backends(
        (MetricLabels Labels, BackendReading Backend)[] backends, string name, MetricType type, string help, Func<BackendReading, long> value) => writer =>
    {
        writer.Begin(name, type, help);
        foreach ((MetricLabels labels, BackendReading backend) in backends)
        {
            writer.Sample(labels, value(backend));
        }
    };
}
