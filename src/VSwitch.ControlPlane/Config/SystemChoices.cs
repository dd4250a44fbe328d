using System.Security.Cryptography;
using System.Text;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <summary>The question: which private addresses and MACs does the system choose where the configuration leaves them to it? An address is
/// the lowest one of the subnet that is neither reserved nor in use; a MAC is made of the ENI's name, so that it is the same after a
/// restart, too. What an ENI of that name has in force it keeps, as long as nobody asks for the very same by hand.</summary>
public static class SystemChoices
{
    /// <summary>Chooses what is left to the system.</summary>
    /// <param name="config">The configuration, perhaps with choices to make.</param>
    /// <param name="inForce">What is in force; null when nothing is.</param>
    /// <returns>The same configuration where there is nothing to choose.</returns>
    /// <exception cref="InvalidOperationException">A subnet has no free address left.</exception>
    public static SwitchConfig Fill(SwitchConfig config, SwitchConfig? inForce)
    {
        var errors = new ConfigErrors("", hasPlaces: false);
        SwitchConfig filled = Fill(config, inForce, errors);
        return errors.Count == 0 ? filled : throw new InvalidOperationException(errors.Sorted()[0].Message);
    }

    /// <summary>Some of the lowest free addresses of an ENI's subnet: IPv4 ones, or IPv6 ones where the subnet has no IPv4 range.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="eni">The ENI.</param>
    /// <param name="count">How many.</param>
    /// <exception cref="InvalidOperationException">The subnet has not so many.</exception>
    public static IReadOnlyList<IpAddress> FreeAddresses(SwitchConfig config, EniConfig eni, int count)
    {
        var errors = new ConfigErrors("", hasPlaces: false);
        var pool = new AddressPool(config, errors);
        List<IpAddress> chosen = [];
        while (chosen.Count < count && pool.Take(eni) is IpAddress address)
        {
            chosen.Add(address);
        }

        return errors.Count == 0 ? chosen : throw new InvalidOperationException(errors.Sorted()[0].Message);
    }

    internal static SwitchConfig Fill(SwitchConfig config, SwitchConfig? inForce, ConfigErrors errors)
    {
        if (!config.Enis.Any(IsOpen))
        {
            return config;
        }

        Dictionary<string, EniConfig> before = (inForce?.Enis ?? []).ToDictionary(e => e.Name, StringComparer.Ordinal);
        EniConfig[] enis = [.. config.Enis];
        var macs = new HashSet<MacAddress>(enis.Where(e => !e.IsMacChosen).Select(e => e.Mac)) { config.Switch.GatewayMac };
        macs.Add((config.Internet ?? new InternetConfig()).Mac);
        var pool = new AddressPool(config with { Enis = [.. enis.Where(e => e.ChosenIps == null)] }, errors);
        for (int i = 0; i < enis.Length; i++)
        {
            enis[i] = KeepOf(enis[i], before.GetValueOrDefault(enis[i].Name), pool, macs);
        }

        for (int i = 0; i < enis.Length; i++)
        {
            enis[i] = Choose(enis[i], pool, macs);
        }

        return config with { Enis = enis };
    }

    private static bool IsOpen(EniConfig eni) => eni.ChosenIps != null || eni.IsMacChosen;

    private static EniConfig KeepOf(EniConfig eni, EniConfig? was, AddressPool pool, HashSet<MacAddress> macs)
    {
        if (eni.ChosenIps is int count)
        {
            IEnumerable<IpAddress> kept = was != null && was.Subnet == eni.Subnet ? was.PrivateIps.Take(count) : [];
            eni = eni with { PrivateIps = [.. kept.Where(a => pool.TryTake(eni, a))] };
        }

        return eni.IsMacChosen ? eni with { Mac = was != null && macs.Add(was.Mac) ? was.Mac : default } : eni;
    }

