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
    /// <summary>The peering that it goes through; null for none.</summary>
    public string? Peering { get; init; }

    /// <summary>Step 3 of a miss, for a routed packet of an ENI.</summary>
    public static ReferenceRoute Find(ReferenceTopology topology, EniConfig eni, IpAddress source, IpAddress destination)
    {
        VpcConfig vpc = topology.VpcOf(eni);
        if (ReferenceTopology.IsInside(vpc, destination))
        {
            EniConfig? holder = topology.Holder(vpc, destination);
            return holder is null ? Drop(DropReason.NoRoute) : new ReferenceRoute(DropReason.None, holder, false);
        }

        string? target = topology.RouteTarget(eni, destination);
        if (ReferencePeerings.NameOf(target) is { } name)
        {
            PeeringConfig? peering = topology.Config.Peerings.FirstOrDefault(p => p.Name == name);
            if (peering is not { Accepted: true })
            {
                return Drop(DropReason.NoRoute);
            }

            VpcConfig other = ReferencePeerings.Other(topology, peering, vpc);
            if (ReferenceTopology.IsInside(other, destination))
            {
                return !ReferenceTopology.IsInside(vpc, source) ? Drop(DropReason.VpcIsolation)
                    : topology.Holder(other, destination) is { } far
                        ? new ReferenceRoute(DropReason.None, far, false) { Peering = name } : Drop(DropReason.NoRoute);
            }
        }

        if (topology.Config.Vpcs.Any(other => ReferenceTopology.IsInside(other, destination)))
        {
            return Drop(ReferencePeerings.IsBehind(topology, vpc, destination) ? DropReason.NoRoute : DropReason.VpcIsolation);
        }

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

/// <summary>What becomes of a connection that is older than the policy.</summary>
internal enum ReferenceRecheckResult
{
    /// <summary>It goes on.</summary>
    GoesOn,

    /// <summary>It is removed, and the packet is looked at as if it had never been.</summary>
    IsOver,

    /// <summary>It is removed, and the packet is dropped.</summary>
    IsRefused,
}

/// <summary>Looks again at a connection that is older than the policy (section 4, hit, step 1; section 10).</summary>
internal sealed class ReferenceRecheck(ReferenceTopology topology, ReferenceHistory history, ReferenceConnection connection)
{
    private static readonly (ReferenceRecheckResult, DropReason) IsOver = (ReferenceRecheckResult.IsOver, DropReason.None);

    private SwitchConfig Config => topology.Config;

    private bool IsFromOutside => connection.OpenerPort == ReferenceTopology.InternetPort;

    /// <summary>Decides; a connection that goes on knows afterwards which groups let it through.</summary>
    /// <param name="port">Where the packet came in.</param>
    /// <param name="isOriginal">It goes the opener's way.</param>
    public (ReferenceRecheckResult Result, DropReason Reason) Decide(string port, bool isOriginal)
    {
        if (IsEndGone(connection.OpenerPort, connection.HeldOpenerAddress) ||
            IsEndGone(connection.ReceiverPort, connection.HeldReceiverAddress) ||
            (isOriginal && port != connection.OpenerPort) ||
            IsCut(connection.EgressGroup) || IsCut(connection.IngressGroup) ||
            history.PeeringSince(ReferencePeerings.NameOf(connection.Tuple.Space)) > connection.Generation)
        {
            return IsOver;
        }

        return IsFromOutside ? OpenedOutside() : OpenedInside();
    }

    private bool IsEndGone(string port, IpAddress? heldAddress) =>
        port != ReferenceTopology.InternetPort &&
        (topology.Eni(port) is not { } eni || history.EniSince(port) > connection.Generation ||
            (heldAddress is { } held && !ReferenceTopology.Owns(eni, held)));

    private bool IsCut(string? group) =>
        ModeOf(group) == LiveConnectionPolicy.Cut && history.RulesSince(group!) > connection.Generation;

    private LiveConnectionPolicy? ModeOf(string? group) => Config.SecurityGroups.FirstOrDefault(g => g.Name == group)?.LiveConnections;

    private (ReferenceRecheckResult, DropReason) OpenedOutside()
    {
        IpAddress source = connection.Tuple.Source.Address;
        BoundEip? bound = topology.Bound(connection.WireDestination);
        EniConfig? to = source.IsV6 ? topology.PublicHolder(connection.WireDestination, source) : bound?.Eni;
        if (to is null)
        {
            return Refused(source.IsV6 ? DropReason.NoRoute : DropReason.EipUnbound);
        }

        if (to.Name != connection.ReceiverPort || bound?.Private != connection.TranslatedDestination)
        {
            return IsOver;
        }

        return ReferenceSteering.IsForged(topology, to, source)
            ? Refused(DropReason.SpoofedIp)
            : Ingress(to, source);
    }

    private (ReferenceRecheckResult, DropReason) OpenedInside()
    {
        EniConfig opener = topology.Eni(connection.OpenerPort)!;
        IpAddress destination = connection.WireDestination;
        if (!topology.MaySend(opener, connection.OpenerAddress))
        {
            return IsOver;
        }

        if (ModeOf(connection.EgressGroup) != LiveConnectionPolicy.Keep)
        {
            SecurityGroupConfig? group = ReferencePolicy.Egress(Config, opener, QuestionOf(destination));
            if (group is null)
            {
                return Refused(DropReason.SecurityGroupEgress);
            }

            connection.EgressGroup = group.Name;
        }

        // An EIP that moved ends the connection; one that is not bound at all is no way out.
        bool isHairpin = connection.Tuple.Space.Length == 0;
        if (connection.TranslatedSource is { } eip && topology.Bound(eip) is { } holder &&
            (holder.Eni.Name != opener.Name || holder.Private != connection.OpenerAddress))
        {
            return IsOver;
        }

        if (connection is { IsSwitched: true, HeldReceiverAddress: null } &&
            !ReferenceTopology.ForwardsForOthers(topology.Eni(connection.ReceiverPort)!))
        {
            return IsOver;
        }

        ReferenceRoute route = connection.IsSwitched
            ? new ReferenceRoute(DropReason.None, topology.Eni(connection.ReceiverPort), false)
            : ReferenceRoute.Find(topology, opener, connection.OpenerAddress, destination);
        if (route.Reason != DropReason.None)
        {
            return Refused(route.Reason);
        }

        if (ReferencePeerings.NameOf(connection.Tuple.Space) != route.Peering)
        {
            return Refused(DropReason.NoRoute);
        }

        BoundEip? own = isHairpin || (route.Receiver is null && !destination.IsV6)
            ? topology.EipOf(opener, connection.OpenerAddress)
            : null;
        BoundEip? target = isHairpin ? topology.Bound(destination) : null;
        string receiverPort = route.Receiver?.Name ?? ReferenceTopology.InternetPort;
        if ((isHairpin && receiverPort != connection.ReceiverPort) || route.IsHairpin != isHairpin ||
            own?.Eip.Address != connection.TranslatedSource || target?.Private != connection.TranslatedDestination ||
            route.Receiver is { Detached: true })
        {
            return IsOver;
        }

        // A route may lead elsewhere now; the group that let the connection in at the old end has no say at the new one.
        connection.IngressGroup = receiverPort == connection.ReceiverPort ? connection.IngressGroup : null;
        connection.ReceiverPort = receiverPort;
        return route.Receiver is { } receiver
            ? Ingress(receiver, connection.Tuple.Source.Address)
            : (ReferenceRecheckResult.GoesOn, DropReason.None);
    }

    private (ReferenceRecheckResult, DropReason) Ingress(EniConfig receiver, IpAddress remote)
    {
        if (ModeOf(connection.IngressGroup) != LiveConnectionPolicy.Keep)
        {
            SecurityGroupConfig? group = ReferencePolicy.Ingress(Config, receiver, QuestionOf(remote));
            if (group is null)
            {
                return Refused(DropReason.SecurityGroupIngress);
            }

            connection.IngressGroup = group.Name;
        }

        return (ReferenceRecheckResult.GoesOn, DropReason.None);
    }

    private PolicyQuestion QuestionOf(IpAddress remote) => connection.QuestionOf(isOriginal: true) with { Remote = remote };

    private static (ReferenceRecheckResult, DropReason) Refused(DropReason reason) => (ReferenceRecheckResult.IsRefused, reason);
}

/// <summary>Since which generation of the policy an ENI is there and attached to what it is attached to, and a group's rules are what they are.</summary>
internal sealed class ReferenceHistory
{
    private readonly Dictionary<string, int> _enis = [];
    private readonly Dictionary<string, int> _rules = [];
    private readonly Dictionary<string, int> _peerings = [];

    public int EniSince(string eni) => _enis.GetValueOrDefault(eni);

    public int RulesSince(string group) => _rules.GetValueOrDefault(group);

    public int PeeringSince(string? peering) => peering is null ? 0 : _peerings.GetValueOrDefault(peering);

    /// <summary>Takes a change of the configuration in.</summary>
    public void Change(SwitchConfig from, SwitchConfig to, int generation)
    {
        foreach (EniConfig eni in to.Enis.Where(eni => from.Enis.All(old => (old.Name, old.Instance, old.Detached) != (eni.Name, eni.Instance, eni.Detached))))
        {
            _enis[eni.Name] = generation;
        }

        foreach (string peering in ReferencePeerings.Known(to).Except(ReferencePeerings.Known(from)))
        {
            _peerings[peering] = generation;
        }

        foreach (SecurityGroupConfig group in to.SecurityGroups)
        {
            SecurityGroupConfig? old = from.SecurityGroups.FirstOrDefault(other => other.Name == group.Name);
            if (old is null || TextOf(old) != TextOf(group))
            {
                _rules[group.Name] = generation;
            }
        }
    }

    /// <summary>A group's rules as they are written: without remarks and places.</summary>
    private static string TextOf(SecurityGroupConfig group) =>
        string.Join('|', group.Ingress.Select(TextOf)) + " / " +
        (group.Egress is null ? "all" : string.Join('|', group.Egress.Select(TextOf)));

    private static string TextOf(RuleConfig rule) =>
        $"{rule.Protocol} {string.Join(',', rule.Ports)} {rule.IcmpType} {rule.IcmpCode} {rule.Peer}";
}
