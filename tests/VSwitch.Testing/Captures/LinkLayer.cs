using System.Buffers.Binary;
using VSwitch.Wire;

namespace VSwitch.Testing.Captures;

/// <summary>What stands before the network header of a captured frame, whatever the link type was.</summary>
/// <param name="Source">Sender's MAC; zero where the link type has none.</param>
/// <param name="Destination">Receiver's MAC; the broadcast address where the link type only says so; else zero.</param>
/// <param name="Tags">VLAN tags, four bytes each, as they stood behind the MACs.</param>
/// <param name="EtherType">What follows; below 0x0600 it is an 802.3 length.</param>
/// <param name="Body">Everything from the network header on.</param>
public sealed record LinkLayer(MacAddress Source, MacAddress Destination, byte[] Tags, ushort EtherType, byte[] Body)
{
    private const int Null = 0;
    private const int Ethernet = 1;
    private const int SllV1 = 113;
    private const int SllV2 = 276;
    private static readonly int[] RawIp = [12, 14, 101, 228, 229];

    /// <summary>True for a frame to more than one receiver.</summary>
    public bool IsToGroup => (Destination.Value >> 40 & 1) != 0;

    /// <summary>Takes the link header off; null for a link type that is none of Ethernet, raw IP, null, SLL and SLL2,
    /// and for a frame too short for its link header.</summary>
    public static LinkLayer? Of(CapturedFrame frame)
    {
        byte[] b = frame.Bytes;
        return frame.LinkType switch
        {
            Ethernet when b.Length >= 14 => OfEthernet(b),
            SllV1 when b.Length >= 16 => Cooked(b[6..12], b[1], U16(b, 14), b[16..]),
            SllV2 when b.Length >= 20 => Cooked(b[12..18], b[10], U16(b, 0), b[20..]),
            Null when b.Length >= 5 => Bare(b[4..]),
            _ when RawIp.Contains(frame.LinkType) && b.Length >= 1 => Bare(b),
            _ => null,
        };
    }

    private static LinkLayer OfEthernet(byte[] b)
    {
        int at = 12;
        while (U16(b, at) is 0x8100 or 0x88A8 or 0x9100 && at + 6 <= b.Length)
        {
            at += 4;
        }

        return new LinkLayer(MacAddress.Read(b.AsSpan(6)), MacAddress.Read(b), b[12..at], U16(b, at), b[(at + 2)..]);
    }

    /// <summary>Linux cooked: the packet type says whether it was a broadcast (1) or a multicast (2).</summary>
    private static LinkLayer Cooked(byte[] sender, byte packetType, ushort protocol, byte[] body) =>
        new(MacAddress.Read(sender), packetType is 1 or 2 ? MacAddress.Broadcast : default, [], protocol, body);

    /// <summary>The version nibble tells the family: the address-family number of a null header depends on who wrote
    /// it.</summary>
    private static LinkLayer Bare(byte[] body) => new(default, default, [],
        (ushort)(body[0] >> 4 == 6 ? 0x86DD : 0x0800), body);

    private static ushort U16(byte[] b, int at) => BinaryPrimitives.ReadUInt16BigEndian(b.AsSpan(at));
}
