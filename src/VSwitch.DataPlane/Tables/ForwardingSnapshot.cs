using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Balancing;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Limits;
using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Probes;
using VSwitch.DataPlane.Routing;

namespace VSwitch.DataPlane.Tables;

/// <summary>Everything that the data plane knows of the configuration: immutable, compiled by the control plane, picked up by
/// every worker at a burst's edge. What the fast path touches is native memory; the rest is read on first packets.
/// The collector frees it once no worker holds it.</summary>
[SuppressMessage("Design", "CA1001", Justification = "Workers may still read it: only the collector knows when to free.")]
public sealed unsafe class ForwardingSnapshot
{
    private readonly HugeMemory _eniMemory;
    private readonly HugeMemory _ip6Memory;
    private readonly HugeMemory _eipMemory;

    /// <summary>Makes a snapshot with room for the given numbers; the compiler fills <see cref="Enis"/>,
    /// <see cref="Ip6Addresses"/>, <see cref="Eips"/> and <see cref="EipByAddress"/> before it publishes.</summary>
    /// <param name="portCount">Ports, the internet side (index 0) included.</param>
    /// <param name="ip6Count">IPv6 addresses of all ENIs.</param>
    /// <param name="eipCount">EIPs, the unused index 0 included.</param>
    public ForwardingSnapshot(int portCount, int ip6Count, int eipCount)
    {
        PortCount = portCount;
        EipCount = eipCount;
        _eniMemory = new HugeMemory((nuint)Math.Max(1, portCount) * Eni.SizeBytes);
        _ip6Memory = new HugeMemory((nuint)Math.Max(1, ip6Count) * (nuint)sizeof(RawIp6));
        _eipMemory = new HugeMemory((nuint)Math.Max(1, eipCount) * (nuint)sizeof(Eip));
        Enis = (Eni*)_eniMemory.Address;
        Ip6Addresses = (RawIp6*)_ip6Memory.Address;
        Eips = (Eip*)_eipMemory.Address;
        EipByAddress = new EipMap(eipCount);
    }

    /// <summary>Ports; also the length of <see cref="Enis"/>.</summary>
    public int PortCount { get; }

    /// <summary>EIPs, the unused index 0 included.</summary>
    public int EipCount { get; }

    /// <summary>Behind the highest meter of <see cref="Eips"/>.</summary>
    public int MeterEnd
    {
        get
        {
            int number = 0;
            for (int i = 1; i < EipCount; i++)
            {
                number = Math.Max(number, Eips[i].Number);
            }

            return Eip.OutMeterOf(number + 1);
        }
    }

    /// <summary>Ports by index; 0 is the internet side. Holes have no <see cref="EniFlags.Exists"/>.</summary>
    public Eni* Enis { get; }

    /// <summary>IPv6 addresses of all ENIs, each ENI's in a row.</summary>
    public RawIp6* Ip6Addresses { get; }

    /// <summary>EIPs by index, from 1.</summary>
    public Eip* Eips { get; }

    /// <summary>Grows with each compilation; tells what an older policy made.</summary>
    public uint Version { get; init; } = 1;

    /// <summary>Names of the ports, for people.</summary>
    public required string[] PortNames { get; init; }

    /// <summary>Names of the EIPs by index, for people; the first is nobody's.</summary>
    public string[] EipNames { get; init; } = [];

    /// <summary>NAT gateways by index, from 1; the first is nobody's.</summary>
    public NatGateway[] NatGateways { get; init; } = [NatGateway.None];

    /// <summary>NAT gateway by <see cref="Eip.Number"/> of an EIP: index into <see cref="NatGateways"/>, 0 = none.</summary>
    public ushort[] NatByEip { get; init; } = [];

    /// <summary>Host name of each port's guest, ASCII, for DHCP; empty = none.</summary>
    public byte[][] HostNames { get; init; } = [];

    /// <summary>Raw MAC (low 48 bits) to port.</summary>
    public required NativeMap MacToPort { get; init; }

    /// <summary><see cref="Ip4Key"/> to port.</summary>
    public required NativeMap Ip4ToPort { get; init; }

    /// <summary>VPC and IPv6 address to port: hash of both (<see cref="Ip6Key"/>); the finder compares the address.</summary>
    public required NativeMap Ip6ToPort { get; init; }

    /// <summary>Raw EIP address to index into <see cref="Eips"/>; bound and unbound ones.</summary>
    public EipMap EipByAddress { get; }

    /// <summary>Lowest EIP as a number in host order; above <see cref="HighestEip"/> when there is none.</summary>
    public uint LowestEip { get; init; } = uint.MaxValue;

    /// <summary>Highest EIP as a number in host order.</summary>
    public uint HighestEip { get; init; }

    /// <summary>Subnets.</summary>
    public required Subnet[] Subnets { get; init; }

    /// <summary>Peerings; those that are gone and that a route still names are the last.</summary>
    public Peering[] Peerings { get; init; } = [];

    /// <summary>VPCs by index, from 1; index 0 is the public space. The spaces of peerings are among them.</summary>
    public required Vpc[] Vpcs { get; init; }

    /// <summary>Compiled rules.</summary>
    public required SecurityGroupTable SecurityGroups { get; init; }