    private static EniConfig Choose(EniConfig eni, AddressPool pool, HashSet<MacAddress> macs)
    {
        if (eni.ChosenIps is int count && eni.PrivateIps.Count < count)
        {
            List<IpAddress> addresses = [.. eni.PrivateIps];
            while (addresses.Count < count && pool.Take(eni) is IpAddress address)
            {
                addresses.Add(address);
            }

            eni = eni with { PrivateIps = addresses };
        }

        return eni.IsMacChosen && eni.Mac.Value == 0 ? eni with { Mac = MacOf(eni.Name, macs) } : eni;
    }

    /// <summary>Locally administered, unicast: 02, then what comes of the name.</summary>
    private static MacAddress MacOf(string name, HashSet<MacAddress> taken)
    {
        for (int attempt = 0; ; attempt++)
        {
            byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(attempt == 0 ? name : $"{name} {attempt}"));
            ulong value = 0x02;
            for (int i = 0; i < 5; i++)
            {
                value = (value << 8) | hash[i];
            }

            var mac = new MacAddress(value);
            if (taken.Add(mac))
            {
                return mac;
            }
        }
    }

    /// <summary>Which addresses are free; looks at each address of a subnet once, however many are chosen.</summary>
    private sealed class AddressPool
    {
        private readonly Dictionary<string, (string Vpc, IpPrefix? Range)> _subnets = new(StringComparer.Ordinal);
        private readonly Dictionary<string, UInt128> _next = new(StringComparer.Ordinal);
        private readonly HashSet<(string Vpc, IpAddress)> _used;
        private readonly ConfigErrors _errors;

        public AddressPool(SwitchConfig config, ConfigErrors errors)
        {
            _errors = errors;
            foreach (VpcConfig vpc in config.Vpcs)
            {
                foreach (SubnetConfig subnet in vpc.Subnets)
                {
                    IpPrefix? range = subnet.Cidrs.OrderBy(c => c.IsV6).Select(c => (IpPrefix?)c).FirstOrDefault();
                    _subnets.TryAdd(subnet.Name, (vpc.Name, range));
                }
            }

            _used = AddressesInUse(config);
        }

        /// <summary>True when nobody has the address; it is taken then.</summary>
        public bool TryTake(EniConfig eni, IpAddress address) =>
            _subnets.TryGetValue(eni.Subnet, out (string Vpc, IpPrefix?) home) && _used.Add((home.Vpc, address));

        /// <summary>The lowest free address; null, and an error, when there is none. A subnet that does not exist is the validator's.
        /// </summary>
        public IpAddress? Take(EniConfig eni)
        {
            if (!_subnets.TryGetValue(eni.Subnet, out (string Vpc, IpPrefix? Range) home) || home.Range is not IpPrefix range)
            {
                return null;
            }

            UInt128 most = range.Last.Bits - range.Network.Bits;
            for (UInt128 offset = _next.GetValueOrDefault(eni.Subnet); offset <= most; offset++)
            {
                IpAddress address = range.Network with { Bits = range.Network.Bits + offset };
                if (!ReservedAddresses.Has(range, address) && _used.Add((home.Vpc, address)))
                {
                    _next[eni.Subnet] = offset + 1;
                    return address;
                }
            }

            _errors.Add(eni.Position, $"subnet '{eni.Subnet}' has no free address in {range} for ENI '{eni.Name}'; use a larger subnet or release addresses");
            return null;
        }

        private static HashSet<(string Vpc, IpAddress)> AddressesInUse(SwitchConfig config)
        {
            var vpcs = config.Vpcs.SelectMany(v => v.Subnets.Select(s => (s.Name, Vpc: v.Name))).DistinctBy(s => s.Name)
                .ToDictionary(s => s.Name, s => s.Vpc, StringComparer.Ordinal);
            return
            [
                .. config.Enis.Where(e => vpcs.ContainsKey(e.Subnet)).SelectMany(e => e.PrivateIps.Select(a => (vpcs[e.Subnet], a))),
                .. config.LoadBalancers.Where(b => vpcs.ContainsKey(b.Subnet)).Select(b => (vpcs[b.Subnet], b.Address)),
            ];
        }
    }
}
