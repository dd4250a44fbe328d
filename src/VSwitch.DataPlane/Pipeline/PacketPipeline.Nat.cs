using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Nat;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Pipeline;

/// <content>NAT gateways. The questions: for which private endpoint is a packet to a gateway's EIP, and by which public port does a new
/// connection go out? Order of checks, section 13. What has a connection is translated by its action, as everything else.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    /// <summary>2. Key of an IPv4 packet to a public address that stands for no one private address.</summary>
    /// <param name="p">The packet.</param>
    /// <param name="source">Its source as the connection's key has it.</param>
    /// <param name="eip">The destination's slot.</param>
    /// <param name="ports">Its ports.</param>
    /// <param name="kind">Its kind of query.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void KeyToPublic4(PacketBuffer* p, uint source, EipMap.Slot* eip, uint ports, byte kind)
    {
        const PacketFlags HasNoPorts = PacketFlags.LaterFragment | PacketFlags.IcmpError | PacketFlags.NoKey;
        ulong inside = 0;
        if (eip->Nat != 0)
        {
            p->Flags |= PacketFlags.Mapped;
            if ((p->Flags & HasNoPorts) == 0 && !IsRequest(p))
            {
                inside = FindInside(eip, p->Protocol, (ushort)(ports >> 16));
                ports = (ports & 0xFFFF) | ((uint)NatTable.PortOf(inside) << 16);
            }
        }

        if (inside == 0 && (p->Flags & (PacketFlags.IcmpError | PacketFlags.Fragment)) != PacketFlags.IcmpError)
        {
            // It belongs to no connection, and Admit says why. (An error's key is of what it quotes.)
            p->Flags |= PacketFlags.NoKey;
        }

        ulong addresses = source | ((ulong)NatTable.AddressOf(inside) << 32);
        uint swapped = FlowKey.Sort(ref addresses, ref ports);
        p->Flags |= (PacketFlags)(swapped * (uint)PacketFlags.Swapped);
        p->KeyLow = addresses;
        p->KeyHigh = ports | FlowKey.Space(NatTable.VpcOf(inside), p->Protocol, kind);
        p->Hash = FlowKey.Hash(addresses, p->KeyHigh, _secretLow, _secretHigh);
    }

    /// <summary>An ICMP query that asks: its identifier is the sender's.</summary>
    private static bool IsRequest(PacketBuffer* p) =>
        p->Protocol == ParseStage.Icmp && IcmpRules.IsRequest(p->Data[p->L4Offset], isV6: false);

    /// <summary>The private endpoint behind a gateway's EIP and port; 0 = none, or one of another VPC, whose gateway had the EIP before.
    /// </summary>
    private ulong FindInside(EipMap.Slot* eip, byte protocol, ushort port)
    {
        ulong inside = _shared.Nat.Find(_snapshot.Eips[eip->Number].Number, NatTable.KindOf(protocol), port);
        return NatTable.VpcOf(inside) == _snapshot.NatGateways[eip->Nat].Vpc ? inside : 0;
    }

    /// <summary>Turns the source of a quoted packet that had gone out by a gateway into the private endpoint.</summary>
    /// <returns>The space of the key; 0 when no connection can be meant.</returns>
    private int SpaceOfMappedQuote(PacketBuffer* p, in Quote quote, EipMap.Slot* eip, ref uint source, ref uint sourcePort)
    {
        bool isAnswer = quote.Protocol == ParseStage.Icmp && !IcmpRules.IsRequest(p->Data[quote.L4Offset], isV6: false);
        ulong inside = isAnswer ? 0 : FindInside(eip, quote.Protocol, (ushort)sourcePort);
        p->Flags |= PacketFlags.Mapped;
        if (inside == 0)
        {
            p->Flags |= PacketFlags.NoKey;
        }

        source = NatTable.AddressOf(inside);
        sourcePort = NatTable.PortOf(inside);
        return NatTable.VpcOf(inside);
    }

    /// <summary>True for a routed packet to an EIP of a NAT gateway.</summary>
    private bool IsForNat(PacketBuffer* p, bool isRouted) => isRouted && (p->Flags & PacketFlags.IsV6) == 0 &&
        _snapshot.Eips[Ip4Family.EipOf(_snapshot, Ip4Family.Destination(p))].Nat != 0;

    /// <summary>Order of checks, section 4, miss, 3: a route to a NAT gateway. Takes no port yet: the packet may still wait or be
    /// dropped.</summary>
    private DropReason DecideNat<TAddress>(in Opening<TAddress> opening, int number, int destinationEip, ref Decision decision)
        where TAddress : unmanaged, IEquatable<TAddress>
    {
        NatGateway gateway = _snapshot.NatGateways[number];
        int kind = NatTable.KindOf(opening.Protocol);
        if (kind < 0)
        {
            return DropReason.UnsupportedProtocol;
        }

        Eip* target = _snapshot.Eips + destinationEip;
        if (destinationEip != 0 && target->Port == 0)
        {
            return DropReason.EipUnbound;
        }

        decision.Nat = number;
        decision.DestinationEip = destinationEip;
        decision.OutPort = target->Port;
        if (opening.IsKnown)
        {
            return KeepMapping(opening, gateway, ref decision);
        }

        if (gateway.Eips.Length == 0)
        {
            return DropReason.EipUnbound;
        }

        if (destinationEip != 0)
        {
            // The receiver's rules are asked about the address that it will see.
            decision.SourceEip = gateway.Eips[_shared.Nat.PlaceOf(gateway, kind, opening.Inside)];
            decision.SeenSource = _snapshot.Eips[decision.SourceEip].Address;
        }

        return DropReason.None;
    }

    /// <summary>A known connection goes on by the port that it has, as long as the gateway has the EIP.</summary>
    private DropReason KeepMapping<TAddress>(in Opening<TAddress> opening, NatGateway gateway, ref Decision decision)
        where TAddress : unmanaged, IEquatable<TAddress>
    {
        int place = opening.Mapping.IsThere ? Array.IndexOf(gateway.Pools, opening.MappingEip) : -1;
        if (place < 0 || _snapshot.Eips[gateway.Eips[place]].Address != opening.Mapping.OutsideAddress)
        {
            decision.IsElsewhere = true;
            return DropReason.EipUnbound;
        }

        decision.SourceEip = gateway.Eips[place];
        decision.SourceMapping = opening.Mapping;
        decision.SeenSource = opening.Mapping.OutsideAddress;
        return DropReason.None;
    }

    /// <summary>Takes the public port of a new connection (order of checks, section 13).</summary>
    private DropReason TakePort<TAddress>(in Opening<TAddress> opening, ref Decision decision)
    {
        NatGateway gateway = _snapshot.NatGateways[decision.Nat];
        int onlyAt = decision.SourceEip == 0 ? -1 : Array.IndexOf(gateway.Eips, decision.SourceEip);
        DropReason reason = _shared.Nat.TryTake(
            gateway, NatTable.KindOf(opening.Protocol), opening.Inside, onlyAt, out int place, out ushort port);
        if (reason == DropReason.None)
        {
            decision.SourceEip = gateway.Eips[place];
            decision.SourceMapping = new PortMapping(
                NatTable.AddressOf(opening.Inside), NatTable.PortOf(opening.Inside), _snapshot.Eips[decision.SourceEip].Address, port);
        }

        if (_tracer.IsEnabled)
        {
            TraceNat(gateway, opening.Inside, decision.SourceMapping, reason);
        }

        return reason;
    }

    /// <summary>Gives back what <see cref="TakePort"/> took, when no connection comes of it.</summary>
    private void GivePortBack<TAddress>(in Opening<TAddress> opening, in Decision decision) => _shared.Nat.Release(
        _snapshot.Eips[decision.SourceEip].Number, NatTable.KindOf(opening.Protocol), decision.SourceMapping.OutsidePort);

    /// <summary>Idle time of a connection in its state, milliseconds: of one that has a NAT gateway's port, the gateway's.</summary>
    private uint TimeoutMs(FlowEntry* entry)
    {
        if ((entry->Flags & FlowFlags.HasPublicPort) == 0)
        {
            return _timeoutMs[(int)entry->State];
        }

        int eip = _connections.ForwardOf(entry)->Meter >> 1;
        ushort gateway = eip < _snapshot.NatByEip.Length ? _snapshot.NatByEip[eip] : (ushort)0;
        return gateway == 0 ? _timeoutMs[(int)entry->State] : _snapshot.NatGateways[gateway].TimeoutMs(entry->State);
    }

    private void TraceNat(NatGateway gateway, ulong inside, in PortMapping mapping, DropReason reason)
    {
        string endpoint = TextOf(NatTable.AddressOf(inside), NatTable.PortOf(inside));
        _tracer.Note(PipelineStage.Translate, reason switch
        {
            DropReason.None => $"NAT gateway {gateway.Name}: {endpoint} goes out as {TextOf(mapping.OutsideAddress, mapping.OutsidePort)}",
            DropReason.NatConnectionsExhausted => $"NAT gateway {gateway.Name}: has its {gateway.Capacity} connections",
            _ => $"NAT gateway {gateway.Name}: no port is free for {endpoint}",
        });
    }

    private static string TextOf(uint address, ushort port) =>
        $"{Text(address)}:{System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(port)}";
}
