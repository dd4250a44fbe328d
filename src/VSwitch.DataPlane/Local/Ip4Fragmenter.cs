using System.Buffers.Binary;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Local;

/// <summary>Cuts an IPv4 packet in fragments (RFC 791 section 3.2, RFC 1812 section 4.2.2.7): units of 8 bytes, as much in each
/// as fits, options in the later ones only where their copy bit says so. A fragment may be cut further: only the last piece of
/// the last fragment ends the datagram.</summary>
internal unsafe ref struct Ip4Fragmenter : IFrameCutter
{
    private const int UnitBytes = 8;
    private const ushort MoreFragments = 0x2000;
    private const ushort OffsetMask = 0x1FFF;
    private readonly byte* _frame;
    private readonly byte* _ip;
    private readonly int _mtuBytes;
    private readonly int _headerBytes;
    private readonly int _payloadBytes;
    private readonly ushort _field;
    private int _sentBytes;

    /// <summary>Begins with the packet in <paramref name="frame"/>, which stays as it is.</summary>
    public Ip4Fragmenter(byte* frame, int totalBytes, int mtuBytes)
    {
        _frame = frame;
        _ip = frame + FrameWriter.EthernetBytes;
        _mtuBytes = mtuBytes;
        _headerBytes = (*_ip & 15) * 4;
        _payloadBytes = totalBytes - _headerBytes;
        _field = BinaryPrimitives.ReverseEndianness(*(ushort*)(_ip + 6));
    }

    /// <summary>The smallest MTU that a packet with this header can be cut for, bytes.</summary>
    public static int LeastMtuBytes(byte* ip) => ((*ip & 15) * 4) + UnitBytes;

    /// <inheritdoc/>
    public readonly bool IsDone => _sentBytes == _payloadBytes;

    /// <summary>Writes the next fragment, at most one MTU and an Ethernet header long; its length in bytes.</summary>
    public int Next(byte* frame)
    {
        Buffer.MemoryCopy(_frame, frame, FrameWriter.EthernetBytes, FrameWriter.EthernetBytes);
        byte* to = frame + FrameWriter.EthernetBytes;
        int header = _sentBytes == 0 ? CopyHeader(to) : CopyLaterHeader(to);
        int room = _mtuBytes - header;
        int rest = _payloadBytes - _sentBytes;
        bool isLast = rest <= room;
        int bytes = isLast ? rest : room & ~(UnitBytes - 1);
        int offset = (_field & OffsetMask) + (_sentBytes / UnitBytes);
        bool more = !isLast || (_field & MoreFragments) != 0;
        Buffer.MemoryCopy(_ip + _headerBytes + _sentBytes, to + header, bytes, bytes);
        _sentBytes += bytes;
        *to = (byte)(0x40 | (header / 4));
        *(ushort*)(to + 2) = BinaryPrimitives.ReverseEndianness((ushort)(header + bytes));
        *(ushort*)(to + 6) = BinaryPrimitives.ReverseEndianness((ushort)(offset | (more ? MoreFragments : 0)));
        *(ushort*)(to + 10) = 0;
        *(ushort*)(to + 10) = (ushort)~InternetChecksum.SumRaw(to, header);
        return FrameWriter.EthernetBytes + header + bytes;
    }

    private readonly int CopyHeader(byte* to)
    {
        Buffer.MemoryCopy(_ip, to, _headerBytes, _headerBytes);
        return _headerBytes;
    }

    private readonly int CopyLaterHeader(byte* to)
    {
        Buffer.MemoryCopy(_ip, to, FrameWriter.Ip4Bytes, FrameWriter.Ip4Bytes);
        int from = FrameWriter.Ip4Bytes;
        int written = FrameWriter.Ip4Bytes;
        while (from < _headerBytes && _ip[from] != 0)
        {
            // No-operation (1) is the one option without a length; its copy bit is clear. A length that is wrong ends the list.
            int bytes = _ip[from] == 1 ? 1 : from + 1 < _headerBytes ? _ip[from + 1] : 0;
            if (bytes == 0 || (bytes < 2 && _ip[from] != 1) || from + bytes > _headerBytes)
            {
                break;
            }

            if ((_ip[from] & 0x80) != 0)
            {
                Buffer.MemoryCopy(_ip + from, to + written, bytes, bytes);
                written += bytes;
            }

            from += bytes;
        }

        while (written % 4 != 0)
        {
            to[written++] = 0;
        }

        return written;
    }
}
