using VSwitch.DataPlane.Nat;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Wire;

namespace VSwitch.Live;

/// <summary>A NAT gateway and how full it is; read on any thread.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Vpc">Its VPC.</param>
/// <param name="Capacity">Connections at most.</param>
/// <param name="Connections">Connections that go out by it.</param>
/// <param name="Eips">Its EIPs.</param>
internal sealed record NatReading(string Name, string Vpc, int Capacity, int Connections, IReadOnlyList<NatEipReading> Eips)
{
    /// <summary>All gateways of the configuration in force.</summary>
    public static IReadOnlyList<NatReading> All(SwitchShared shared)
    {
        ForwardingSnapshot snapshot = shared.Snapshot;
        return [.. snapshot.NatGateways.Skip(1).Select(g => new NatReading(
            g.Name, snapshot.Vpcs[g.Vpc].Name, g.Capacity, shared.Nat.ConnectionsOf(g), [.. g.Eips.Select(i => Eip(shared.Nat, snapshot, i))]))];
    }

    private static NatEipReading Eip(NatTable table, ForwardingSnapshot snapshot, int index)
    {
        Eip eip = snapshot.EipAt(index);
        NatPool? pool = table.PoolOf(eip.Number);
        int InUse(int kind) => pool?.InUse(kind) ?? 0;
        return new NatEipReading(
            snapshot.EipNames[index], IpAddress.Read(BitConverter.GetBytes(eip.Address), isV6: false).ToString(), pool?.ConnectionCount ?? 0,
            InUse(NatTable.Tcp), InUse(NatTable.Udp), InUse(NatTable.Icmp), pool?.PortsRefused ?? 0, pool?.ConnectionsRefused ?? 0);
    }
}

/// <summary>An EIP of a NAT gateway.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">Its public address.</param>
/// <param name="Connections">Connections that go out by it.</param>
/// <param name="TcpPorts">Ports of TCP in use.</param>
/// <param name="UdpPorts">Ports of UDP in use.</param>
/// <param name="IcmpIdentifiers">Identifiers of ICMP queries in use.</param>
/// <param name="PortsRefused">Connections dropped as <c>nat-ports-exhausted</c> that this EIP was the first choice for.</param>
/// <param name="ConnectionsRefused">The same as <c>nat-connections-exhausted</c>.</param>
internal sealed record NatEipReading(
    string Name, string Address, int Connections, int TcpPorts, int UdpPorts, int IcmpIdentifiers, long PortsRefused, long ConnectionsRefused);
