using System.Buffers.Binary;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Limits;
using VSwitch.DataPlane.Local;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Pipeline;

/// <content>6e. Scrubbing. The question: may this packet open a connection to an EIP that is under attack? Asked of packets from outside
/// that rules allow and that belong to no connection, where some EIP is protected. Order of checks, section 18.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private const byte Fin = 1;
    private const byte Syn = 2;
    private const byte Reset = 4;
    private const byte SynAck = 0x12;
    private const int TcpBytes = 20;

    /// <summary>How long a challenge has the same cookie; one of the period before is good, too.</summary>
    private const long CookiePeriodNs = 8_000_000_000;

    /// <summary>Counts a first packet to a protected EIP and, while that is under attack, asks whether it may go on.</summary>
    /// <returns>True when it was dropped.</returns>
    private bool IsScrubbed(PacketBuffer* p, FlowState state)
    {
        if (!IsProtected(p, out int number, out EipProtection protection))
        {
            return false;
        }

        Scrubber scrubber = _shared.Scrubber;
        bool isTcp = p->Protocol == ParseStage.Tcp;
        scrubber.NoteOpening(number, isTcp && state == FlowState.TcpSynSent, protection, _nowNs);
        if (!scrubber.IsScrubbing(number))
        {
            return false;
        }

        uint source = Ip4Family.Source(p);
        DropReason reason = isTcp
            ? scrubber.Proven.Contains(source, _nowNs) ? DropReason.None : DropReason.ScrubbingSyn
            : scrubber.TryTakeFlow(number, source, protection, _nowNs) ? DropReason.None : DropReason.ScrubbingRate;
        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.Connection, "the EIP is under attack and scrubbed: " + (reason switch
            {
                DropReason.None when isTcp => "the source has proven its address",
                DropReason.None => "within the rate of new flows that are let in meanwhile",
                DropReason.ScrubbingSyn => "the source has not proven its address",
                _ => "over the rate of new flows that are let in meanwhile",
            }));
        }

        if (reason == DropReason.None)
        {
            return false;
        }

        if (state == FlowState.TcpSynSent && isTcp && !TryChallenge(p, number))
        {
            reason = DropReason.MalformedL4;
        }

        int packets = SuperPacket.WirePackets(p);
        scrubber.NoteScrubbed(number, packets, IpBytes(p, packets));
        Drop(p, reason);
        return true;
    }

    /// <summary>Takes a RST that says the number of a challenge: only who got the challenge knows it, so the source has its address.
    /// </summary>
    private bool TryTakeProof(PacketBuffer* p)
    {
        byte* tcp = p->Data + p->L4Offset;
        bool isReset = p->Protocol == ParseStage.Tcp && (tcp[13] & (Fin | Syn | Reset)) == Reset;
        if (!isReset || !IsProtected(p, out int number, out _) || !_shared.Scrubber.IsScrubbing(number))
        {
            return false;
        }

        uint source = Ip4Family.Source(p);
        uint ports = *(uint*)tcp;
        uint cookie = BinaryPrimitives.ReverseEndianness(*(uint*)(tcp + 4));
        long period = _nowNs / CookiePeriodNs;
        uint destination = Ip4Family.Destination(p);
        if (cookie != (uint)Cookie(source, destination, ports, period) && cookie != (uint)Cookie(source, destination, ports, period - 1))
        {
            return false;
        }

        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.Connection, "the RST answers the challenge of a scrubbed EIP: the source has proven its address");
        }

        _shared.Scrubber.NoteProof(number, source, _nowNs);
        Consume(p);
        return true;
    }

    private bool IsProtected(PacketBuffer* p, out int number, out EipProtection protection)
    {
        number = 0;
        protection = default;
        if (p->InPort != 0 || (p->Flags & PacketFlags.IsV6) != 0)
        {
            return false;
        }

        int eip = Ip4Family.EipOf(_snapshot, Ip4Family.Destination(p));
        protection = _snapshot.Protections[eip];
        number = _snapshot.Eips[eip].Number;
        return protection.IsThere;
    }

    /// <summary>Answers a SYN with a SYN+ACK that acknowledges another number than the SYN's. A host that sent the SYN resets that number
    /// (RFC 9293 section 3.10.7.3) and goes on to ask for its connection; nothing is remembered of it here.</summary>
    /// <returns>False when the SYN's checksum is wrong: the switch answers nothing that is damaged.</returns>
    private bool TryChallenge(PacketBuffer* p, int number)
    {
        byte* ip = p->Data + p->L3Offset;
        byte* tcp = p->Data + p->L4Offset;
        int tcpBytes = p->L3Offset + p->L3Length - p->L4Offset;
        bool isWhole = (p->Flags & PacketFlags.Fragment) == 0 && (p->Offload.Flags & VirtioNetHeader.NeedsChecksum) == 0;
        if (isWhole && FrameWriter.SumWithPseudoHeader4(ip, tcp, tcpBytes, ParseStage.Tcp) != ushort.MaxValue)
        {
            return false;
        }

        uint source = Ip4Family.Source(p);
        uint destination = Ip4Family.Destination(p);
        uint ports = *(uint*)tcp;
        ulong cookie = Cookie(source, destination, ports, _nowNs / CookiePeriodNs);
        uint first = BinaryPrimitives.ReverseEndianness(*(uint*)(tcp + 4));
        PacketBuffer* answer = (uint)cookie - first - 1 <= (uint)tcpBytes ? null : _pool.Rent();
        if (answer == null)
        {
            // It would be a good answer, once in four billions, or there is no buffer: the client asks again.
            return true;
        }

        byte* newIp = answer->Data + ParseStage.EthernetBytes;
        byte* newTcp = newIp + FrameWriter.Ip4Bytes;
        FrameWriter.Ethernet(answer->Data, *(ulong*)(p->Data + 6) & MacMask, OwnMac(p->InPort), ParseStage.EtherTypeIp4);
        FrameWriter.Ip4(newIp, TcpBytes, 0, ErrorTtl, ParseStage.Tcp, destination, source);
        *(uint*)newTcp = (ports >> 16) | (ports << 16);
        *(uint*)(newTcp + 4) = (uint)(cookie >> 32);
        *(uint*)(newTcp + 8) = BinaryPrimitives.ReverseEndianness((uint)cookie);
        *(uint*)(newTcp + 12) = (TcpBytes / 4 << 4) | (SynAck << 8);
        *(uint*)(newTcp + 16) = 0;
        *(ushort*)(newTcp + 16) = (ushort)~FrameWriter.SumWithPseudoHeader4(newIp, newTcp, TcpBytes, ParseStage.Tcp);
        answer->Length = ParseStage.EthernetBytes + FrameWriter.Ip4Bytes + TcpBytes;
        SendGenerated(answer, p->InPort);
        _shared.Scrubber.NoteChallenge(number);
        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.Local, "the SYN is answered with a challenge: a SYN+ACK that its sender resets, and for which nothing is remembered");
        }

        return true;
    }

    /// <summary>What a challenge acknowledges (low half) and sends as its own number (high half): the same for the same ends and time, and
    /// not to be guessed.</summary>
    private ulong Cookie(uint source, uint destination, uint ports, long period) =>
        SipHash.Of(source | ((ulong)destination << 32), ports | ((ulong)(uint)period << 32), (_secretLow, _secretHigh));
}
