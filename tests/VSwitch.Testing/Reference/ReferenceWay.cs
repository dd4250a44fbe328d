using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>Where a packet goes as far as its headers alone tell (section 3), and the tuple's space and addresses.</summary>
/// <param name="From">The sending ENI; null when it came by the public port.</param>
/// <param name="SwitchedTo">The peer when it is switched by MAC; null when it is routed.</param>
/// <param name="InboundTo">From outside: the ENI it is for.</param>
/// <param name="Space">Space of the tuple: a VPC's name, that of a peering, or empty for a hairpin.</param>
/// <param name="Source">Source in that space.</param>
/// <param name="Destination">Destination in that space.</param>
internal sealed record ReferenceWay(
    EniConfig? From, EniConfig? SwitchedTo, EniConfig? InboundTo, string Space, IpAddress Source, IpAddress Destination)
{
    public bool IsRouted => SwitchedTo is null;

    public bool IsHairpin => Space.Length == 0;
}

/// <summary>What section 3 says: a way, a reason to drop, or that the router itself is meant.</summary>
internal sealed record ReferenceSteering(ReferenceWay? Way, DropReason Reason, bool IsForRouter)
{
    public static ReferenceSteering Of(ReferenceTopology topology, EniConfig? eni, ReferencePacket packet) =>
        eni is null ? FromOutside(topology, packet) : FromEni(topology, eni, packet);

    private static ReferenceSteering Drop(DropReason reason) => new(null, reason, false);

    private static ReferenceSteering Router() => new(null, DropReason.None, true);

    private static ReferenceSteering FromEni(ReferenceTopology topology, EniConfig eni, ReferencePacket packet)
    {
        VpcConfig vpc = topology.VpcOf(eni);
        if (packet.DestinationMac != topology.GatewayMac)
        {
            EniConfig? peer = topology.EniByMac(packet.DestinationMac);
            if (peer is not null && !topology.AreInOneVpc(eni, peer))
            {
                return Drop(DropReason.VpcIsolation);
            }

            if (peer is null || peer.Subnet != eni.Subnet || peer.Name == eni.Name)
            {
                return Drop(DropReason.UnknownDestinationMac);
            }

            return peer.PrivateIps.Contains(packet.Destination) || ReferenceTopology.ForwardsForOthers(peer)
                ? Go(new ReferenceWay(eni, peer, null, vpc.Name, packet.Source, packet.Destination))
                : Drop(DropReason.NoRoute);
        }

        if (topology.IsRouterAddress(vpc, packet.Destination))
        {
            return Router();
        }

        BoundEip? own = topology.EipOf(eni, packet.Source);
        return topology.IsEip(packet.Destination) && own is not null
            ? Go(new ReferenceWay(eni, null, null, "", own.Eip.Address, packet.Destination))
            : Go(new ReferenceWay(
                eni, null, null, ReferencePeerings.SpaceToward(topology, eni, packet.Destination), packet.Source, packet.Destination));
    }

    private static ReferenceSteering FromOutside(ReferenceTopology topology, ReferencePacket packet)
    {
        if (topology.IsOwnOutside(packet.Destination))
        {
            return Router();
        }

        BoundEip? bound = topology.Bound(packet.Destination);
        EniConfig? to = packet.IsV6 ? topology.PublicHolder(packet.Destination, packet.Source) : bound?.Eni;
        if (to is null)
        {
            return Drop(packet.IsV6 ? DropReason.NoRoute : DropReason.EipUnbound);
        }

        if (IsForged(topology, to, packet.Source))
        {
            return Drop(DropReason.SpoofedIp);
        }

        IpAddress inside = bound?.Private ?? packet.Destination;
        return Go(new ReferenceWay(null, null, to, topology.VpcOf(to).Name, packet.Source, inside));
    }

    /// <summary>True for an inside address that comes from outside.</summary>
    public static bool IsForged(ReferenceTopology topology, EniConfig to, IpAddress source) =>
        ReferenceTopology.IsInside(topology.VpcOf(to), source) || ReferencePeerings.IsBehind(topology, topology.VpcOf(to), source) ||
        topology.IsEip(source) || topology.IsOwnOutside(source);

    private static ReferenceSteering Go(ReferenceWay way) => new(way, DropReason.None, false);
}