    /// <summary>Compiled network ACLs.</summary>
    public NetworkAclTable NetworkAcls { get; init; } = NetworkAclTable.Empty;

    /// <summary>Load balancers.</summary>
    public BalancerTable Balancers { get; init; } = BalancerTable.Empty;

    /// <summary>The public side; without an <c>internet</c> section one with no address and no route.</summary>
    public required InternetSide Internet { get; init; }

    /// <summary>Gateways by port; null for what is none. Empty when there is no gateway.</summary>
    public Gateway?[] Gateways { get; init; } = [];

    /// <summary>Shared devices by port; null for what is none. Empty when there is no gateway.</summary>
    public VlanTrunk?[] Trunks { get; init; } = [];

    /// <summary>What routes lead to gateways, by the number that the routes have.</summary>
    public GatewayGroup[] GatewayGroups { get; init; } = [];

    /// <summary>Tunnels by what their packets carry, and (<see cref="TunnelKey.Any"/>) by less than that.</summary>
    public Dictionary<TunnelKey, Gateway> Tunnels { get; init; } = [];

    /// <summary>Raw MAC that every subnet's router answers with.</summary>
    public required ulong GatewayMac { get; init; }

    /// <summary>The router's EUI-64 link-local address, low half raw.</summary>
    public required ulong GatewayLinkLocalLow { get; init; }

    /// <summary>Idle times of connections.</summary>
    public required ConnectionTimeouts Timeouts { get; init; }

    /// <summary>Rates of the token buckets of all <see cref="Eips"/>, both ways; 0 = no cap.</summary>
    public required BucketRate[] BucketRates { get; init; }

    /// <summary>Rates of the token buckets of all ENIs (<see cref="Eni.BitsBucketOf"/>); 0 = no limit.</summary>
    public BucketRate[] PortRates { get; init; } = [];

    /// <summary>Thresholds by index into <see cref="Eips"/>; empty when no EIP is protected.</summary>
    public EipProtection[] Protections { get; init; } = [];

    /// <summary>Health checks by number; empty when there is none, else index 0 and holes have no port.</summary>
    public ProbeTarget[] Probes { get; init; } = [];

    /// <summary>Names of the health checks by number, for people.</summary>
    public string[] ProbeNames { get; init; } = [];

    /// <summary><see cref="ProbeKey"/> to the number of the first ARP check of that address.</summary>
    public NativeMap? ArpProbes { get; init; }

    /// <summary>Key of an address behind a port (raw address).</summary>
    public static ulong ProbeKey(int port, uint raw) => ((ulong)(uint)port << 32) | raw;

    /// <summary>How frames are spread over the queues, by port; null, or no place, where each worker has a queue of its own.</summary>
    public EniSpread?[] Spreads { get; init; } = [];

    /// <summary>A copy of an EIP.</summary>
    /// <param name="index">Its place in this snapshot, from 1.</param>
    public Eip EipAt(int index) => Eips[index];

    /// <summary>True when there is such a port.</summary>
    public bool HasPort(int port) => port < PortCount && (Enis[port].Flags & EniFlags.Exists) != 0;

    /// <summary>Version of the snapshot in which a port's ENI appeared or was attached or detached last; 0 for the internet side and for
    /// holes.</summary>
    public uint PortSince(int port) => Enis[port].Since;

    /// <summary>Key of an IPv4 address in a VPC (raw address).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Ip4Key(int vpc, uint raw) => ((ulong)(uint)vpc << 32) | raw;

    /// <summary>Port that holds an IPv4 address in a VPC, 0 = none.</summary>
    public int PortOf(int vpc, uint raw) => Ip4ToPort.Lookup(Ip4Key(vpc, raw), 0);

    /// <summary>Port that holds an IPv6 address in a VPC, 0 = none.</summary>
    public int PortOf(int vpc, RawIp6 raw)
    {
        // The map's key is a hash of 17 bytes; two addresses of one configuration that share it are told apart by a probe
        // sequence: the compiler stores the k-th address with the same hash under hash + k.
        for (ulong key = Ip6Key(vpc, raw); ; key++)
        {
            int port = Ip6ToPort.Lookup(key, 0);
            if (port == 0 || (Enis[port].Vpc == vpc && Holds(port, raw)))
            {
                return port;
            }
        }
    }

    /// <summary>Hash of a VPC and an IPv6 address.</summary>
    public static ulong Ip6Key(int vpc, RawIp6 raw)
    {
        ulong high = Math.BigMul(raw.First ^ 0x9E37_79B9_7F4A_7C15UL, raw.Second ^ 0xD6E8_FEB8_6659_FD93UL, out ulong low);
        return (high ^ low) + ((ulong)(uint)vpc << 48);
    }

    /// <summary>True when the ENI has the IPv6 address.</summary>
    public bool Holds(int port, RawIp6 raw)
    {
        Eni* eni = Enis + port;
        for (int i = 0; i < eni->Ip6Count; i++)
        {
            if (Ip6Addresses[eni->Ip6First + i] == raw)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Index of an IPv4 address among the ENI's, -1 = not its.</summary>
    public int SlotOf(int port, uint raw)
    {
        Eni* eni = Enis + port;
        for (int i = 0; i < eni->Ip4Count; i++)
        {
            if (eni->Ip4[i] == raw)
            {
                return i;
            }
        }

        return -1;
    }
}
