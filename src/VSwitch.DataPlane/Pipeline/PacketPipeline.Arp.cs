using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Local;
using VSwitch.DataPlane.Routing;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Watching;

namespace VSwitch.DataPlane.Pipeline;

/// <content>ARP (RFC 826, 5227). The question: who has this address, as far as the asker may know? Order of checks, section 5.
/// The switch answers; nothing is flooded.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private const int ArpFrameBytes = 42;
    private const int ArpSenderMac = 8;
    private const int ArpSenderIp = 14;
    private const int ArpTargetIp = 24;
    private const ushort ArpRequest = 0x0100;
    private const ushort ArpReply = 0x0200;

    private void HandleArp(PacketBuffer* p)
    {
        byte* arp = p->Data + ParseStage.EthernetBytes;
        ushort operation = *(ushort*)(arp + 6);
        ulong senderMac = *(ulong*)(arp + ArpSenderMac) & MacMask;
        uint sender = *(uint*)(arp + ArpSenderIp);
        uint target = *(uint*)(arp + ArpTargetIp);
        bool isOutside = IsOutside(p->InPort);
        DropReason reason = isOutside
            ? CheckArpFromOutside(p->InPort, senderMac, sender)
            : CheckArpFromEni(p->InPort, senderMac, sender, operation == ArpRequest);
        if (reason == DropReason.None && isOutside)
        {
            LearnNeighbor(p->InPort, new RawIp6(sender, 0), isV6: false, senderMac);
        }

        if (reason == DropReason.None && operation is not (ArpRequest or ArpReply))
        {
            reason = DropReason.UnsupportedProtocol;
        }

        if (reason != DropReason.None)
        {
            Drop(p, reason);
            return;
        }

        ulong answer = 0;
        if (isOutside)
        {
            bool isOurs = operation == ArpRequest && (Ip4Family.IsOwn(SideOf(p->InPort), target) ||
                (p->InPort == 0 && _snapshot.Eips[Ip4Family.EipOf(_snapshot, target)].IsBound));
            answer = isOurs ? OwnMac(p->InPort) : 0;
        }
        else if (operation == ArpRequest)
        {
            answer = MacFor(p->InPort, target);
        }

        if (operation == ArpReply && _snapshot.ArpProbes != null)
        {
            NoteArpAnswer(p->InPort, sender);
        }

        if (answer == 0)
        {
            Consume(p);
        }
        else
        {
            AnswerArp(p, answer, target, senderMac, sender);
        }
    }

    private DropReason CheckArpFromEni(int port, ulong senderMac, uint sender, bool isRequest)
    {
        if (senderMac != _snapshot.Enis[port].Mac)
        {
            return DropReason.SpoofedMac;
        }

        bool isProbe = isRequest && sender == 0;
        return isProbe || Ip4Family.Owns(_snapshot, port, sender) ? DropReason.None : DropReason.SpoofedIp;
    }

    private DropReason CheckArpFromOutside(int port, ulong senderMac, uint sender) =>
        (senderMac & 1) != 0 || Ip4Family.IsOwn(SideOf(port), sender) || Ip4Family.EipOf(_snapshot, sender) != 0
            ? DropReason.SpoofedIp : DropReason.None;

    /// <summary>The raw MAC that an ENI gets to know for an address of its subnet; 0 = silence.</summary>
    private ulong MacFor(int port, uint target)
    {
        Eni* eni = _snapshot.Enis + port;
        if (target == _snapshot.Subnets[eni->Subnet].Router4 && target != 0)
        {
            return _snapshot.GatewayMac;
        }

        if ((eni->Flags & EniFlags.KeyedSlowly) != 0 && _snapshot.Subnets[eni->Subnet].Contains(target) &&
            _snapshot.Balancers.Find(eni->Vpc, target) != 0)
        {
            // A load balancer has no MAC: what is for it comes to the router.
            return _snapshot.GatewayMac;
        }

        return PeerMac(eni, port, _snapshot.PortOf(eni->Vpc, target));
    }

    /// <summary>The MAC of an ENI that another one of its subnet asks for; 0 = silence. A detached one is not there.</summary>
    private ulong PeerMac(Eni* asker, int port, int peer)
    {
        Eni* eni = _snapshot.Enis + peer;
        return peer == 0 || peer == port || eni->Subnet != asker->Subnet || (eni->Flags & EniFlags.Detached) != 0 ? 0 : eni->Mac;
    }

    private void LearnNeighbor(int port, RawIp6 address, bool isV6, ulong mac)
    {
        InternetSide side = SideOf(port);
        bool isOnLink = false;
        if (isV6)
        {
            foreach (Prefix6 prefix in side.OnLink6)
            {
                isOnLink |= prefix.Contains(address);
            }
        }
        else
        {
            foreach (Prefix4 prefix in side.OnLink4)
            {
                isOnLink |= address.First != 0 && prefix.Contains((uint)address.First);
            }
        }

        if (!isOnLink || IsStatic(side, address, isV6))
        {
            return;
        }

        int version = _shared.Neighbors.Version;
        if (_shared.Neighbors.Learn(address, isV6, mac, _nowNs / 1_000_000, port))
        {
            _shared.MakeActionsStale();
        }

        if (_shared.Neighbors.Version != version && _shared.Held.Count > 0)
        {
            _steering?.WakeAll();
        }
    }

    private static bool IsStatic(InternetSide side, RawIp6 address, bool isV6)
    {
        bool isStatic = false;
        if (isV6)
        {
            foreach ((RawIp6 known, ulong _) in side.Neighbors6)
            {
                isStatic |= known == address;
            }
        }
        else
        {
            foreach ((uint known, ulong _) in side.Neighbors4)
            {
                isStatic |= known == (uint)address.First;
            }
        }

        return isStatic;
    }

    /// <summary>Asks the neighbours that were not heard of for long whether they are still there, and forgets those that do not
    /// answer.</summary>
    /// <returns>True when one is forgotten: the actions made with its MAC are looked at again.</returns>
    private bool AgeNeighbors(long nowMs)
    {
        bool isAnyGone = false;
        if (!_shared.Neighbors.TryBeginAging(nowMs))
        {
            return false;
        }

        while (_shared.Neighbors.TryNextOverdue(nowMs, out OverdueNeighbor overdue))
        {
            if (overdue.Mac == 0)
            {
                isAnyGone = true;
            }
            else if (overdue.IsV6)
            {
                SendSolicitation(overdue.Port, overdue.Address, overdue.Address, overdue.Mac);
            }
            else
            {
                SendArpRequest(overdue.Port, (uint)overdue.Address.First, overdue.Mac);
            }
        }

        if (isAnyGone)
        {
            _shared.MakeActionsStale();
        }

        return isAnyGone;
    }

    private void AnswerArp(PacketBuffer* request, ulong mac, uint address, ulong senderMac, uint sender)
    {
        PacketBuffer* reply = _pool.Rent();
        if (reply == null)
        {
            Drop(request, DropReason.BufferExhausted);
            return;
        }

        ulong askerMac = *(ulong*)(request->Data + 6) & MacMask;
        WriteArp(reply, askerMac, mac, ArpReply, mac, address, senderMac, sender);
        SendGenerated(reply, request->InPort);
        Answered(request, "ARP: answered");
    }

    private static void WriteArp(
        PacketBuffer* p, ulong destinationMac, ulong sourceMac, ushort operation, ulong senderMac, uint sender, ulong targetMac,
        uint target)
    {
        FrameWriter.Ethernet(p->Data, destinationMac, sourceMac, ParseStage.EtherTypeArp);
        byte* arp = p->Data + ParseStage.EthernetBytes;
        *(uint*)arp = 0x0008_0100;
        *(ushort*)(arp + 4) = 0x0406;
        *(ushort*)(arp + 6) = operation;
        *(ulong*)(arp + ArpSenderMac) = senderMac;
        *(uint*)(arp + ArpSenderIp) = sender;
        *(uint*)(arp + 18) = (uint)targetMac;
        *(ushort*)(arp + 22) = (ushort)(targetMac >> 32);
        *(uint*)(arp + ArpTargetIp) = target;
        p->Length = ArpFrameBytes;
    }

    /// <summary>Asks for a neighbour on the link of the internet side or of a gateway, at most once a second each.</summary>
    private void AskNeighbor(uint address, int port)
    {
        _asked = (new RawIp6(address, 0), false, port);
        if (SideOf(port).Own4.Length > 0 && _shared.Neighbors.ShouldAsk(new RawIp6(address, 0), isV6: false, _nowNs / 1_000_000, port))
        {
            SendArpRequest(port, address, MacMask);
        }
    }

    /// <summary>Sends a question for an address on a link to everybody there, or to one MAC.</summary>
    private void SendArpRequest(int port, uint address, ulong toMac)
    {
        uint[] own = SideOf(port).Own4;
        PacketBuffer* p = own.Length == 0 ? null : _pool.Rent();
        if (p != null)
        {
            ulong mac = OwnMac(port);
            WriteArp(p, toMac, mac, ArpRequest, mac, own[0], 0, address);
            SendGenerated(p, port);
        }
    }

    private void Answered(PacketBuffer* p, string text)
    {
        _counters.Ports[p->InPort].Answered++;
        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.Local, text);
            _tracer.Note(PipelineStage.Verdict, "answered by the switch");
        }

        NoteEnd(p, PacketVerdict.Answered);
        Free(p);
    }

    private void SendGenerated(PacketBuffer* p, int port)
    {
        p->Flags = PacketFlags.Generated;
        p->InPort = (ushort)port;
        Enqueue(p, port);
    }
}
