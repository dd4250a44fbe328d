using System.Text.Json;
using VSwitch.DataPlane.Balancing;

namespace VSwitch.ControlPlane.Config;

/// <content>Load balancers.</content>
public static partial class ConfigWriter
{
    private static void WriteLoadBalancer(Document document, LoadBalancerConfig balancer)
    {
        document.Json.WriteString("name", balancer.Name);
        document.Json.WriteString("subnet", balancer.Subnet);
        document.Json.WriteString("address", balancer.Address.ToString());
        document.List("listeners", balancer.Listeners, WriteListener);
    }

    private static void WriteListener(Document document, ListenerConfig listener)
    {
        Utf8JsonWriter json = document.Json;
        WriteIfSet(json, "name", listener.Name);
        json.WriteString("protocol", ConfigText.Protocol(listener.Protocol));
        json.WriteNumber("port", listener.Port);
        WriteIfSet(json, "algorithm", listener.Algorithm == default ? null : ConfigText.Algorithm(listener.Algorithm));
        WriteIfSet(json, "stickiness", listener.Stickiness is TimeSpan time ? ConfigText.Duration(time) : null);
        WriteIfSet(json, "drain", listener.Drain == new ListenerConfig().Drain ? null : ConfigText.Duration(listener.Drain));
        WriteHealthCheck(json, listener.HealthCheck);
        document.Entries("backends", listener.Backends, WriteBackend);
    }

    private static void WriteBackend(Utf8JsonWriter json, BackendConfig backend)
    {
        json.WriteString("eni", backend.Eni);
        WriteIfSet(json, "privateIp", backend.PrivateIp?.ToString());
        json.WriteNumber("port", backend.Port);
        if (backend.Weight != BackendConfig.UsualWeight)
        {
            json.WriteNumber("weight", backend.Weight);
        }

        if (backend.Draining)
        {
            json.WriteBoolean("draining", true);
        }
    }
}
