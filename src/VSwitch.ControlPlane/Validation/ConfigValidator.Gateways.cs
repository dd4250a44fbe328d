using System.Globalization;
using VSwitch.ControlPlane.Config;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Validation;

/// <content>Gateways, and the routes that lead to them.</content>
internal sealed partial class ConfigValidator
{
    private readonly Dictionary<string, GatewayConfig> _gateways = new(StringComparer.Ordinal);

    private void ValidateGateways()
    {
        Collect(_config.Gateways, g => g.Name, g => g.Position, "gateway", _gateways, g => g);
        var tunnels = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (GatewayConfig gateway in _config.Gateways)
        {
            if (gateway.Name == InternetPort || _enis.ContainsKey(gateway.Name))
            {
                _errors.Add(gateway.Position, $"gateway '{gateway.Name}' has the name of another port; rename one");
            }

            if (!_vpcs.TryGetValue(gateway.Vpc, out VpcConfig? vpc))
            {
                _errors.Add(gateway.Position, $"gateway '{gateway.Name}' names VPC '{gateway.Vpc}', which does not exist; add it or correct the name");
            }

            if (gateway.Mac.IsMulticast || gateway.Mac.Value == 0)
            {
                _errors.Add(gateway.Position, $"MAC {gateway.Mac} of gateway '{gateway.Name}' is not a unicast address; the first byte must be even");
            }

            ValidateLink(gateway, vpc);
            ValidateTunnel(gateway, tunnels);
        }

        foreach (RouteTableConfig table in _config.Vpcs.SelectMany(v => v.RouteTables))
        {
            ValidatePreferences(table);
        }
    }

    /// <summary>Addresses, next hops and neighbours of the link.</summary>
    private void ValidateLink(GatewayConfig gateway, VpcConfig? vpc)
    {
        if (gateway.Addresses.Count == 0 && !gateway.IsPointToPoint)
        {
            _errors.Add(gateway.Position, $"gateway '{gateway.Name}' has no 'addresses'; add its own on the link, like [169.254.100.1/30]");
        }

        foreach (IpPrefix address in gateway.Addresses.Where(a => vpc != null && vpc.Cidrs.Any(c => c.Overlaps(a))))
        {
            _errors.Add(gateway.Position, $"{address} of gateway '{gateway.Name}' overlaps VPC '{gateway.Vpc}', where local routes beat all others; choose a link outside it");
        }

        if (gateway.IsPointToPoint && (gateway.Routes.Count > 0 || gateway.Neighbors.Count > 0))
        {
            _errors.Add(gateway.Position, $"gateway '{gateway.Name}' is a GRE tunnel for IP packets: there is one other end, so it takes no 'routes' and no 'neighbors'; remove them or put 'ethernet: true' on it");
            return;
        }

        foreach (InternetRouteConfig route in gateway.Routes)
        {
            CheckNetwork(route.Destination, route.Position);
            if (route.NextHop.IsV6 != route.Destination.IsV6)
            {
                _errors.Add(route.Position, $"next hop {route.NextHop} is of another family than {route.Destination}");
            }
            else if (!gateway.Addresses.Any(a => a.Contains(route.NextHop)))
            {
                _errors.Add(route.Position, $"next hop {route.NextHop} is on none of the prefixes of gateway '{gateway.Name}'; add an address there");
            }
        }

        foreach (IpAddress address in gateway.Neighbors.Keys.Where(n => !gateway.Addresses.Any(a => a.Contains(n))))
        {
            _errors.Add(gateway.Position, $"neighbour {address} is on none of the prefixes of gateway '{gateway.Name}'; add an address there or remove it");
        }
    }

    private void ValidateTunnel(GatewayConfig gateway, Dictionary<string, string> tunnels)
    {
        IpAddress? local = gateway.Vxlan?.Local ?? gateway.Gre?.Local;
        IpAddress? remote = gateway.Vxlan?.Remote ?? gateway.Gre?.Remote;
        if (local is not IpAddress from || remote is not IpAddress to)
        {
            return;
        }

        if (_config.Internet is not InternetConfig internet)
        {
            _errors.Add(gateway.Position, $"the tunnel of gateway '{gateway.Name}' goes over the internet side, but there is no internet section; add one");
            return;
        }

        if (from.IsV6 || to.IsV6)
        {
            _errors.Add(gateway.Position, $"local and remote of gateway '{gateway.Name}' must be IPv4: tunnels go over IPv4, and carry both families");
            return;
        }

        if (!internet.Addresses.Any(a => a.Address == from))
        {
            _errors.Add(gateway.Position, $"local {from} of gateway '{gateway.Name}' is none of the internet side's own addresses; add it there or name one of them");
        }

        if (internet.Addresses.Any(a => a.Address == to) || _config.ElasticIps.Any(e => e.Address == to))
        {
            _errors.Add(gateway.Position, $"remote {to} of gateway '{gateway.Name}' is an address of this switch; name the other end's");
        }

        string what = gateway.Vxlan is VxlanConfig vxlan
            ? string.Create(CultureInfo.InvariantCulture, $"VXLAN {vxlan.Vni} from {from} port {vxlan.Port} to {to}")
            : string.Create(CultureInfo.InvariantCulture, $"GRE from {from} to {to} {(gateway.Gre!.Key is uint key ? $"with key {key}" : "without a key")}");
        if (!tunnels.TryAdd(what, gateway.Name))
        {
            _errors.Add(gateway.Position, $"gateway '{gateway.Name}' is the tunnel of gateway '{tunnels[what]}' too ({what}); change one");
        }
    }

