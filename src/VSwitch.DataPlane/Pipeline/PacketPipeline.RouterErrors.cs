using System.Buffers.Binary;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Local;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Pipeline;

/// <content>The errors that the router sends (RFC 792, 1191, 4443). The question: may the sender be told, and by what address?
/// A dropped packet stays dropped for its own reason, whether an error goes out or not.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private const byte ErrorTtl = 64;
    private const byte ErrorTos = 0xC0;
    private const int IcmpHeaderBytes = 8;
    private const int MaxError4Bytes = 576;
    private const int MaxError6Bytes = 1280;

    private enum RouterError
    {
        None,

        /// <summary>11/0; ICMPv6 3/0.</summary>
        TimeExceeded,

        /// <summary>3/0; ICMPv6 1/0.</summary>
        NetUnreachable,

        /// <summary>3/1; ICMPv6 1/3.</summary>
        HostUnreachable,

        /// <summary>3/13; ICMPv6 1/1.</summary>
        Prohibited,

        /// <summary>3/4; ICMPv6 2/0.</summary>
        TooBig,
    }

    /// <summary>Drops a packet whose TTL ran out.</summary>
    private void ExpireTtl(PacketBuffer* p)
    {
        SendError(p, RouterError.TimeExceeded);
        Drop(p, DropReason.TtlExpired);
    }

    /// <summary>A packet larger than the egress port's MTU. A super-packet whose segments fit passes whole; an IPv4 packet that
    /// may be cut up passes, and is cut at the egress; any other is dropped, and its sender told.</summary>
    /// <returns>True when it was dropped.</returns>
    private bool RefuseTooLong(PacketBuffer* p, int mtuBytes, int outPort)
    {
        if (!IsTooLong(p, mtuBytes))
        {
            return false;
        }

        if (MayCut(p, mtuBytes))
        {
            if (_tracer.IsEnabled)
            {
                _tracer.Note(PipelineStage.Egress, $"{p->L3Length} bytes are more than the MTU of {mtuBytes}: cut in fragments");
            }

            _egress.MarkLong(outPort);
            return false;
        }

        SendError(p, RouterError.TooBig, mtuBytes);
        Drop(p, DropReason.MtuExceeded);
        return true;
    }

    /// <summary>Tells a packet's sender what became of it, where a router may: RFC 1812 section 4.3.2.7, RFC 4443 section 2.4.
    /// Group addresses and sources that are no host's do not come so far (order of checks, 2.4 and 2.5).</summary>
    private void SendError(PacketBuffer* p, RouterError error, int mtuBytes = 0)
    {
        if (error == RouterError.None)
        {
            return;
        }

        bool isV6 = (p->Flags & PacketFlags.IsV6) != 0;
        string? silence = (p->Flags & PacketFlags.IcmpError) != 0 ? "never about an ICMP error"
            : (p->Flags & PacketFlags.LaterFragment) != 0 ? "never about a later fragment"
            : !HasRouterAddress(p->InPort, isV6) ? "the router has no address there"
            : !_shared.Errors.TryTake(p->InPort, _nowNs) ? "too many of them to this port"
            : null;
        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.Local, silence == null
                ? $"the router tells the sender: {Words(error)}" : $"the router does not tell the sender: {silence}");
        }

        PacketBuffer* message = silence == null ? _pool.Rent() : null;
        if (message == null)
        {
            return;
        }

        if (isV6)
        {
            WriteError6(p, message, error, mtuBytes);
        }
        else
        {
            WriteError4(p, message, error, mtuBytes);
        }

        SendGenerated(message, p->InPort);
    }

    private static string Words(RouterError error) => error switch
    {
        RouterError.TimeExceeded => "time exceeded",
        RouterError.NetUnreachable => "no route to the destination",
        RouterError.HostUnreachable => "the next hop does not answer",
        RouterError.Prohibited => "the NAT gateway takes no more connections",
        _ => "too large, with the MTU that it must fit",
    };

    private bool HasRouterAddress(int port, bool isV6) => isV6 ? RouterAddress6(port) != default : RouterAddress4(port) != 0;

    private uint RouterAddress4(int port) => !IsOutside(port) ? _snapshot.Subnets[_snapshot.Enis[port].Subnet].Router4
        : SideOf(port).Own4 is [uint own, ..] ? own : 0;

    private RawIp6 RouterAddress6(int port) => !IsOutside(port) ? _snapshot.Subnets[_snapshot.Enis[port].Subnet].Router6
        : SideOf(port).Own6 is [RawIp6 own, ..] ? own : default;

    private void WriteError4(PacketBuffer* p, PacketBuffer* message, RouterError error, int mtuBytes)
    {
        int quote = Math.Min((int)p->L3Length, MaxError4Bytes - FrameWriter.Ip4Bytes - IcmpHeaderBytes);
        byte* ip = message->Data + ParseStage.EthernetBytes;
        byte* icmp = ip + FrameWriter.Ip4Bytes;
        FrameWriter.Ethernet(message->Data, *(ulong*)(p->Data + 6) & MacMask, OwnMac(p->InPort), ParseStage.EtherTypeIp4);
        FrameWriter.Ip4(
            ip, IcmpHeaderBytes + quote, ErrorTos, ErrorTtl, ParseStage.Icmp, RouterAddress4(p->InPort), Ip4Family.Source(p));
        (icmp[0], icmp[1]) = error switch
        {
            RouterError.TimeExceeded => ((byte)11, (byte)0),
            RouterError.NetUnreachable => ((byte)3, (byte)0),
            RouterError.HostUnreachable => ((byte)3, (byte)1),
            RouterError.Prohibited => ((byte)3, (byte)13),
            _ => ((byte)3, (byte)4),
        };
        *(uint*)(icmp + 4) = BinaryPrimitives.ReverseEndianness((uint)mtuBytes);
        Buffer.MemoryCopy(p->Data + p->L3Offset, icmp + IcmpHeaderBytes, quote, quote);
        FrameWriter.IcmpChecksum(icmp, IcmpHeaderBytes + quote);
        message->Length = ParseStage.EthernetBytes + FrameWriter.Ip4Bytes + IcmpHeaderBytes + quote;
    }

    private void WriteError6(PacketBuffer* p, PacketBuffer* message, RouterError error, int mtuBytes)
    {
        int quote = Math.Min((int)p->L3Length, MaxError6Bytes - FrameWriter.Ip6Bytes - IcmpHeaderBytes);
        byte* ip = message->Data + ParseStage.EthernetBytes;
        byte* icmp = ip + FrameWriter.Ip6Bytes;
        FrameWriter.Ethernet(message->Data, *(ulong*)(p->Data + 6) & MacMask, OwnMac(p->InPort), ParseStage.EtherTypeIp6);
        FrameWriter.Ip6(
            ip, IcmpHeaderBytes + quote, ErrorTtl, ParseStage.Icmp6, RouterAddress6(p->InPort), Ip6Family.Source(p));
        (icmp[0], icmp[1]) = error switch
        {
            RouterError.TimeExceeded => ((byte)3, (byte)0),
            RouterError.NetUnreachable => ((byte)1, (byte)0),
            RouterError.HostUnreachable => ((byte)1, (byte)3),
            RouterError.Prohibited => ((byte)1, (byte)1),
            _ => ((byte)2, (byte)0),
        };
        *(uint*)(icmp + 4) = BinaryPrimitives.ReverseEndianness((uint)mtuBytes);
        Buffer.MemoryCopy(p->Data + p->L3Offset, icmp + IcmpHeaderBytes, quote, quote);
        FrameWriter.Icmp6Checksum(ip, icmp, IcmpHeaderBytes + quote);
        message->Length = ParseStage.EthernetBytes + FrameWriter.Ip6Bytes + IcmpHeaderBytes + quote;
    }
}
