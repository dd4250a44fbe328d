using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>What leaves: copies, their fragments, and the router's errors; and what waits for a neighbour.</summary>
public sealed partial class ReferenceSwitch
{
    /// <summary>Bandwidth and the copy that leaves.</summary>
    private ReferenceOutcome Send(
        ReferencePacket packet, ReferenceWay way, EniConfig? receiver, ReferenceQuote? quote, MacAddress? replyTo = null)
    {
        if (way.SwitchedTo is { } peer)
        {
            DropReason refused = _meters.Admit(way.From, null, null, peer, packet.End, _nowNs);
            return refused != DropReason.None
                ? ReferenceOutcome.Drop(refused) : Leave(peer, Marked(way.From, packet, ReferenceRewrite.Switched(packet)));
        }

        MacAddress? to = receiver?.Mac ?? replyTo;
        if (to is null)
        {
            if (_topology.NextHop(packet.Destination) is not { } nextHop)
            {
                return ReferenceOutcome.Drop(DropReason.NoRoute);
            }

            to = _neighbors.Resolve(_topology, nextHop);
            if (to is null)
            {
                return Unresolved(packet, way, nextHop);
            }
        }

        bool isByEip = !packet.IsV6 && (receiver is null || way.IsHairpin || way.From is null);
        BoundEip? sender = isByEip && way.From is not null ? _topology.EipOf(way.From, packet.Source) : null;
        BoundEip? target = isByEip && receiver is not null ? _topology.Bound(packet.Destination) : null;
        if (isByEip && sender is null && target is null)
        {
            return ReferenceOutcome.Drop(DropReason.EipUnbound);
        }

        DropReason over = _meters.Admit(way.From, sender, target, receiver, packet.End, _nowNs);
        if (over != DropReason.None)
        {
            return ReferenceOutcome.Drop(over);
        }

        IpAddress source = sender?.Eip.Address ?? packet.Source;
        IpAddress destination = target?.Private ?? packet.Destination;
        byte[] frame = ReferenceRewrite.Routed(packet, to!.Value, MacToward(receiver), source, destination);
        if (quote is not null && isByEip)
        {
            IpAddress quotedTo = way.From is null ? quote.Destination : EipInVpc(way.From, quote.Destination) ?? quote.Destination;
            ReferenceRewrite.TranslateQuote(frame, packet, quote, destination, quotedTo);
        }

        return Leave(receiver, Marked(way.From, packet, frame));
    }

    /// <summary>The frame with the DSCP of the ENI that sent it.</summary>
    private static byte[] Marked(EniConfig? from, ReferencePacket packet, byte[] frame)
    {
        if (from?.Dscp is { } dscp)
        {
            ReferenceRewrite.Mark(frame, packet.IsV6, dscp);
        }

        return frame;
    }

    /// <summary>One frame, or fragments of it where the port takes no more at once.</summary>
    private ReferenceOutcome Leave(EniConfig? receiver, byte[] frame)
    {
        int mtu = _topology.MtuBytes(receiver);
        return frame.Length - 14 <= mtu
            ? ReferenceOutcome.Forward(PortOf(receiver), frame)
            : ReferenceOutcome.Forward(PortOf(receiver), ReferenceFrames.Cut(frame, mtu));
    }

    /// <summary>Step 4 of a hit: larger than the port takes, and not to be cut.</summary>
    private ReferenceOutcome? TooBig(ReferencePacket packet, ReferenceWay way, EniConfig? receiver)
    {
        int mtu = _topology.MtuBytes(receiver);
        return packet.IpLength > mtu && (packet.IsV6 || packet.DontFragment)
            ? Tell(DropReason.MtuExceeded, way.From, packet, ReferenceError.TooBig(packet.IsV6, mtu))
            : null;
    }

    /// <summary>Holds a packet for a next hop whose MAC is not known, and asks for it.</summary>
    private ReferenceOutcome Unresolved(ReferencePacket packet, ReferenceWay way, IpAddress nextHop)
    {
        string port = PortOf(way.From);
        byte[]? question = _neighbors.Ask(_topology, nextHop, NowMs);
        if (_held.TryHold(new ReferenceHeldPacket(port, packet, _nowNs) { NextHop = nextHop }))
        {
            return ReferenceOutcome.Hold(ReferenceTopology.InternetPort, question);
        }

        return ReferenceOutcome.Drop(DropReason.NeighborUnresolved, ReferenceTopology.InternetPort, question);
    }

    private ReferenceOutcome NoNeighbor(string port, ReferencePacket packet) => _topology.Eni(port) is { } eni
        ? Tell(DropReason.NeighborUnresolved, eni, packet, ReferenceError.NoNeighbor(packet.IsV6))
        : ReferenceOutcome.Drop(DropReason.NeighborUnresolved);

    /// <summary>Drops a packet, and the router of its sender's subnet, or the switch's own outside address, says so: not about
    /// errors and later fragments, and not too often.</summary>
    private ReferenceOutcome Tell(DropReason reason, EniConfig? eni, ReferencePacket packet, ReferenceError error)
    {
        IpAddress? from = eni is null
            ? _topology.FirstOutside(packet.IsV6)
            : ReferenceTopology.Router(_topology.SubnetOf(eni), packet.IsV6);
        bool isTold = from is not null && !packet.IsLaterFragment && !packet.IsIcmpError && _errors.TryTake(PortOf(eni), _nowNs);
        return isTold
            ? ReferenceOutcome.Drop(reason, PortOf(eni), ReferenceFrames.Error(packet, MacToward(eni), from!.Value, error))
            : ReferenceOutcome.Drop(reason);
    }
}
