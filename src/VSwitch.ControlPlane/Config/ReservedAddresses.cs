using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <summary>Addresses of a subnet that no guest can have.</summary>
public static class ReservedAddresses
{
    /// <summary>Decision 9: of an IPv4 range network, .1, .2 and broadcast; of an IPv6 range the subnet-router anycast address and the
    /// router's.</summary>
    public static bool Has(IpPrefix range, IpAddress address)
    {
        UInt128 offset = address.Bits - range.Network.Bits;
        return offset <= 1 || (!address.IsV6 && (offset == 2 || address == range.Last));
    }
}
