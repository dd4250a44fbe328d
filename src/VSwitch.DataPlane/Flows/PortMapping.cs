using VSwitch.Wire;

namespace VSwitch.DataPlane.Flows;

/// <summary>An inside address and port, and the ones that it is known by outside (a NAT gateway's, a load balancer's): one end of a
/// connection. Raw; the port of an ICMP query is its identifier. The default maps nothing.</summary>
/// <param name="InsideAddress">Private address: the one of the connection's key.</param>
/// <param name="InsidePort">Private port.</param>
/// <param name="OutsideAddress">Address in the packets on the other side.</param>
/// <param name="OutsidePort">Port in them.</param>
public readonly record struct PortMapping(uint InsideAddress, ushort InsidePort, uint OutsideAddress, ushort OutsidePort)
{
    /// <summary>True when it maps.</summary>
    public bool IsThere => OutsideAddress != 0;

    /// <summary>What the change of the address adds to the complement of a checksum. One's complement: the same for both ways but
    /// for the sign, so it is asked of the way that the packet goes.</summary>
    /// <param name="outward">From inside to outside.</param>
    public ushort AddressDelta(bool outward) => !IsThere ? (ushort)0
        : outward ? InternetChecksum.DeltaRaw(InsideAddress, OutsideAddress) : InternetChecksum.DeltaRaw(OutsideAddress, InsideAddress);

    /// <summary>The same of the port.</summary>
    /// <param name="outward">From inside to outside.</param>
    public ushort PortDelta(bool outward) => !IsThere || InsidePort == OutsidePort ? (ushort)0
        : outward ? InternetChecksum.DeltaRaw(InsidePort, OutsidePort) : InternetChecksum.DeltaRaw(OutsidePort, InsidePort);
}
