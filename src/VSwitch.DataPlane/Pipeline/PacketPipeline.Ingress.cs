using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Local;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Pipeline;

/// <content>1. Parse, 2. Key, 3. Steer. The question: which connection would this packet belong to, and whose is that?
/// Decides nothing about addresses: a connection was checked when it was made, and a packet that fits none is checked in
/// Admit.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private const int PrefetchAhead = 4;

    private void Prepare(PacketBuffer** packets, int count, int port)
    {
        Eni* eni = _snapshot.Enis + port;
        PortCounters* counters = _counters.Ports + port;
        bool isKnown = port < _snapshot.PortCount && (eni->Flags & (EniFlags.Exists | EniFlags.Detached)) == EniFlags.Exists;
        bool isPlain = isKnown && (eni->Flags & EniFlags.KeyedSlowly) == 0;
        long bytes = 0;
        for (int i = 0; i < count; i++)
        {
            if (i + PrefetchAhead < count)
            {
                System.Runtime.Intrinsics.X86.Sse.Prefetch0(packets[i + PrefetchAhead]->Data);
            }

            PacketBuffer* p = packets[i];
            p->InPort = (ushort)port;
            bytes += p->Length;
            if (isPlain && ParseStage.TryParsePlain(p) && IsFromSender(p, eni, port) &&
                (!SuperPacket.IsMarked(p) || SuperPacket.IsSound(p)))
            {
                Key4(p, eni, port, *(uint*)(p->Data + ParseStage.PlainL4Offset), kind: 0);
                Steer(p);
            }
            else
            {
                PrepareOther(p, eni, port, isKnown);
            }
        }

        counters->ReceivedPackets += count;
        counters->ReceivedBytes += bytes;
    }

    /// <summary>An ENI sends from its own MAC; the outside from any but a group's and the switch's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsFromSender(PacketBuffer* p, Eni* eni, int port)
    {
        ulong source = *(ulong*)(p->Data + 6) & MacMask;
        return port != 0 ? source == eni->Mac : (source & 1) == 0 && source != eni->Mac;
    }

    /// <summary>The same of a port of any kind.</summary>
    private bool IsFromSenderAt(PacketBuffer* p, Eni* eni, int port)
    {
        ulong source = *(ulong*)(p->Data + 6) & MacMask;
        return !IsOutside(port) ? source == eni->Mac : (source & 1) == 0 && source != eni->Mac;
    }

    /// <summary>Everything but whole TCP and UDP packets over IPv4, and what their parsing refuses.</summary>
    private void PrepareOther(PacketBuffer* p, Eni* eni, int port, bool isKnown)
    {
        if (isKnown && (eni->Flags & EniFlags.Trunk) != 0)
        {
            port = TakeOffTag(p, port);
            eni = _snapshot.Enis + port;
            if (port == 0)
            {
                return;
            }
        }

        if (TryKeyOther(p, eni, port, isKnown))
        {
            Steer(p);
        }
    }

    /// <summary>Parses and keys a packet; false when it came to its end.</summary>
    private bool TryKeyOther(PacketBuffer* p, Eni* eni, int port, bool isKnown)
    {
        DropReason reason = isKnown ? ParseStage.Parse(p) : WhyUnknown(port);
        if (reason == DropReason.None && SuperPacket.IsMarked(p) && !SuperPacket.IsSound(p))
        {
            reason = DropReason.MalformedL4;
        }

        if (reason != DropReason.None)
        {
            p->KeyHigh = NoTuple;
            Drop(p, reason);
            return false;
        }

        if (!IsFromSenderAt(p, eni, port))
        {
            p->KeyHigh = NoTuple;
            Drop(p, DropReason.SpoofedMac);
        }
        else if (ParseStage.EtherType(p) == ParseStage.EtherTypeArp)
        {
            p->KeyHigh = NoTuple;
            HandleArp(p);
        }
        else if ((p->Flags & PacketFlags.IsV6) == 0)
        {
            KeyOther4(p, eni, port);
            return true;
        }
        else if (IsNeighborDiscovery(p))
        {
            p->KeyHigh = NoTuple;
            HandleNeighborDiscovery(p);
        }
        else
        {
            Key6(p, eni);
            return true;
        }

        return false;
    }

    /// <summary>Why nothing can come in by a port: it is not there, or nothing is plugged into it.</summary>
    private DropReason WhyUnknown(int port) =>
        port < _snapshot.PortCount && (_snapshot.Enis[port].Flags & EniFlags.Detached) != 0 ? DropReason.PortDown : DropReason.UnknownPort;

    /// <summary>Stages 1 and 2 alone, for whoever looks for the connection of a packet; changes nothing but the descriptor.</summary>
    /// <param name="p">A frame, as a device gives it.</param>
    /// <param name="port">The port that it comes in by.</param>
    /// <param name="key">The key, and which endpoint sends.</param>
    /// <returns>False when the packet can belong to none.</returns>
    public bool TryKey(PacketBuffer* p, int port, out ConnectionKey key)
    {
        p->InPort = (ushort)port;
        Eni* eni = _snapshot.Enis + port;
        key = default;
        bool isIp = port < _snapshot.PortCount && (eni->Flags & EniFlags.Exists) != 0 && ParseStage.Parse(p) == DropReason.None &&
            ParseStage.EtherType(p) != ParseStage.EtherTypeArp;
        if (!isIp)
        {
            return false;
        }

        bool isV6 = (p->Flags & PacketFlags.IsV6) != 0;
        if (isV6)
        {
            Key6(p, eni);
        }
        else
        {
            KeyOther4(p, eni, port);
        }

        key = new ConnectionKey(
            isV6, p->KeyLow, p->KeyHigh, p->Hash, isV6 ? *Scratch6(p) : default, (p->Flags & PacketFlags.Swapped) != 0);
        return (p->Flags & (PacketFlags.NoKey | PacketFlags.LaterFragment)) == 0;
    }

    private void KeyOther4(PacketBuffer* p, Eni* eni, int port)
    {
        uint ports = Ports(p, out byte kind);
        if ((eni->Flags & EniFlags.KeyedSlowly) != 0 && TryKeyForBalancer(p, ports))
        {
            return;
        }

        Key4(p, eni, port, ports, kind);
        if (port != 0 && (eni->Flags & EniFlags.KeyedSlowly) != 0)
        {
            KeyPeered4(p, port);
        }

        if ((p->Flags & (PacketFlags.IcmpError | PacketFlags.Fragment)) == PacketFlags.IcmpError)
        {
            // Which way the error's own addresses sort says nothing of the quoted ones.
            p->Flags &= ~PacketFlags.Swapped;
            KeyOfQuote(p);
        }
    }

    /// <summary>2. Key: the canonical inside tuple of an IPv4 packet (order of checks, section 4).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Key4(PacketBuffer* p, Eni* eni, int port, uint ports, byte kind)
    {
        byte* ip = p->Data + ParseStage.EthernetBytes;
        ulong addresses = *(ulong*)(ip + 12);
        uint destination = (uint)(addresses >> 32);
        int space = eni->Vpc;
        if (port == 0)
        {
            EipMap.Slot* eip = _snapshot.EipByAddress.Find(destination);
            space = eip->Vpc;
            if (space == 0)
            {
                KeyPublic(p, eip, ports, kind);
                return;
            }

            addresses = (uint)addresses | ((ulong)eip->Private << 32);
        }
        else if (Ip4Family.EipOf(_snapshot, destination) != 0 && (*(ulong*)p->Data & MacMask) == _snapshot.GatewayMac)
        {
            int from = Ip4Family.EipOfPrivate(_snapshot, port, (uint)addresses);
            if (from != 0)
            {
                EipMap.Slot* eip = _snapshot.EipByAddress.Find(destination);
                if (eip->Nat != 0)
                {
                    // Perhaps to an end that went out by a NAT gateway to this EIP: the key has that end's private address.
                    KeyToPublic4(p, _snapshot.Eips[from].Address, eip, ports, kind);
                    return;
                }

                p->Flags |= PacketFlags.Hairpin;
                space = 0;
                addresses = _snapshot.Eips[from].Address | ((ulong)destination << 32);
            }
        }

        uint swapped = FlowKey.Sort(ref addresses, ref ports);
        ulong high = ports | FlowKey.Space(space, p->Protocol, kind);
        p->Flags |= (PacketFlags)(swapped * (uint)PacketFlags.Swapped);
        p->KeyLow = addresses;
        p->KeyHigh = high;
        p->Hash = FlowKey.Hash(addresses, high, _secretLow, _secretHigh);
    }

    /// <summary>To an address that maps to no one private one: a NAT gateway's EIP, a load balancer's, or one that belongs to no connection,
    /// and Admit says why.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void KeyPublic(PacketBuffer* p, EipMap.Slot* eip, uint ports, byte kind)
    {
        if (eip->Nat != 0)
        {
            KeyToPublic4(p, Ip4Family.Source(p), eip, ports, kind);
        }
        else if (BalancerOf(p, Ip4Family.Destination(p)) == 0 || !TryKeyForBalancer(p, ports))
        {
            p->Flags |= PacketFlags.NoKey;
            SetKey4(p, Ip4Family.Source(p), ports, space: 0, kind);
        }
    }

    private void SetKey4(PacketBuffer* p, ulong addresses, uint ports, int space, byte kind)
    {
        uint swapped = FlowKey.Sort(ref addresses, ref ports);
        p->Flags |= (PacketFlags)(swapped * (uint)PacketFlags.Swapped);
        p->KeyLow = addresses;
        p->KeyHigh = ports | FlowKey.Space(space, p->Protocol, kind);
        p->Hash = FlowKey.Hash(addresses, p->KeyHigh, _secretLow, _secretHigh);
    }

    private void Key6(PacketBuffer* p, Eni* eni)
    {
        RawIp6 source = Ip6Family.Source(p);
        RawIp6 destination = Ip6Family.Destination(p);
        int space = eni->Vpc;
        if (p->InPort == 0)
        {
            int target = PublicPortOf(destination);
            space = target == 0 ? 0 : _snapshot.Enis[target].Vpc;
            if (target == 0)
            {
                p->Flags |= PacketFlags.NoKey;
            }
        }
        else if ((eni->Flags & EniFlags.KeyedSlowly) != 0)
        {
            space = SpaceToward<RawIp6, Ip6Family>(p, p->InPort, destination);
        }

        uint ports = Ports(p, out byte kind);
        if ((p->Flags & (PacketFlags.IcmpError | PacketFlags.Fragment)) == PacketFlags.IcmpError)
        {
            KeyOfQuote(p);
            return;
        }

        bool swapped = FlowKey.Sort(
            source, destination, ports & 0xFFFF, ports >> 16, out FlowAddresses6 addresses, out ulong portsKey);
        p->Flags |= swapped ? PacketFlags.Swapped : PacketFlags.None;
        SetKey6(p, addresses, portsKey | FlowKey.Space(space, p->Protocol, kind));
    }

    private void SetKey6(PacketBuffer* p, in FlowAddresses6 addresses, ulong keyHigh)
    {
        *Scratch6(p) = addresses;
        p->KeyLow = FlowKey.Fold(addresses, _secretLow);
        p->KeyHigh = keyHigh;
        p->Hash = FlowKey.Hash(p->KeyLow, keyHigh, _secretLow, _secretHigh);
    }

    private static FlowAddresses6* Scratch6(PacketBuffer* p) => (FlowAddresses6*)((byte*)p + PacketBuffer.ScratchOffsetBytes);

    /// <summary>The ENI that an IPv6 packet from outside reaches: the one address in all VPCs (validation sees to it).</summary>
    private int PublicPortOf(RawIp6 destination)
    {
        for (int vpc = 1; vpc < _snapshot.Vpcs.Length; vpc++)
        {
            if (_snapshot.Vpcs[vpc].Contains(destination))
            {
                int port = _snapshot.PortOf(vpc, destination);
                if (port != 0)
                {
                    return port;
                }
            }
        }

        return 0;
    }

    /// <summary>Raw source port in the low half, destination port in the high half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Ports(PacketBuffer* p, out byte kind)
    {
        kind = 0;
        byte protocol = p->Protocol;
        if (protocol is ParseStage.Tcp or ParseStage.Udp && (p->Flags & PacketFlags.LaterFragment) == 0)
        {
            return *(uint*)(p->Data + p->L4Offset);
        }

        return PortsOfOthers(p, ref kind);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static uint PortsOfOthers(PacketBuffer* p, ref byte kind)
    {
        if ((p->Flags & PacketFlags.LaterFragment) != 0)
        {
            return 0;
        }

        byte* l4 = p->Data + p->L4Offset;
        bool isV6 = (p->Flags & PacketFlags.IsV6) != 0;
        if (p->Protocol == ParseStage.Sctp)
        {
            return *(uint*)l4;
        }

        if (p->Protocol != (isV6 ? ParseStage.Icmp6 : ParseStage.Icmp))
        {
            return 0;
        }

        if (IcmpRules.IsError(*l4, isV6))
        {
            // A fragment of an error is related to nothing, but must meet the other fragments: it keeps its addresses as key.
            bool isFragment = (p->Flags & PacketFlags.Fragment) != 0;
            p->Flags |= isFragment ? PacketFlags.IcmpError | PacketFlags.NoKey : PacketFlags.IcmpError;
            return 0;
        }

        if (!IcmpRules.IsQuery(*l4, isV6))
        {
            p->Flags |= PacketFlags.NoKey;
            return 0;
        }

        kind = IcmpRules.KindOf(*l4, isV6);
        return PortsOfQuery(*l4, *(ushort*)(l4 + 4), isV6);
    }

    /// <summary>The identifier is the requester's, so two ends that ask each other with the same one have two connections.</summary>
    private static uint PortsOfQuery(byte type, ushort identifier, bool isV6) =>
        IcmpRules.IsRequest(type, isV6) ? identifier : (uint)identifier << 16;

    /// <summary>3. Steer: keeps the packet, or gives it to the worker that owns its connection.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Steer(PacketBuffer* p)
    {
        if (_steering == null || ((p->Flags & (PacketFlags.Fragment | PacketFlags.IsV6)) == 0 && _steering.Owns(p->KeyLow, p->KeyHigh)))
        {
            AddLive(p);
        }
        else
        {
            SteerAway(p);
        }
    }

    private void SteerAway(PacketBuffer* p)
    {
        if ((p->Flags & PacketFlags.Fragment) == 0)
        {
            Give(p, OwnerOf(p, p->KeyHigh));
            return;
        }

        // Only a first fragment has ports. So all fragments of a datagram go to one worker, whatever their connection is.
        int meeting = MeetingWorker(p);
        if (meeting == _steering!.Self)
        {
            AddLive(p);
        }
        else
        {
            TryGive(p, meeting);
        }
    }

    private void Give(PacketBuffer* p, int worker)
    {
        if (worker == _steering!.Self)
        {
            AddLive(p);
        }
        else
        {
            TryGive(p, worker);
        }
    }

    /// <summary>Gives a packet to another worker; false when it had to be dropped.</summary>
    private bool TryGive(PacketBuffer* p, int worker)
    {
        if (!_steering!.TryHandOver(p, worker))
        {
            Drop(p, DropReason.QueueFull);
            return false;
        }

        _counters.HandedOver++;
        return true;
    }

    private int OwnerOf(PacketBuffer* p, ulong keyHigh)
    {
        if ((p->Flags & PacketFlags.IsV6) != 0)
        {
            FlowAddresses6* addresses = Scratch6(p);
            return _steering!.OwnerOf(addresses->Lower, addresses->Higher, keyHigh);
        }

        return _steering!.OwnerOf(p->KeyLow, keyHigh);
    }
}
