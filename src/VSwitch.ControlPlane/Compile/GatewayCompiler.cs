using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Routing;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Compile;

/// <summary>From gateways, the devices that they share, and the routes that lead to them, to what the data plane reads.</summary>
internal sealed unsafe class GatewayCompiler
{
    private const int DefaultMtuBytes = 1500;
    private readonly SwitchConfig _config;
    private readonly NumberDirectory _numbers;
    private readonly List<GatewayGroup> _groups = [];

    /// <summary>Gives every gateway and shared device its port number.</summary>
    public GatewayCompiler(SwitchConfig config, NumberDirectory numbers)
    {
        _config = config;
        _numbers = numbers;
        foreach (string port in PortNames)
        {
            numbers.PortOf(port);
        }
    }

    /// <summary>Names of the ports that gateways bring.</summary>
    public IEnumerable<string> PortNames => _config.Gateways.Select(g => g.Name).Concat(_config.Trunks);

    /// <summary>What routes lead to gateways.</summary>
    public GatewayGroup[] Groups => [.. _groups];

    /// <summary>Notes where the routes of one prefix lead.</summary>
    /// <param name="routes">Routes of one prefix to gateways, in their order of preference.</param>
    /// <returns>The number that the data plane's route has.</returns>
    /// <exception cref="InvalidOperationException">There are more than 16-bit numbers.</exception>
    public ushort NumberOf(IEnumerable<RouteConfig> routes)
    {
        if (_groups.Count > ushort.MaxValue)
        {
            throw new InvalidOperationException($"the switch takes {ushort.MaxValue + 1} routes to gateways; remove some");
        }

        _groups.Add(new GatewayGroup(
        [
            .. routes.Select(r => new GatewayHop(
                (ushort)_numbers.PortOf(r.Gateway!), (ushort)r.Weight, r.Preference == RoutePreference.Propagated)),
        ]));
        return (ushort)(_groups.Count - 1);
    }

    /// <summary>Gateways by port; empty when there is none.</summary>
    public Gateway?[] CompileGateways()
    {
        if (_config.Gateways.Count == 0)
        {
            return [];
        }

        var gateways = new Gateway?[_numbers.PortCount];
        foreach (GatewayConfig config in _config.Gateways)
        {
            Gateway gateway = Compile(config);
            gateways[gateway.Port] = gateway;
        }

        return gateways;
    }

    /// <summary>Shared devices by port; empty when there is no gateway.</summary>
    public VlanTrunk?[] CompileTrunks()
    {
        var trunks = new VlanTrunk?[_config.Gateways.Count == 0 ? 0 : _numbers.PortCount];
        foreach (GatewayConfig gateway in _config.Gateways.Where(_config.IsShared))
        {
            int trunk = _numbers.PortOf(gateway.InterfaceName!);
            trunks[trunk] ??= new VlanTrunk();
            trunks[trunk]!.Ports[gateway.Vlan ?? 0] = (ushort)_numbers.PortOf(gateway.Name);
        }

        return trunks;
    }

    /// <summary>Tunnels by what tells their packets apart.</summary>
    public static Dictionary<TunnelKey, Gateway> TunnelsOf(Gateway?[] gateways)
    {
        var tunnels = new Dictionary<TunnelKey, Gateway>();
        foreach (Gateway? gateway in gateways)
        {
            if (gateway is not { IsTunnel: true })
            {
                continue;
            }

            bool isVxlan = gateway.Link == GatewayLink.Vxlan;
            tunnels[TunnelKey.Of(gateway)] = gateway;
            tunnels[TunnelKey.OfEnds(isVxlan, gateway.Local, gateway.Remote)] = gateway;
            tunnels[isVxlan ? TunnelKey.OfVxlanListener(gateway.Local, gateway.UdpPort) : TunnelKey.OfGreListener(gateway.Local)] = gateway;
        }

        return tunnels;
    }

    /// <summary>Writes the ports of gateways and shared devices.</summary>
    /// <param name="snapshot">The snapshot; the internet side's port is written.</param>
    /// <param name="deviceMtu">MTU of a port's device by the port's name, bytes; null where there is none.</param>
    public void FillPorts(ForwardingSnapshot snapshot, Func<string, int?>? deviceMtu)
    {
        foreach (string trunk in _config.Trunks)
        {
            Eni* port = snapshot.Enis + _numbers.PortOf(trunk);
            port->Flags = EniFlags.Exists | EniFlags.Trunk | EniFlags.KeyedSlowly;
            port->Since = _numbers.PortSince(trunk);
            port->MtuBytes = (ushort)(deviceMtu?.Invoke(trunk) ?? DefaultMtuBytes);
        }

        foreach (GatewayConfig gateway in _config.Gateways)
        {
            Eni* port = snapshot.Enis + _numbers.PortOf(gateway.Name);
            port->Flags = EniFlags.Exists | EniFlags.Gateway | EniFlags.KeyedSlowly;
            port->Mac = Raw.Mac(gateway.Mac);
            port->Vpc = (ushort)_numbers.VpcOf(gateway.Vpc);
            port->Since = _numbers.PortSince(gateway.Name);
            port->MtuBytes = MtuOf(gateway, snapshot.Enis[0].MtuBytes, deviceMtu);
        }
    }

    private ushort MtuOf(GatewayConfig gateway, int internetBytes, Func<string, int?>? deviceMtu)
    {
        int usual = LinkOf(gateway) is GatewayLink link and >= GatewayLink.Vxlan
            ? internetBytes - Gateway.OverheadBytesOf(link, gateway.Gre?.Key != null)
            : deviceMtu?.Invoke(_config.IsShared(gateway) ? gateway.InterfaceName! : gateway.Name) ?? DefaultMtuBytes;
        return (ushort)Math.Clamp(gateway.Mtu ?? usual, 0, ushort.MaxValue);
    }

    private Gateway Compile(GatewayConfig config)
    {
        ushort port = (ushort)_numbers.PortOf(config.Name);
        GatewayLink link = LinkOf(config);
        IpAddress? local = config.Vxlan?.Local ?? config.Gre?.Local;
        IpAddress? remote = config.Vxlan?.Remote ?? config.Gre?.Remote;
        return new Gateway
        {
            Port = port,
            Side = SideCompiler.Compile(port, config.Addresses, config.Routes, config.Neighbors),
            Link = link,
            Carrier = link == GatewayLink.Vlan ? (ushort)_numbers.PortOf(config.InterfaceName!) : local != null ? (ushort)0 : port,
            Vlan = (ushort)(config.Vlan ?? 0),
            Local = local is IpAddress from ? Raw.Ip4(from) : 0,
            Remote = remote is IpAddress to ? Raw.Ip4(to) : 0,
            Id = (uint?)config.Vxlan?.Vni ?? config.Gre?.Key ?? 0,
            HasKey = config.Gre?.Key != null,
            UdpPort = (ushort)(config.Vxlan?.Port ?? 0),
        };
    }

    private GatewayLink LinkOf(GatewayConfig config) => config.Vxlan != null ? GatewayLink.Vxlan
        : config.Gre is GreConfig gre ? gre.Ethernet ? GatewayLink.GreTap : GatewayLink.Gre
        : _config.IsShared(config) ? GatewayLink.Vlan : GatewayLink.Device;
}
