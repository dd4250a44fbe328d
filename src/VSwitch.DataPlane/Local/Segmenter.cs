using System.Buffers.Binary;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Local;

/// <summary>Cuts a super-packet into the packets that its sender's device would have made of it: TCP over IPv4 and IPv6 (TSO),
/// UDP datagrams of equal size (USO). Each has the headers of the whole with its own length, identification (one more each time),
/// sequence number and checksums; of the flags, CWR stays in the first (RFC 3168 section 6.1.2), FIN and PSH in the last.
/// The virtio header must have passed <see cref="SuperPacket.IsSound"/>.</summary>
internal unsafe ref struct Segmenter : IFrameCutter
{
    private const byte FinAndPush = 0x09;
    private const byte CongestionWindowReduced = 0x80;
    private readonly byte* _frame;
    private readonly int _headerBytes;
    private readonly int _payloadBytes;
    private readonly int _segmentBytes;
    private readonly int _l3Offset;
    private readonly int _l4Offset;
    private readonly bool _isV6;
    private readonly bool _isTcp;

    /// <summary>Sum of the pseudo header without its length; what NAT changed in it is in it.</summary>
    private readonly ushort _pseudoSum;
    private readonly ushort _identification;
    private int _sentBytes;
    private int _sentCount;

    /// <summary>Begins with a super-packet, which stays as it is.</summary>
    public Segmenter(PacketBuffer* p)
    {
        _frame = p->Data;
        _headerBytes = p->Offload.HeaderLength;
        _segmentBytes = p->Offload.GsoSize;
        _l3Offset = p->L3Offset;
        _l4Offset = p->L4Offset;
        _isV6 = (p->Flags & PacketFlags.IsV6) != 0;
        _isTcp = p->Protocol == ParseStage.Tcp;
        int end = _l3Offset + p->L3Length;
        _payloadBytes = end - _headerBytes;
        _identification = BinaryPrimitives.ReverseEndianness(*(ushort*)(_frame + _l3Offset + 4));

        // The field holds the pseudo header's sum with the length of the whole (virtio 1.2, 5.1.6.2; Linux, tcp_gso_segment).
        ushort whole = BinaryPrimitives.ReverseEndianness((ushort)(end - _l4Offset));
        _pseudoSum = InternetChecksum.AddRaw(*(ushort*)(_frame + _l4Offset + p->Offload.ChecksumOffset), (ushort)~whole);
    }

    /// <inheritdoc/>
    public readonly bool IsDone => _sentBytes == _payloadBytes;

    /// <inheritdoc/>
    public int Next(byte* frame)
    {
        int bytes = Math.Min(_segmentBytes, _payloadBytes - _sentBytes);
        Buffer.MemoryCopy(_frame, frame, _headerBytes, _headerBytes);
        Buffer.MemoryCopy(_frame + _headerBytes + _sentBytes, frame + _headerBytes, bytes, bytes);
        byte* l4 = frame + _l4Offset;
        WriteNetworkHeader(frame + _l3Offset, _headerBytes - _l3Offset + bytes);
        if (_isTcp)
        {
            WriteTcpHeader(l4, isLast: _sentBytes + bytes == _payloadBytes);
        }
        else
        {
            *(ushort*)(l4 + 4) = BinaryPrimitives.ReverseEndianness((ushort)(_headerBytes - _l4Offset + bytes));
        }

        WriteChecksum(l4, _headerBytes - _l4Offset + bytes);
        _sentBytes += bytes;
        _sentCount++;
        return _headerBytes + bytes;
    }

    private readonly void WriteNetworkHeader(byte* ip, int totalBytes)
    {
        if (_isV6)
        {
            *(ushort*)(ip + 4) = BinaryPrimitives.ReverseEndianness((ushort)(totalBytes - FrameWriter.Ip6Bytes));
            return;
        }

        *(ushort*)(ip + 2) = BinaryPrimitives.ReverseEndianness((ushort)totalBytes);
        *(ushort*)(ip + 4) = BinaryPrimitives.ReverseEndianness((ushort)(_identification + _sentCount));
        *(ushort*)(ip + 10) = 0;
        *(ushort*)(ip + 10) = (ushort)~InternetChecksum.SumRaw(ip, (*ip & 15) * 4);
    }

    private readonly void WriteTcpHeader(byte* tcp, bool isLast)
    {
        uint sequence = BinaryPrimitives.ReverseEndianness(*(uint*)(tcp + 4));
        *(uint*)(tcp + 4) = BinaryPrimitives.ReverseEndianness(sequence + (uint)_sentBytes);
        if (!isLast)
        {
            tcp[13] &= unchecked((byte)~FinAndPush);
        }

        if (_sentCount > 0)
        {
            tcp[13] &= unchecked((byte)~CongestionWindowReduced);
        }
    }

    private readonly void WriteChecksum(byte* l4, int bytes)
    {
        var checksum = (ushort*)(l4 + (_isTcp ? SuperPacket.TcpChecksumOffset : SuperPacket.UdpChecksumOffset));
        *checksum = InternetChecksum.AddRaw(_pseudoSum, BinaryPrimitives.ReverseEndianness((ushort)bytes));
        ushort sum = (ushort)~InternetChecksum.SumRaw(l4, bytes);
        *checksum = sum == 0 && !_isTcp ? ushort.MaxValue : sum;
    }
}
