using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Nat;
using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Routing;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Pipeline;

/// <content>6c. The question: do rules and routes allow this connection, and by which way does it go? Asked of a connection's
/// opener: on its first packet, and again when the policy has changed.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    /// <summary>A connection as its opener began it. Addresses are those of the key: private ones inside, the remote one as it
    /// is, both EIPs in a hairpin.</summary>
    private struct Opening<TAddress>
    {
        public int Port;
        public int Space;
        public TAddress Source;
        public TAddress Destination;
        public byte Protocol;
        public ushort Selector;

        /// <summary>Destination as the opener sends it, which its own rules see: not <see cref="Destination"/> where a load balancer is
        /// between.</summary>
        public TAddress Sent;

        /// <summary><see cref="Selector"/> of what the opener sends.</summary>
        public ushort SentSelector;

        /// <summary>The backend of a load balancer's client, and the listener that the client knows it by.</summary>
        public PortMapping Balanced;

        /// <summary>The opener's port of the key, raw.</summary>
        public ushort SourcePort;
        public bool IsHairpin;
        public bool IsRouted;
        public byte Ttl;

        /// <summary>Within a subnet: the port whose MAC the packet names; 0 when routed.</summary>
        public int Peer;

        /// <summary>What rules look at in a reply.</summary>
        public ushort ReplySelector;

        /// <summary>A first packet: a network ACL's denial ends it. A known connection's directions are judged apart.</summary>
        public bool AsksAcl;

        /// <summary>A next hop whose MAC is not known is asked for it: the packet at hand needs it.</summary>
        public bool AsksNeighbor;

        /// <summary>The rule that stays good without being asked (<c>liveConnections: keep</c>), or NoRule.</summary>
        public int KeptEgressRule;

        /// <summary>The same for the ingress rule, as long as the receiver is <see cref="KeptReceiver"/>.</summary>
        public int KeptIngressRule;

        /// <summary>Port that the connection reached when it was looked at last.</summary>
        public int KeptReceiver;

        /// <summary>The opener's endpoint as NAT gateways know it (<see cref="NatTable.InsideOf"/>); IPv4 only.</summary>
        public ulong Inside;

        /// <summary>It is a connection that there is, and not a first packet: it gets no other public port.</summary>
        public bool IsKnown;

        /// <summary>Of a known connection that has a NAT gateway's port: which.</summary>
        public PortMapping Mapping;

        /// <summary><see cref="Eip.Number"/> of the EIP of <see cref="Mapping"/>.</summary>
        public int MappingEip;
    }

    /// <summary>What policy decided.</summary>
    private struct Decision
    {
        public int OutPort;
        public int SourceEip;
        public int DestinationEip;

        /// <summary>Of a translation that is not an EIP's own pair of addresses: what the opener is known by at the other end.</summary>
        public PortMapping SourceMapping;

        /// <summary>The same of the other end: what the opener knows it by.</summary>
        public PortMapping DestinationMapping;
        public int EgressRule;
        public int IngressRule;
        public ulong NextMac;

        /// <summary>NAT gateway that the opener goes out by; 0 = none.</summary>
        public int Nat;

        /// <summary>The opener's address as an ENI behind an EIP sees it, where that is a NAT gateway's; else 0.</summary>
        public uint SeenSource;

        /// <summary>The opener would be known by another address or port than so far.</summary>
        public bool IsElsewhere;

        /// <summary>The connection's backend takes nothing more from its listener: the client may be given another one.</summary>
        public bool IsBackendGone;

        /// <summary>A network ACL denies the opener's direction.</summary>
        public bool IsForwardDenied;

        /// <summary>A network ACL denies the replies' direction.</summary>
        public bool IsReplyDenied;

        /// <summary>Replies have no route back through the peering.</summary>
        public bool IsReplyUnrouted;
    }

    /// <summary>Order of checks, section 4, miss, 2 to 6.</summary>
    private DropReason Decide<TAddress, TFamily>(in Opening<TAddress> opening, out Decision decision)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        decision = new Decision
        {
            EgressRule = SecurityGroupTable.NoRule,
            IngressRule = SecurityGroupTable.NoRule,
            SourceMapping = default,
            DestinationMapping = default,
        };
        DropReason reason = opening.Port == 0 ? DecideFromInternet<TAddress, TFamily>(opening, ref decision)
            : IsOutside(opening.Port) ? DecideFromGateway<TAddress, TFamily>(opening, ref decision)
            : DecideFromEni<TAddress, TFamily>(opening, ref decision);
        if (reason != DropReason.None)
        {
            return reason;
        }

        TAddress nextHop = default;
        bool isOutbound = IsOutside(decision.OutPort);
        if (isOutbound && !TryNextHop<TAddress, TFamily>(decision.OutPort, opening.Destination, out nextHop))
        {
            return DropReason.NoRoute;
        }

        if (opening.IsRouted && opening.Ttl <= 1)
        {
            return DropReason.TtlExpired;
        }

        if (isOutbound)
        {
            return decision.OutPort == 0
                ? ResolveNeighbor<TAddress, TFamily>(0, nextHop, opening.AsksNeighbor, ref decision)
                : ResolveAtGateway<TAddress, TFamily>(nextHop, opening.AsksNeighbor, ref decision);
        }

        if ((_snapshot.Enis[decision.OutPort].Flags & EniFlags.Detached) != 0)
        {
            return DropReason.PortDown;
        }

        TAddress seen = AsSeen(opening, decision).Source;
        if (opening.AsksAcl && IsDenied<TAddress, TFamily>(
            false, decision.OutPort, seen, opening.Protocol, opening.Selector, ""))
        {
            return DropReason.NetworkAcl;
        }

        bool isKept = opening.KeptIngressRule != SecurityGroupTable.NoRule && opening.KeptReceiver == decision.OutPort;
        decision.IngressRule = isKept ? opening.KeptIngressRule : TFamily.Match(
            _snapshot.SecurityGroups, _snapshot.Enis[decision.OutPort].IngressRules, opening.Protocol, seen, opening.Selector);
        if (_tracer.IsEnabled)
        {
            TraceRule(PipelineStage.SecurityGroupIngress, decision.OutPort, decision.IngressRule, isKept);
        }

        return decision.IngressRule == SecurityGroupTable.NoRule ? DropReason.SecurityGroupIngress : DropReason.None;
    }

    private DropReason DecideFromEni<TAddress, TFamily>(in Opening<TAddress> opening, ref Decision decision)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        Eni* eni = _snapshot.Enis + opening.Port;
        bool isKept = opening.KeptEgressRule != SecurityGroupTable.NoRule;
        decision.EgressRule = isKept ? opening.KeptEgressRule : TFamily.Match(
            _snapshot.SecurityGroups, eni->EgressRules, opening.Protocol, opening.Sent, opening.SentSelector);
        if (_tracer.IsEnabled)
        {
            TraceRule(PipelineStage.SecurityGroupEgress, opening.Port, decision.EgressRule, isKept);
        }

        if (decision.EgressRule == SecurityGroupTable.NoRule)
        {
            return DropReason.SecurityGroupEgress;
        }

        if (opening.AsksAcl && IsDenied<TAddress, TFamily>(
            true, opening.Port, opening.Sent, opening.Protocol, opening.SentSelector, ""))
        {
            return DropReason.NetworkAcl;
        }

        return opening.Balanced.IsThere ? DecideBalanced<TAddress, TFamily>(opening, ref decision)
            : opening.IsRouted ? DecideRoute<TAddress, TFamily>(opening, ref decision)
            : DecidePeer<TAddress, TFamily>(opening, ref decision);
    }

    /// <summary>Within a subnet the MAC says who receives it.</summary>
    private DropReason DecidePeer<TAddress, TFamily>(in Opening<TAddress> opening, ref Decision decision)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        decision.OutPort = opening.Peer;
        return IsPeer<TAddress, TFamily>(opening.Port, opening.Peer, opening.Destination) ? DropReason.None : DropReason.NoRoute;
    }

    /// <summary>True when an ENI of the same subnet takes what is for the address.</summary>
    private bool IsPeer<TAddress, TFamily>(int port, int peer, TAddress destination)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        Eni* own = _snapshot.Enis + port;
        Eni* other = _snapshot.Enis + peer;
        return peer != 0 && peer < _snapshot.PortCount && (other->Flags & EniFlags.Exists) != 0 && other->Subnet == own->Subnet &&
            ((other->Flags & EniFlags.Transit) != 0 || TFamily.PortOf(_snapshot, own->Vpc, destination) == peer);
    }

    private DropReason DecideRoute<TAddress, TFamily>(in Opening<TAddress> opening, ref Decision decision)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        Eni* eni = _snapshot.Enis + opening.Port;
        if (!opening.IsHairpin && TFamily.Contains(_snapshot.Vpcs[eni->Vpc], opening.Destination))
        {
            decision.OutPort = TFamily.PortOf(_snapshot, eni->Vpc, opening.Destination);
            return decision.OutPort == 0 ? DropReason.NoRoute : DropReason.None;
        }

        RouteTarget target = TFamily.Route(_snapshot.Subnets[eni->Subnet].Routes, opening.Destination, out ushort port);
        if (target == RouteTarget.Gateway)
        {
            // What is beyond a gateway is no VPC of this switch, whatever addresses it has.
            decision.OutPort = ChooseGateway(opening, port);
            return DropReason.None;
        }

        if (target == RouteTarget.Peering)
        {
            return DecidePeering<TAddress, TFamily>(opening, port, ref decision);
        }

        DropReason isolation = IsolationOf<TAddress, TFamily>(eni->Vpc, opening.Destination);
        if (isolation != DropReason.None)
        {
            return isolation;
        }

        if (target == RouteTarget.Eni)
        {
            decision.OutPort = port;
        }

        return target switch
        {
            RouteTarget.Internet => DecideTranslation<TAddress, TFamily>(opening, ref decision),
            RouteTarget.Eni => DropReason.None,

            // To an EIP of this switch the sender's own EIP goes first (semantics.md section 7, hairpin).
            RouteTarget.Nat when opening.IsHairpin => DecideTranslation<TAddress, TFamily>(opening, ref decision),
            RouteTarget.Nat => DecideNat(opening, port, TFamily.EipOf(_snapshot, opening.Destination), ref decision),
            _ => DropReason.NoRoute,
        };
    }

    /// <summary>The connection as the other end sees its opener.</summary>
    private static Opening<TAddress> AsSeen<TAddress>(in Opening<TAddress> opening, in Decision decision)
    {
        Opening<TAddress> seen = opening;
        if (typeof(TAddress) == typeof(uint) && decision.SeenSource != 0)
        {
            seen.Source = Unsafe.As<uint, TAddress>(ref Unsafe.AsRef(in decision.SeenSource));
        }

        return seen;
    }

    /// <summary>The opener's endpoint in the words of <see cref="NatTable"/>.</summary>
    private static ulong InsideOf<TAddress>(in Opening<TAddress> opening, ulong keyHigh, bool openerSwapped) =>
        typeof(TAddress) != typeof(uint) ? 0 : NatTable.InsideOf(
            Unsafe.As<TAddress, uint>(ref Unsafe.AsRef(in opening.Source)), (ushort)(openerSwapped ? keyHigh >> 16 : keyHigh), opening.Space);

    private DropReason DecideTranslation<TAddress, TFamily>(in Opening<TAddress> opening, ref Decision decision)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        if (typeof(TAddress) != typeof(uint))
        {
            return DropReason.None;
        }

        Eip* eips = _snapshot.Eips;
        if (opening.IsHairpin)
        {
            decision.SourceEip = TFamily.EipOf(_snapshot, opening.Source);
            decision.DestinationEip = TFamily.EipOf(_snapshot, opening.Destination);
            decision.OutPort = eips[decision.DestinationEip].Port;
            return eips[decision.SourceEip].Port == opening.Port && decision.OutPort != 0
                ? DropReason.None : DropReason.EipUnbound;
        }

        decision.SourceEip = TFamily.EipOfPrivate(_snapshot, opening.Port, opening.Source);
        bool toOwnEip = TFamily.EipOf(_snapshot, opening.Destination) != 0;
        return decision.SourceEip == 0 || toOwnEip ? DropReason.EipUnbound : DropReason.None;
    }

    private DropReason DecideFromInternet<TAddress, TFamily>(in Opening<TAddress> opening, ref Decision decision)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        if (opening.Balanced.IsThere)
        {
            return DecideBalanced<TAddress, TFamily>(opening, ref decision);
        }

        decision.OutPort = TFamily.PortOf(_snapshot, opening.Space, opening.Destination);
        if (typeof(TAddress) == typeof(uint))
        {
            decision.DestinationEip = TFamily.EipOfPrivate(_snapshot, decision.OutPort, opening.Destination);
            if (decision.DestinationEip == 0)
            {
                return DropReason.EipUnbound;
            }
        }
        else if (decision.OutPort == 0 || !IsReachable<TAddress, TFamily>(decision.OutPort, opening.Source))
        {
            return DropReason.NoRoute;
        }

        return CheckOutsideSource<TAddress, TFamily>(_snapshot.Enis[decision.OutPort].Vpc, opening.Source);
    }

    private DropReason ResolveNeighbor<TAddress, TFamily>(int port, TAddress nextHop, bool isAsked, ref Decision decision)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        decision.NextMac = TFamily.Neighbor(SideOf(port), _shared.Neighbors, nextHop);
        if (decision.NextMac != 0)
        {
            return DropReason.None;
        }

        if (isAsked && typeof(TAddress) == typeof(uint))
        {
            AskNeighbor(Unsafe.As<TAddress, uint>(ref nextHop), port);
        }
        else if (isAsked)
        {
            AskNeighbor(Unsafe.As<TAddress, RawIp6>(ref nextHop), port);
        }

        return DropReason.NeighborUnresolved;
    }

    /// <summary>The two actions of a connection: its opener's packets, and the replies.</summary>
    private void MakeActions(
        in Decision d, int openerPort, bool isRouted, bool isReplyRouted, ulong replyMac,
        out FlowAction forward, out FlowAction reply)
    {
        forward = MakeAction(openerPort, d.OutPort, isRouted, d.NextMac, d.SourceEip, d.DestinationEip);
        reply = MakeAction(d.OutPort, openerPort, isReplyRouted, replyMac, d.DestinationEip, d.SourceEip);
        if (d.SourceMapping.IsThere || d.DestinationMapping.IsThere)
        {
            MapPorts(ref forward, d.SourceMapping, d.DestinationMapping);
            MapPorts(ref reply, d.DestinationMapping, d.SourceMapping);
        }

        forward.Generation = d.IsForwardDenied ? FlowAction.Denied : _generation;
        reply.Generation = d.IsReplyUnrouted ? FlowAction.Unrouted : d.IsReplyDenied ? FlowAction.Denied : _generation;
    }

    private FlowAction MakeAction(int inPort, int outPort, bool isRouted, ulong nextMac, int sourceEip, int destinationEip)
    {
        Eni* from = _snapshot.Enis + inPort;
        Eni* to = _snapshot.Enis + outPort;
        Eip* source = _snapshot.Eips + sourceEip;
        Eip* destination = _snapshot.Eips + destinationEip;
        ulong destinationMac = IsOutside(outPort) ? nextMac : to->Mac;
        ulong sourceMac = !isRouted ? from->Mac : IsOutside(outPort) ? to->Mac : _snapshot.GatewayMac;
        var action = new FlowAction
        {
            Arrival = FlowAction.ArrivalOf(IsOutside(inPort) ? from->Mac : isRouted ? _snapshot.GatewayMac : to->Mac, inPort),
            MacBytes = destinationMac | (sourceMac << 48),
            MacBytesEnd = (uint)(sourceMac >> 16),
            PolicyVersion = _snapshot.Version,
            OutPort = (ushort)outPort,
            MtuBytes = to->MtuBytes,
            TtlDecrement = isRouted ? (byte)1 : (byte)0,
            Meter = (ushort)(sourceEip != 0 ? source->OutMeter : destinationEip != 0 ? destination->InMeter : 0),
            HairpinMeter = (ushort)(sourceEip != 0 && destinationEip != 0 ? destination->InMeter : 0),
        };
        if (source->Private != 0)
        {
            action.SourceXor = source->Private ^ source->Address;
            action.L4Delta = InternetChecksum.DeltaRaw(source->Private, source->Address);
        }

        if (destination->Private != 0)
        {
            action.DestinationXor = destination->Address ^ destination->Private;
            action.L4Delta = InternetChecksum.AddRaw(
                action.L4Delta, InternetChecksum.DeltaRaw(destination->Address, destination->Private));
        }

        bool isCapped = (sourceEip != 0 && source->IsOutCapped) || (destinationEip != 0 && destination->IsInCapped) ||
            (from->Limits & (EniLimits.Egress | EniLimits.Marks)) != 0 || (to->Limits & EniLimits.Ingress) != 0;
        action.PlainBytes = isCapped ? (ushort)0 : action.MtuBytes;
        action.Translates = sourceEip != 0 || destinationEip != 0 ? (byte)1 : (byte)0;
        action.IpDelta = isRouted ? InternetChecksum.AddRaw(action.L4Delta, InternetChecksum.RawMinusOne) : action.L4Delta;
        return action;
    }

    /// <summary>Adds translations of address and port to an action. The packets of such a direction take the long way, which compares
    /// what is translated with what the packet has.</summary>
    private static void MapPorts(ref FlowAction action, in PortMapping source, in PortMapping destination)
    {
        ushort addresses = InternetChecksum.AddRaw(source.AddressDelta(outward: true), destination.AddressDelta(outward: false));
        ushort ports = InternetChecksum.AddRaw(source.PortDelta(outward: true), destination.PortDelta(outward: false));
        action.SourceXor ^= source.InsideAddress ^ source.OutsideAddress;
        action.DestinationXor ^= destination.InsideAddress ^ destination.OutsideAddress;
        action.PortXor = (uint)(source.InsidePort ^ source.OutsidePort) | ((uint)(destination.InsidePort ^ destination.OutsidePort) << 16);
        action.IpDelta = InternetChecksum.AddRaw(action.IpDelta, addresses);
        action.L4Delta = InternetChecksum.AddRaw(InternetChecksum.AddRaw(action.L4Delta, addresses), ports);
        action.PlainBytes = 0;
        action.Translates = FlowAction.TranslatesPorts;
    }
}
