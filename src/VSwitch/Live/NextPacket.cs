using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VSwitch.DataPlane.Flows;
using VSwitch.Wire;

namespace VSwitch.Live;

/// <summary>The frame that an end of a live connection would send next, as far as policy looks at it: by the way that its packets
/// went so far.</summary>
internal static class NextPacket
{
    /// <summary>Bytes of the longest such frame.</summary>
    public const int MaxBytes = EthernetBytes + 40 + 20;

    private const int EthernetBytes = 14;
    private const byte Tcp = 6;
    private const byte Udp = 17;
    private const byte Sctp = 132;
    private const byte Icmp = 1;
    private const byte Icmp6 = 58;
    private const byte Syn = 2;
    private const byte Ack = 16;
    private const ulong MacMask = 0xFFFF_FFFF_FFFF;

    /// <summary>Writes the frame.</summary>
    /// <param name="record">The connection.</param>
    /// <param name="isReply">True for the end that did not open it.</param>
    /// <param name="frame">At least <see cref="MaxBytes"/>.</param>
    /// <returns>Bytes of the frame.</returns>
    public static int Write(in ConnectionRecord record, bool isReply, Span<byte> frame)
    {
        FlowAction action = isReply ? record.Reply : record.Forward;
        FlowAction other = isReply ? record.Forward : record.Reply;
        ConnectionEnds ends = ConnectionEnds.Of(record);
        (IpAddress source, IpAddress destination) = isReply ? (ends.SeenDestination, ends.SeenSource) : (ends.Source, ends.Destination);

        // What goes to this end is addressed to the MAC that it sends from.
        BinaryPrimitives.WriteUInt64LittleEndian(frame, action.Arrival >> 16);
        BinaryPrimitives.WriteUInt64LittleEndian(frame[6..], other.MacBytes & MacMask);
        int header = record.IsV6 ? 40 : 20;
        Span<byte> l4 = frame[(EthernetBytes + header)..];
        int bytes = WriteTransport(record, isReply, l4);
        Span<byte> ip = frame[EthernetBytes..];
        if (record.IsV6)
        {
            WriteIp6(ip, source, destination, record.Protocol, bytes);
        }
        else
        {
            WriteIp4(ip, source, destination, record.Protocol, bytes);
        }

        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], record.IsV6 ? (ushort)0x86DD : (ushort)0x0800);
        return EthernetBytes + header + bytes;
    }

    private static void WriteIp6(Span<byte> ip, IpAddress source, IpAddress destination, byte protocol, int bytes)
    {
        ip[..40].Clear();
        (ip[0], ip[6], ip[7]) = (0x60, protocol, 64);
        BinaryPrimitives.WriteUInt16BigEndian(ip[4..], (ushort)bytes);
        source.Write(ip[8..]);
        destination.Write(ip[24..]);
    }

    private static unsafe void WriteIp4(Span<byte> ip, IpAddress source, IpAddress destination, byte protocol, int bytes)
    {
        ip[..20].Clear();
        (ip[0], ip[8], ip[9]) = (0x45, 64, protocol);
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(20 + bytes));
        source.Write(ip[12..]);
        destination.Write(ip[16..]);
        fixed (byte* header = ip)
        {
            ushort checksum = (ushort)~InternetChecksum.SumRaw(header, 20);
            MemoryMarshal.Write(ip[10..], checksum);
        }
    }

    private static int WriteTransport(in ConnectionRecord record, bool isReply, Span<byte> l4)
    {
        l4[..20].Clear();
        bool isFromHigher = record.IsOpenerHigher != isReply;
        (ushort from, ushort to) = isFromHigher ? (record.HigherPort, record.LowerPort) : (record.LowerPort, record.HigherPort);

        // Its sender knows the other end by what the action translates.
        ushort mapped = (ushort)((isReply ? record.Reply : record.Forward).PortXor >> 16);
        to ^= mapped;
        switch (record.Protocol)
        {
            case Tcp:
                MemoryMarshal.Write(l4, from);
                MemoryMarshal.Write(l4[2..], to);
                l4[12] = 0x50;
                l4[13] = record.Entry.State == FlowState.TcpSynSent ? (isReply ? (byte)(Syn | Ack) : Syn) : Ack;
                return 20;
            case Udp or Sctp:
                MemoryMarshal.Write(l4, from);
                MemoryMarshal.Write(l4[2..], to);
                l4[5] = record.Protocol == Udp ? (byte)8 : (byte)0;
                return record.Protocol == Udp ? 8 : 12;
            case Icmp when !record.IsV6:
            case Icmp6 when record.IsV6:
                byte query = (byte)(record.Detail.Selector >> 8);
                l4[0] = isReply ? IcmpRules.AnswerTo(query, record.IsV6) : query;
                MemoryMarshal.Write(l4[4..], (ushort)((record.IsOpenerHigher ? record.HigherPort : record.LowerPort) ^ mapped));
                return 8;
            default:
                return 8;
        }
    }
}
