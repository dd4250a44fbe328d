using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>Where the first packet of a connection ends up, or why it does not.</summary>
/// <param name="Reason">None when there is a way.</param>
/// <param name="Receiver">The ENI; null for the public port.</param>
/// <param name="IsHairpin">True when it reaches the ENI by its EIP.</param>
internal sealed record ReferenceRoute(DropReason Reason, EniConfig? Receiver, bool IsHairpin)
{
    /// <summary>Step 3 of a miss, for a routed packet of an ENI.</summary>
    public static ReferenceRoute Find(ReferenceTopology topology, EniConfig eni, IpAddress source, IpAddress destination)
    {
        VpcConfig vpc = topology.VpcOf(eni);
        if (ReferenceTopology.IsInside(vpc, destination))
        {
            EniConfig? holder = topology.Holder(vpc, destination);
            return holder is null ? Drop(DropReason.NoRoute) : new ReferenceRoute(DropReason.None, holder, false);
        }

        if (topology.Config.Vpcs.Any(other => ReferenceTopology.IsInside(other, destination)))
        {
            return Drop(DropReason.VpcIsolation);
        }

        string? target = topology.RouteTarget(eni, destination);
        if (target?.StartsWith("eni:", StringComparison.Ordinal) == true)
        {
            EniConfig? hop = topology.Eni(target["eni:".Length..]);
            return hop is null ? Drop(DropReason.NoRoute) : new ReferenceRoute(DropReason.None, hop, false);
        }

        return target == ReferenceTopology.InternetPort
            ? Outward(topology, eni, source, destination)
            : Drop(DropReason.NoRoute);
    }

    private static ReferenceRoute Outward(ReferenceTopology topology, EniConfig eni, IpAddress source, IpAddress destination)
    {
        if (!destination.IsV6)
        {
            if (topology.EipOf(eni, source) is null)
            {
                return Drop(DropReason.EipUnbound);
            }

            if (topology.IsEip(destination))
            {
                BoundEip? bound = topology.Bound(destination);
                return bound is null ? Drop(DropReason.EipUnbound) : new ReferenceRoute(DropReason.None, bound.Eni, true);
            }
        }

        return topology.NextHop(destination) is null
            ? Drop(DropReason.NoRoute)
            : new ReferenceRoute(DropReason.None, null, false);
    }

    private static ReferenceRoute Drop(DropReason reason) => new(reason, null, false);
}

/// <summary>Looks again at a connection that is older than the rules (section 4, hit, step 1).</summary>
internal static class ReferenceRecheck
{
    /// <summary>None when the connection may go on, else the reason that ends it.</summary>
    public static DropReason Refuses(ReferenceTopology topology, ReferenceConnection connection) =>
        connection.OpenerPort == ReferenceTopology.InternetPort
            ? OpenedOutside(topology, connection)
            : OpenedInside(topology, connection);

    private static DropReason OpenedOutside(ReferenceTopology topology, ReferenceConnection connection)
    {
        IpAddress source = connection.Tuple.Source.Address;
        BoundEip? bound = topology.Bound(connection.WireDestination);
        EniConfig? to = source.IsV6 ? topology.PublicHolder(connection.WireDestination, source) : bound?.Eni;
        IpAddress inside = bound?.Private ?? connection.WireDestination;
        if (to is null || to.Name != connection.ReceiverPort || inside != connection.Tuple.Destination.Address)
        {
            return source.IsV6 ? DropReason.NoRoute : DropReason.EipUnbound;
        }

        if (ReferenceSteering.IsForged(topology, to, source))
        {
            return DropReason.SpoofedIp;
        }

        return ReferencePolicy.AllowsIngress(topology.Config, to, QuestionOf(connection, source))
            ? DropReason.None
            : DropReason.SecurityGroupIngress;
    }

    private static DropReason OpenedInside(ReferenceTopology topology, ReferenceConnection connection)
    {
        EniConfig? opener = topology.Eni(connection.OpenerPort);
        if (opener is null || !ReferenceTopology.Owns(opener, connection.OpenerAddress))
        {
            return DropReason.SpoofedIp;
        }

        IpAddress destination = connection.WireDestination;
        if (!ReferencePolicy.AllowsEgress(topology.Config, opener, QuestionOf(connection, destination)))
        {
            return DropReason.SecurityGroupEgress;
        }

        ReferenceRoute route = connection.IsSwitched
            ? SwitchedAgain(topology, opener, destination)
            : ReferenceRoute.Find(topology, opener, connection.OpenerAddress, destination);
        if (route.Reason != DropReason.None)
        {
            return route.Reason;
        }

        bool isHairpin = connection.Tuple.Space.Length == 0;
        if ((route.Receiver?.Name ?? ReferenceTopology.InternetPort) != connection.ReceiverPort || route.IsHairpin != isHairpin ||
            (isHairpin && topology.EipOf(opener, connection.OpenerAddress)?.Eip.Address != connection.Tuple.Source.Address))
        {
            return isHairpin ? DropReason.EipUnbound : DropReason.NoRoute;
        }

        return route.Receiver is null ||
            ReferencePolicy.AllowsIngress(topology.Config, route.Receiver, QuestionOf(connection, connection.Tuple.Source.Address))
            ? DropReason.None
            : DropReason.SecurityGroupIngress;
    }

    private static ReferenceRoute SwitchedAgain(ReferenceTopology topology, EniConfig opener, IpAddress destination)
    {
        EniConfig? peer = topology.Peer(opener, destination);
        return new ReferenceRoute(peer is null ? DropReason.NoRoute : DropReason.None, peer, false);
    }

    private static PolicyQuestion QuestionOf(ReferenceConnection connection, IpAddress remote) => new(
        remote, connection.Tuple.Protocol, connection.Tuple.Protocol is 6 or 17 or 132 ? connection.Tuple.Destination.Port : null,
        connection.IcmpType, connection.IcmpCode);
}
