namespace VSwitch.ControlPlane.Config;

/// <content>NAT gateways.</content>
public static partial class ConfigReader
{
    private static NatGatewayConfig ReadNatGateway(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "a NAT gateway", errors);
        var gateway = new NatGatewayConfig
        {
            Name = map.Required("name"),
            Vpc = map.Required("vpc"),
            ConnectionCapacity = map.Value<int>(
                "size", NatGatewaySizes.Parse, $"small, medium, large or a number of connections from 1 to {NatGatewaySizes.Large}") ?? NatGatewaySizes.Small,
            Timeouts = map.Node("timeouts") is ConfigNode timeouts ? ReadNatTimeouts(timeouts, errors) : new NatTimeoutSettings(),
            Position = node.Position,
        };
        map.Finish();
        return gateway;
    }

    private static NatTimeoutSettings ReadNatTimeouts(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "timeouts of a NAT gateway", errors);
        var defaults = new NatTimeoutSettings();
        var timeouts = new NatTimeoutSettings
        {
            TcpEstablished = ReadTimeout(map, "tcpEstablished") ?? defaults.TcpEstablished,
            TcpTransient = ReadTimeout(map, "tcpTransient") ?? defaults.TcpTransient,
            Udp = ReadTimeout(map, "udp") ?? defaults.Udp,
            Icmp = ReadTimeout(map, "icmp") ?? defaults.Icmp,
        };
        map.Finish();
        return timeouts;
    }
}
