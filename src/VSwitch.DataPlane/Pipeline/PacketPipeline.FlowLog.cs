using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.FlowLogs;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Policy;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Pipeline;

/// <content>Beside the way: what flow logs are told of dropped packets, and of TCP flags. The question: whose drop is it? A packet
/// is rejected once, at the ENI whose rules or state refused it: on its way in at the receiver for its ingress rules and its
/// subnet's ingress ACL, and for what comes from the internet side; else on its way out at the sender.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    /// <summary>High half of the key of a packet whose addresses are not known. A real key has it only for protocol 0 between two
    /// EIPs.</summary>
    private const ulong NoTuple = 0;

    private const byte TcpFinSynRst = 7;
    private const byte TcpSyn = 2;
    private const byte TcpAck = 16;

    /// <summary>Tag of a key made of the packet's own addresses; below it the packet's flags.</summary>
    private const ulong AddressKeyTag = 1UL << 30;
    private const int TagFlagsShift = 24;
    private RejectTable? _rejects;

    /// <summary>What is told to flow logs; null while there are none. Set by the worker only.</summary>
    internal FlowRecorder? Recorder
    {
        get => _connections.Recorder;
        set
        {
            _connections.Recorder = value;
            _rejects = value?.Rejects;
        }
    }

    /// <summary>A SYN, FIN or RST goes its way; the short way takes none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void NoteTcpFlags(PacketBuffer* p, FlowEntry* entry)
    {
        byte flags = p->Data[p->L4Offset + 13];
        if ((flags & TcpFinSynRst) != 0)
        {
            FlowDetail* detail = _connections.DetailOf(entry);
            byte noted = (byte)(flags & (TcpFinSynRst | ((flags & TcpSyn) != 0 ? TcpAck : 0)));
            *(Direction(p) == 0 ? &detail->TcpFlagsUp : &detail->TcpFlagsDown) |= noted;
        }
    }

    /// <summary>Counts a dropped packet for the flow logs. A flow that is there already costs one look at its line.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void NoteReject(PacketBuffer* p, DropReason reason)
    {
        bool isError = (p->Flags & (PacketFlags.IcmpError | PacketFlags.NoKey)) != 0;
        if ((p->InPort == 0 && (isError ? (p->Flags & PacketFlags.IsV6) == 0 && OutsideReceiver(p) == 0 : p->KeyHigh == NoTuple)) ||
            IsOfNoEni(p))
        {
            // From outside and for nobody here: no ENI's.
            return;
        }

        RejectKey key = KeyOfReject(p, reason, isError, out uint hash);
        if (!_rejects!.TryCount(key, hash, p->Length, _nowMs))
        {
            AddReject(p, reason, isError, key, hash);
        }
    }

    private void AddReject(PacketBuffer* p, DropReason reason, bool isError, in RejectKey key, uint hash)
    {
        FlowReport unused = default;
        FlowReport* report = _rejects!.Add(key, hash, p->Length, _nowMs);
        bool isRoom = report != null;
        report = isRoom ? report : &unused;
        if ((p->Flags & PacketFlags.IsV6) == 0)
        {
            Describe<uint, Ip4Family>(p, reason, isError, report);
        }
        else
        {
            Describe<RawIp6, Ip6Family>(p, reason, isError, report);
        }

        if (!isRoom)
        {
            _connections.Recorder!.Lose(report->FirstPort, 1, p->Length);
        }
    }

    /// <summary>Packets with one key have one report. The key of an ICMP error is that of the packet it quotes, so such packets are
    /// told apart by their own addresses.</summary>
    private RejectKey KeyOfReject(PacketBuffer* p, DropReason reason, bool isError, out uint hash)
    {
        ulong tag = p->InPort | ((ulong)reason << 16) | ((ulong)_snapshot.Version << 32) |
            ((ulong)(p->Flags & (PacketFlags.IsV6 | PacketFlags.Swapped)) << TagFlagsShift);
        ulong low = p->KeyLow;
        ulong high = p->KeyHigh;
        hash = p->Hash;
        if (isError)
        {
            byte* ip = p->Data + p->L3Offset;
            low = (p->Flags & PacketFlags.IsV6) == 0 ? *(ulong*)(ip + 12)
                : FlowKey.Fold(new FlowAddresses6(*(RawIp6*)(ip + 8), *(RawIp6*)(ip + 24)), _secretLow);
            high = ((ulong)p->Protocol << 48) | SelectorOf(p);
            tag = (tag & ~((ulong)PacketFlags.Swapped << TagFlagsShift)) | AddressKeyTag;
            hash = FlowKey.Hash(low, high, _secretLow, _secretHigh);
        }
        else if (high == NoTuple)
        {
            low = 0;
            tag &= ~((ulong)(PacketFlags.IsV6 | PacketFlags.Swapped) << TagFlagsShift);
            hash = 0;
        }

        hash += ((uint)tag * 0x9E37_79B1u) >> 12;
        return new RejectKey(low, high, tag);
    }

    /// <summary>The ENI behind the EIP that an IPv4 packet from outside names, 0 = none.</summary>
    private int OutsideReceiver(PacketBuffer* p) => _snapshot.Eips[Ip4Family.EipOf(_snapshot, Ip4Family.Destination(p))].Port;

    private void Describe<TAddress, TFamily>(PacketBuffer* p, DropReason reason, bool isError, FlowReport* report)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        report->Kind = FlowReportKind.Reject;
        report->Reason = reason;
        report->PolicyVersion = _snapshot.Version;
        report->SecondPort = p->InPort;
        report->EgressRule = SecurityGroupTable.NoRule;
        report->IngressRule = SecurityGroupTable.NoRule;
        bool swapped = (p->Flags & PacketFlags.Swapped) != 0;
        bool hasTuple = isError || p->KeyHigh != NoTuple;
        if (!hasTuple)
        {
            report->FirstPort = p->InPort;
            return;
        }

        TAddress source = isError ? TFamily.Source(p) : TFamily.KeyAddress(p->KeyLow, Scratch6(p), swapped);
        TAddress destination = isError ? TFamily.Destination(p) : TFamily.KeyAddress(p->KeyLow, Scratch6(p), !swapped);
        ulong ports = isError ? 0 : p->KeyHigh & uint.MaxValue;
        report->Flags = FlowReportFlags.HasTuple | (typeof(TAddress) == typeof(uint) ? FlowReportFlags.None : FlowReportFlags.IsV6);
        report->Ports = (swapped && !isError ? (ushort)(ports >> 16) | ((ports & 0xFFFF) << 16) : ports) | ((ulong)p->Protocol << 48);
        Attribute<TAddress, TFamily>(p, reason, isError, ref source, ref destination, report);
        report->Addresses = new FlowAddresses6(Widen(source), Widen(destination));
    }

    /// <summary>Says which ENI refused it, on its way out or in, and turns the addresses into those that this ENI sees.</summary>
    private void Attribute<TAddress, TFamily>(
        PacketBuffer* p, DropReason reason, bool isError, ref TAddress source, ref TAddress destination, FlowReport* report)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        bool isHairpin = (p->Flags & PacketFlags.Hairpin) != 0 && !isError;
        bool isIngress = IsOutside(p->InPort) || reason == DropReason.SecurityGroupIngress;
        int rule = SecurityGroupTable.NoRule;
        bool isAcl = reason == DropReason.NetworkAcl && (p->Flags & PacketFlags.LaterFragment) == 0;
        if (isAcl)
        {
            isIngress = IsOutside(p->InPort) ||
                !IsDeniedBy<TAddress, TFamily>(true, p->InPort, destination, p->Protocol, SelectorOf(p), out rule);
        }

        int eni = p->InPort;
        if (isIngress)
        {
            eni = ReceiverOf<TAddress, TFamily>(p, isError, destination);
            if (isAcl)
            {
                _ = IsDeniedBy<TAddress, TFamily>(false, eni, source, p->Protocol, SelectorOf(p), out rule);
            }

            report->Flags |= FlowReportFlags.IsIngress;
        }

        report->FirstPort = (ushort)eni;
        report->EgressRule = rule;
        if (typeof(TAddress) != typeof(uint))
        {
            return;
        }

        // An EIP of the ENI itself is its private address.
        bool isPublic = isHairpin || (isError && p->InPort == 0);
        ref TAddress own = ref isIngress ? ref destination : ref source;
        int eip = isPublic ? TFamily.EipOf(_snapshot, own) : 0;
        if (eip != 0 && _snapshot.Eips[eip].Private != 0)
        {
            own = Unsafe.As<uint, TAddress>(ref _snapshot.Eips[eip].Private);
        }
    }

    /// <summary>The ENI that the packet would have reached, 0 = none.</summary>
    private int ReceiverOf<TAddress, TFamily>(PacketBuffer* p, bool isError, TAddress destination)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        if (!isError)
        {
            bool isRouted = IsOutside(p->InPort) || (*(ulong*)p->Data & MacMask) == _snapshot.GatewayMac;
            return ReceiverOf<TAddress, TFamily>(OpeningOf<TAddress, TFamily>(p, isRouted));
        }

        return p->InPort != 0 ? TFamily.PortOf(_snapshot, _snapshot.Enis[p->InPort].Vpc, destination)
            : typeof(TAddress) == typeof(uint) ? OutsideReceiver(p)
            : PublicPortOf(Ip6Family.Destination(p));
    }

    /// <summary>True when the ACL of a port's subnet denies it, and by which rule.</summary>
    private bool IsDeniedBy<TAddress, TFamily>(
        bool isEgress, int port, TAddress remote, byte protocol, ushort selector, out int rule)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        rule = NetworkAclTable.NoRule;
        if (!IsDenied<TAddress, TFamily>(isEgress, port, remote, protocol, selector, ""))
        {
            return false;
        }

        Subnet subnet = _snapshot.Subnets[_snapshot.Enis[port].Subnet];
        rule = TFamily.Match(_snapshot.NetworkAcls, isEgress ? subnet.AclEgress : subnet.AclIngress, protocol, remote, selector);
        return true;
    }

    private static RawIp6 Widen<TAddress>(TAddress address)
        where TAddress : unmanaged => typeof(TAddress) == typeof(uint)
            ? new RawIp6(Unsafe.As<TAddress, uint>(ref address), 0) : Unsafe.As<TAddress, RawIp6>(ref address);
}
