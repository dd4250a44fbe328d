using System.Buffers.Binary;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Watching;

/// <summary>Addresses, protocol and ports of any frame, whether the switch would take it or not: as far as its bytes reach.</summary>
internal unsafe struct PacketTuple
{
    /// <summary>No such number in the frame.</summary>
    public const int None = -1;

    private const int ArpBytes = 28;
    private const int Ip4Bytes = 20;
    private const int Ip6Bytes = 40;
    private const int MaxExtensions = 8;

    /// <summary>4 or 6 when there are addresses; 0 when there are none.</summary>
    public int Version;

    /// <summary>Raw source; of IPv4 (and ARP's sender) the first half.</summary>
    public RawIp6 Source;

    /// <summary>Raw destination; of ARP the target.</summary>
    public RawIp6 Destination;

    /// <summary>IP protocol after extension headers.</summary>
    public int Protocol;

    /// <summary>Source port of TCP, UDP, SCTP.</summary>
    public int SourcePort;

    /// <summary>Destination port.</summary>
    public int DestinationPort;

    /// <summary>Reads a frame.</summary>
    public static PacketTuple Read(byte* frame, int length)
    {
        var tuple = new PacketTuple { Protocol = None, SourcePort = None, DestinationPort = None };
        if (length < ParseStage.EthernetBytes)
        {
            return tuple;
        }

        byte* body = frame + ParseStage.EthernetBytes;
        int bytes = length - ParseStage.EthernetBytes;
        switch (*(ushort*)(frame + 12))
        {
            case ParseStage.EtherTypeIp4 when bytes >= Ip4Bytes:
                tuple.ReadIp4(body, bytes);
                break;
            case ParseStage.EtherTypeIp6 when bytes >= Ip6Bytes:
                tuple.ReadIp6(body, bytes);
                break;
            case ParseStage.EtherTypeArp when bytes >= ArpBytes:
                tuple.Version = 4;
                tuple.Source = new RawIp6(*(uint*)(body + 14), 0);
                tuple.Destination = new RawIp6(*(uint*)(body + 24), 0);
                break;
            default:
                break;
        }

        return tuple;
    }

    private void ReadIp4(byte* ip, int bytes)
    {
        Version = 4;
        Source = new RawIp6(*(uint*)(ip + 12), 0);
        Destination = new RawIp6(*(uint*)(ip + 16), 0);
        Protocol = ip[9];
        int header = (*ip & 15) * 4;
        bool isLater = (BinaryPrimitives.ReverseEndianness(*(ushort*)(ip + 6)) & 0x1FFF) != 0;
        if (!isLater)
        {
            ReadPorts(ip + header, bytes - header);
        }
    }

    private void ReadIp6(byte* ip, int bytes)
    {
        Version = 6;
        Source = *(RawIp6*)(ip + 8);
        Destination = *(RawIp6*)(ip + 24);
        byte next = ip[6];
        int at = Ip6Bytes;
        bool isLater = false;
        for (int i = 0; next is 0 or 43 or 44 or 51 or 60 && i < MaxExtensions && at + 8 <= bytes; i++)
        {
            byte* header = ip + at;
            isLater |= next == 44 && (BinaryPrimitives.ReverseEndianness(*(ushort*)(header + 2)) & 0xFFF8) != 0;
            at += next == 44 ? 8 : next == 51 ? (header[1] + 2) * 4 : (header[1] + 1) * 8;
            next = header[0];
            if (isLater)
            {
                break;
            }
        }

        Protocol = next;
        if (!isLater)
        {
            ReadPorts(ip + at, bytes - at);
        }
    }

    private void ReadPorts(byte* l4, int bytes)
    {
        if (bytes >= 4 && Protocol is (ParseStage.Tcp or ParseStage.Udp or ParseStage.Sctp))
        {
            SourcePort = BinaryPrimitives.ReverseEndianness(*(ushort*)l4);
            DestinationPort = BinaryPrimitives.ReverseEndianness(*(ushort*)(l4 + 2));
        }
    }
}
