using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Routing;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Pipeline;

/// <content>Peerings. The questions: to which space belongs a packet for the VPC at the other end, may it go there, and does the answer
/// find its way back? Only VPCs that have peerings are asked. Order of checks, section 15.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    /// <summary>The space of what an ENI sends to an address: its VPC's, or, by the router and to the other end of a peering, the peering's.
    /// It hangs on the ENI and the address alone, so that a reply, an error and a fragment get that of their connection, whatever the
    /// routes say; only where two peers overlap must the routes tell which of them is meant.</summary>
    /// <param name="p">The packet; its MAC says whether it goes by the router.</param>
    /// <param name="port">Port of the ENI.</param>
    /// <param name="destination">The address that it sends to.</param>
    private int SpaceToward<TAddress, TFamily>(PacketBuffer* p, int port, TAddress destination)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        Eni* eni = _snapshot.Enis + port;
        if ((eni->Flags & EniFlags.KeyedSlowly) == 0 || (*(ulong*)p->Data & MacMask) != _snapshot.GatewayMac)
        {
            return eni->Vpc;
        }

        Peering? found = null;
        bool isAmbiguous = false;
        foreach (PeerLink link in _snapshot.Vpcs[eni->Vpc].Peers)
        {
            if (TFamily.Contains(link, destination))
            {
                isAmbiguous = found != null;
                found = found is { IsActive: true } ? found : _snapshot.Peerings[link.Peering];
                if (isAmbiguous)
                {
                    break;
                }
            }
        }

        return found == null ? eni->Vpc
            : isAmbiguous ? (RoutedPeering<TAddress, TFamily>(eni, destination) ?? found).Space
            : found.Space;
    }

    /// <summary>The peering that the routes of an ENI's subnet name for an address behind it; null when they name none.</summary>
    private Peering? RoutedPeering<TAddress, TFamily>(Eni* eni, TAddress destination)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        if (TFamily.Route(_snapshot.Subnets[eni->Subnet].Routes, destination, out ushort index) != RouteTarget.Peering)
        {
            return null;
        }

        foreach (PeerLink link in _snapshot.Vpcs[eni->Vpc].Peers)
        {
            if (link.Peering == index && TFamily.Contains(link, destination))
            {
                return _snapshot.Peerings[index];
            }
        }

        return null;
    }

    /// <summary>Puts an IPv4 packet for the other end of a peering into its space.</summary>
    private void KeyPeered4(PacketBuffer* p, int port)
    {
        int space = SpaceToward<uint, Ip4Family>(p, port, Ip4Family.Destination(p));
        if (space != _snapshot.Enis[port].Vpc)
        {
            p->KeyHigh = FlowKey.InSpace(p->KeyHigh, space);
            p->Hash = FlowKey.Hash(p->KeyLow, p->KeyHigh, _secretLow, _secretHigh);
        }
    }

    /// <summary>A route leads into a peering. What comes out at its other end must be for an ENI of that VPC, and must be the sender's
    /// own VPC's: a peering is no way on to anywhere else, nor from there.</summary>
    private DropReason DecidePeering<TAddress, TFamily>(in Opening<TAddress> opening, int index, ref Decision decision)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        Peering peering = _snapshot.Peerings[index];
        int vpc = _snapshot.Enis[opening.Port].Vpc;
        if (!peering.IsActive)
        {
            TracePeering(peering, "peering not active: the route is a blackhole");
            return DropReason.NoRoute;
        }

        if (opening.Space != peering.Space)
        {
            TracePeering(peering, "the destination is not in the VPC at its other end, and a peering leads no further");
            return IsolationOf<TAddress, TFamily>(vpc, opening.Destination) is var reason && reason != DropReason.None
                ? reason : DropReason.NoRoute;
        }

        if (!TFamily.Contains(_snapshot.Vpcs[vpc], opening.Source))
        {
            TracePeering(peering, "the source is not in the sender's VPC, and a peering is no way for others");
            return DropReason.VpcIsolation;
        }

        if (_tracer.IsEnabled)
        {
            TracePeering(peering, $"into VPC {_snapshot.Vpcs[peering.OtherOf(vpc)].Name}");
        }

        decision.OutPort = TFamily.PortOf(_snapshot, peering.OtherOf(vpc), opening.Destination);
        return decision.OutPort == 0 ? DropReason.NoRoute : DropReason.None;
    }

    /// <summary>What becomes of a packet for an address in another VPC that no route into an active peering leads to: without a peering it
    /// is isolation, with one a route is missing. None when the address is in no VPC.</summary>
    private DropReason IsolationOf<TAddress, TFamily>(int own, TAddress destination)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        for (int vpc = 1; vpc < _snapshot.Vpcs.Length; vpc++)
        {
            if (TFamily.Contains(_snapshot.Vpcs[vpc], destination))
            {
                return IsBehindPeering<TAddress, TFamily>(own, destination) ? DropReason.NoRoute : DropReason.VpcIsolation;
            }
        }

        return DropReason.None;
    }

    /// <summary>True when the address is in the range of a VPC that this one has an active peering with.</summary>
    private bool IsBehindPeering<TAddress, TFamily>(int vpc, TAddress address)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        foreach (PeerLink link in _snapshot.Vpcs[vpc].Peers)
        {
            if (_snapshot.Peerings[link.Peering].IsActive && TFamily.Contains(link, address))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>True when replies do not find back: the routes of the receiver's subnet do not lead through the same peering.</summary>
    private bool IsReplyUnrouted<TAddress, TFamily>(in Opening<TAddress> opening, int receiver)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        if (_snapshot.Vpcs[opening.Space].Peering is not Peering peering)
        {
            return false;
        }

        bool leadsBack = ReferenceEquals(RoutedPeering<TAddress, TFamily>(_snapshot.Enis + receiver, opening.Source), peering);
        if (!leadsBack && _tracer.IsEnabled)
        {
            _tracer.Note(
                PipelineStage.Route,
                $"replies: subnet {_snapshot.Subnets[_snapshot.Enis[receiver].Subnet].Name} has no route back into peering {peering.Name}, so they are dropped");
        }

        return !leadsBack;
    }

    /// <summary>True when connections of a space may begin in a VPC. Of a peering that is gone nobody knows; its routes end them.</summary>
    private bool IsOfSpace(int vpc, int space) =>
        vpc == space || (_snapshot.Vpcs[space].Peering is Peering peering && (peering.Requester == 0 || peering.OtherOf(vpc) != 0));

    /// <summary>The ENI at the other end of a peering that holds the destination; 0 = none. Only for a peering's space.</summary>
    private int PeeredHolder<TAddress, TFamily>(in Opening<TAddress> opening, Peering peering)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress> =>
        TFamily.PortOf(_snapshot, peering.OtherOf(_snapshot.Enis[opening.Port].Vpc), opening.Destination);

    private void RefuseUnrouted(PacketBuffer* p)
    {
        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.Route, "known connection; the sender's subnet has no route back into its peering");
        }

        Drop(p, DropReason.NoRoute);
    }

    private void TracePeering(Peering peering, string what)
    {
        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.Route, $"peering {peering.Name}: {what}");
        }
    }
}
