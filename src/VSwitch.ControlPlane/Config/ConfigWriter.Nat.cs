using System.Text.Json;

namespace VSwitch.ControlPlane.Config;

/// <content>NAT gateways.</content>
public static partial class ConfigWriter
{
    private static void WriteNatGateway(Utf8JsonWriter json, NatGatewayConfig gateway)
    {
        json.WriteString("name", gateway.Name);
        json.WriteString("vpc", gateway.Vpc);
        WriteIfSet(json, "size", gateway.ConnectionCapacity == NatGatewaySizes.Small ? null : NatGatewaySizes.Word(gateway.ConnectionCapacity));
        var defaults = new NatTimeoutSettings();
        if (gateway.Timeouts == defaults)
        {
            return;
        }

        json.WriteStartObject("timeouts");
        Write("tcpEstablished", t => t.TcpEstablished);
        Write("tcpTransient", t => t.TcpTransient);
        Write("udp", t => t.Udp);
        Write("icmp", t => t.Icmp);
        json.WriteEndObject();

        void Write(string key, Func<NatTimeoutSettings, TimeSpan> of) =>
            WriteIfSet(json, key, of(gateway.Timeouts) == of(defaults) ? null : ConfigText.Duration(of(gateway.Timeouts)));
    }
}