    /// <summary>Devices that gateways share, and names of the ports that these are.</summary>
    private void ValidateSharedDevices()
    {
        var places = new Dictionary<(string Interface, int Vlan), string>();
        foreach (GatewayConfig gateway in _config.Gateways)
        {
            if (gateway.Vlan is int vlan && gateway.InterfaceName == null)
            {
                _errors.Add(gateway.Position, $"gateway '{gateway.Name}' has VLAN {vlan} but no interface or tap as its device; add one or remove the VLAN");
            }

            if (gateway.InterfaceName is not string name)
            {
                continue;
            }

            GatewayConfig first = _config.Gateways.First(g => g.InterfaceName == name);
            if (first.Device! with { Position = default } != gateway.Device! with { Position = default })
            {
                _errors.Add(gateway.Device!.Position, $"gateways '{first.Name}' and '{gateway.Name}' share interface '{name}'; write the same device at both");
            }

            if (!places.TryAdd((name, gateway.Vlan ?? 0), gateway.Name))
            {
                string what = gateway.Vlan is int taken ? string.Create(CultureInfo.InvariantCulture, $"VLAN {taken}") : "the frames without a VLAN";
                _errors.Add(gateway.Position, $"gateway '{places[(name, gateway.Vlan ?? 0)]}' has {what} of interface '{name}' already; choose another");
            }
        }

        foreach (string trunk in _config.Trunks.Where(t => t == InternetPort || _enis.ContainsKey(t) || _gateways.ContainsKey(t)))
        {
            GatewayConfig user = _config.Gateways.First(g => g.InterfaceName == trunk);
            _errors.Add(user.Device!.Position, $"interface '{trunk}' with VLANs is a port of that name, which another port has; rename one");
        }
    }

    /// <summary>A route to a gateway, of one VPC.</summary>
    private void ValidateGatewayRoute(VpcConfig vpc, RouteConfig route)
    {
        GatewayConfig? gateway = _config.Gateways.FirstOrDefault(g => g.Name == route.Gateway);
        if (gateway == null || gateway.Vpc != vpc.Name)
        {
            _errors.Add(route.Position, $"route target '{route.Target}' is not a gateway of VPC '{vpc.Name}'; correct the name");
        }
        else if (!gateway.IsPointToPoint && _config.DestinationsOf(route).FirstOrDefault(d => !gateway.Addresses.Any(a => a.IsV6 == d.IsV6)) is { Length: > 0 } lost)
        {
            _errors.Add(route.Position, $"a route for {lost} leads to gateway '{gateway.Name}', which has no {(lost.IsV6 ? "IPv6" : "IPv4")} address; add one");
        }
    }

    /// <summary>Weights and preferences mean something among routes to gateways only; static ones have no equals.</summary>
    private void ValidatePreferences(RouteTableConfig table)
    {
        var seen = new Dictionary<IpPrefix, RouteConfig>();
        var hops = new HashSet<(IpPrefix, string)>();
        foreach (RouteConfig route in table.Routes)
        {
            bool isPropagated = route.Preference == RoutePreference.Propagated;
            if (isPropagated && route.Gateway == null)
            {
                _errors.Add(route.Position, $"a route to '{route.Target}' is static; 'preference: propagated' is for routes to gateways");
            }

            if (!isPropagated && route.Weight != RouteConfig.UsualWeight)
            {
                _errors.Add(route.Position, "a 'weight' counts among propagated routes only; add 'preference: propagated' or remove it");
            }

            foreach (IpPrefix destination in _config.DestinationsOf(route))
            {
                if (route.Gateway != null && !hops.Add((destination, route.Target)))
                {
                    _errors.Add(route.Position, $"{destination} leads to '{route.Target}' twice in route table '{table.Name}'; remove one");
                }
                else if (!isPropagated && !seen.TryAdd(destination, route) && (route.Gateway ?? seen[destination].Gateway) != null)
                {
                    _errors.Add(route.Position, $"{destination} has two static routes in route table '{table.Name}'{_errors.Line(seen[destination].Position, "the other at ")}; several ways are for 'preference: propagated'");
                }
            }
        }
    }
}
