using VSwitch.Wire;

namespace VSwitch.Testing.Captures;

/// <summary>Gives the ends of a capture's packets their hosts. A host is an address; where both ends of a packet have
/// the same one (127.0.0.1), each end is a host. An EUI-64 interface identifier is one host under all its prefixes.
/// Addresses that may belong to nobody (0/8, multicast, class E, ::) have no host and stay as they are.</summary>
public sealed class LabHosts(Func<IpAddress, bool>? isInside)
{
    private readonly Dictionary<string, LabHost> _byName = new(StringComparer.Ordinal);
    private readonly Dictionary<MacAddress, LabHost> _byMac = [];

    /// <summary>All, in the order of appearance.</summary>
    public IEnumerable<LabHost> All => _byName.Values.OrderBy(host => host.Number);

    /// <summary>The host of an address; null when it can belong to none.</summary>
    /// <param name="address">An address of the capture.</param>
    /// <param name="side">0 or 1 where both ends have the same address, else -1.</param>
    public LabHost? Of(IpAddress address, int side)
    {
        if (IsNobody(address))
        {
            return null;
        }

        string name = IsEui64(address) ? $"mac {Eui64Mac(address)}" : $"{address} {side}";
        return Named(name, isInside?.Invoke(address) ?? true);
    }

    /// <summary>The host that sent a frame without an address: the one that its MAC was seen with first.</summary>
    public LabHost OfMac(MacAddress mac) => _byMac.TryGetValue(mac, out LabHost? host) ? host : Named($"mac {mac}",
        true);

    /// <summary>Remembers who sends with a MAC; the first one counts.</summary>
    public void Saw(MacAddress mac, LabHost host) => _byMac.TryAdd(mac, host);

    private static bool IsNobody(IpAddress address)
    {
        if (address.IsV6)
        {
            return address.Bits == 0 || (byte)(address.Bits >> 120) == 0xFF;
        }

        return (byte)((uint)address.Bits >> 24) is 0 or >= 224;
    }

    private static bool IsEui64(IpAddress address) => address.IsV6 && ((ulong)address.Bits >> 24 & 0xFFFF) == 0xFFFE;

    /// <summary>The MAC that an EUI-64 interface identifier was made from (RFC 4291 appendix A).</summary>
    private static MacAddress Eui64Mac(IpAddress address)
    {
        ulong id = (ulong)address.Bits ^ 0x0200_0000_0000_0000;
        return new MacAddress((id >> 40 << 24) | (id & 0xFF_FFFF));
    }

    private LabHost Named(string name, bool inside)
    {
        if (!_byName.TryGetValue(name, out LabHost? host))
        {
            host = new LabHost(_byName.Count, inside);
            _byName.Add(name, host);
        }

        return host;
    }
}
