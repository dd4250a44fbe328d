using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Routing;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Pipeline;

/// <content>6a. The question: may this sender send this packet here at all? Order of checks, sections 2.3 to 3. Asked of packets
/// that no connection vouches for.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    /// <param name="p">A parsed IP packet.</param>
    /// <param name="isRouted">True when it goes by the router, false within its subnet.</param>
    /// <param name="isLocal">True when it is for the router or the switch itself.</param>
    private DropReason CheckStateless<TAddress, TFamily>(PacketBuffer* p, out bool isRouted, out bool isLocal)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        isRouted = true;
        isLocal = false;
        Eni* eni = _snapshot.Enis + p->InPort;
        ulong target = *(ulong*)p->Data & MacMask;
        bool isGroup = (target & 1) != 0;
        if (IsOutside(p->InPort) && !isGroup && target != eni->Mac)
        {
            return DropReason.UnknownDestinationMac;
        }

        TAddress source = TFamily.Source(p);
        TAddress destination = TFamily.Destination(p);
        if (isGroup || TFamily.IsGroup(destination))
        {
            return DropReason.Multicast;
        }

        if (TFamily.IsMartian(source, destination))
        {
            return DropReason.MartianAddress;
        }

        DropReason reason = p->InPort == 0 ? CheckFromInternet<TAddress, TFamily>(source, destination, out isLocal)
            : IsOutside(p->InPort) ? CheckFromGateway<TAddress, TFamily>(p->InPort, source, destination, out isLocal)
            : CheckFromEni<TAddress, TFamily>(p->InPort, target, source, destination, out isRouted, out isLocal);
        bool isBalanced = typeof(TAddress) == typeof(uint) && reason == DropReason.None && !isLocal &&
            BalancerOf(p, Ip4Family.Destination(p)) != 0;
        return isBalanced ? CheckForBalancer(p, out isLocal) : reason;
    }

    private DropReason CheckFromEni<TAddress, TFamily>(
        int port, ulong targetMac, TAddress source, TAddress destination, out bool isRouted, out bool isLocal)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        Eni* eni = _snapshot.Enis + port;
        isLocal = false;
        isRouted = targetMac == _snapshot.GatewayMac;
        if (!TFamily.Owns(_snapshot, port, source) && !IsTransitSource<TAddress, TFamily>(eni, source))
        {
            return DropReason.SpoofedIp;
        }

        if (isRouted)
        {
            isLocal = TFamily.IsRouter(_snapshot, eni->Vpc, destination);
            return DropReason.None;
        }

        int peer = _snapshot.MacToPort.Lookup(targetMac, 0);
        if (peer == 0 || peer == port)
        {
            return DropReason.UnknownDestinationMac;
        }

        Eni* peerEni = _snapshot.Enis + peer;
        return peerEni->Vpc != eni->Vpc ? DropReason.VpcIsolation
            : peerEni->Subnet != eni->Subnet ? DropReason.UnknownDestinationMac
            : IsPeer<TAddress, TFamily>(port, peer, destination) ? DropReason.None
            : DropReason.NoRoute;
    }

    /// <summary>True when an ENI that routes may send it: any source but the switch's own public addresses.</summary>
    private bool IsTransitSource<TAddress, TFamily>(Eni* eni, TAddress source)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress> =>
        (eni->Flags & EniFlags.Transit) != 0 && TFamily.EipOf(_snapshot, source) == 0 && !TFamily.IsOwn(_internet, source);

    private DropReason CheckFromInternet<TAddress, TFamily>(TAddress source, TAddress destination, out bool isLocal)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        isLocal = TFamily.IsOwn(_internet, destination);
        if (isLocal)
        {
            return DropReason.None;
        }

        int vpc;
        if (typeof(TAddress) == typeof(uint))
        {
            Eip* eip = _snapshot.Eips + TFamily.EipOf(_snapshot, destination);
            if (eip->Nat != 0)
            {
                return CheckOutsideSource<TAddress, TFamily>(_snapshot.NatGateways[eip->Nat].Vpc, source);
            }

            vpc = eip->Vpc;
            if (!eip->IsBound)
            {
                return DropReason.EipUnbound;
            }
        }
        else
        {
            int target = PublicPortOf(Unsafe.As<TAddress, RawIp6>(ref destination));
            vpc = _snapshot.Enis[target].Vpc;
            if (target == 0 || !IsReachable<TAddress, TFamily>(target, source))
            {
                return DropReason.NoRoute;
            }
        }

        return CheckOutsideSource<TAddress, TFamily>(vpc, source);
    }

    /// <summary>True when the ENI's route table sends the outside address to the internet side.</summary>
    private bool IsReachable<TAddress, TFamily>(int port, TAddress outside)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        RouteTable routes = _snapshot.Subnets[_snapshot.Enis[port].Subnet].Routes;
        return TFamily.Route(routes, outside, out _) == RouteTarget.Internet;
    }

    /// <summary>An inside address cannot come from outside (order of checks, 3, from the internet, 3).</summary>
    private DropReason CheckOutsideSource<TAddress, TFamily>(int vpc, TAddress source)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        bool isInside = TFamily.Contains(_snapshot.Vpcs[vpc], source) || IsBehindPeering<TAddress, TFamily>(vpc, source) ||
            TFamily.EipOf(_snapshot, source) != 0 ||
            TFamily.IsOwn(_internet, source);
        return isInside ? DropReason.SpoofedIp : DropReason.None;
    }
}
