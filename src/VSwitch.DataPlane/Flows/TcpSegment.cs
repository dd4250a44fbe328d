using System.Buffers.Binary;

namespace VSwitch.DataPlane.Flows;

/// <summary>What the tracker reads of a TCP segment (RFC 9293 section 3.1), in host order. The parser has seen that the header
/// with its options lies inside the packet.</summary>
public unsafe struct TcpSegment
{
    private const int HeaderBytes = 20;
    private const byte Fin = 1;
    private const byte Syn = 2;
    private const byte Ack = 16;
    private const uint NopNopTimestamps = 0x0A08_0101;
    private const byte NoScale = 15;

    /// <summary>Number of the first byte, or of the SYN.</summary>
    public uint Sequence;

    /// <summary>Number behind the last byte: data, SYN and FIN count.</summary>
    public uint End;

    /// <summary>Number that the sender expects next, where ACK is set.</summary>
    public uint Acknowledgment;

    /// <summary>The window field, not scaled.</summary>
    public ushort Window;

    /// <summary>Byte 13 of the header.</summary>
    public byte Flags;

    /// <summary>More of the data follows in other fragments: <see cref="End"/> is only a lower bound.</summary>
    public bool IsCut;

    private byte* _options;
    private int _optionBytes;

    /// <summary>True when the acknowledgment number counts.</summary>
    public readonly bool HasAck => (Flags & Ack) != 0;

    /// <summary>True for SYN and SYN+ACK.</summary>
    public readonly bool IsSyn => (Flags & Syn) != 0;

    /// <summary>Reads a header.</summary>
    /// <param name="header">First byte of the TCP header.</param>
    /// <param name="bytes">Bytes of the TCP header and data in this packet.</param>
    /// <param name="isCut">True for the first of several fragments.</param>
    public static TcpSegment Read(byte* header, int bytes, bool isCut)
    {
        int offset = (header[12] >> 4) * 4;
        byte flags = header[13];
        uint sequence = BinaryPrimitives.ReverseEndianness(*(uint*)(header + 4));
        int controls = ((flags & Syn) != 0 ? 1 : 0) + ((flags & Fin) != 0 ? 1 : 0);
        return new TcpSegment
        {
            Sequence = sequence,
            End = sequence + (uint)(bytes - offset + controls),
            Acknowledgment = BinaryPrimitives.ReverseEndianness(*(uint*)(header + 8)),
            Window = BinaryPrimitives.ReverseEndianness(*(ushort*)(header + 14)),
            Flags = flags,
            IsCut = isCut,
            _options = header + HeaderBytes,
            _optionBytes = offset - HeaderBytes,
        };
    }

    /// <summary>Right edge of the last-reaching SACK block, or the acknowledgment if that reaches further (RFC 2018).</summary>
    public readonly uint SackEdge()
    {
        uint edge = Acknowledgment;
        if (_optionBytes == 0 || (_optionBytes == 12 && *(uint*)_options == NopNopTimestamps))
        {
            return edge;
        }

        int at = 0;
        while (TryNext(ref at, out byte kind, out int value, out int bytes))
        {
            // Blocks are whole (RFC 2018 section 3); an option with a part of one says nothing, to Linux too.
            bool isWhole = kind == 5 && bytes % 8 == 0;
            for (int i = 0; isWhole && i < bytes; i += 8)
            {
                uint right = BinaryPrimitives.ReverseEndianness(*(uint*)(_options + value + i + 4));
                if ((int)(right - edge) > 0)
                {
                    edge = right;
                }
            }
        }

        return edge;
    }

    /// <summary>Scale (0 to 14, 15 without the option) in the low half and SACK-permitted in bit 4: what a SYN offers
    /// (RFC 7323 section 2.3, RFC 2018).</summary>
    public readonly byte SynOptions()
    {
        byte scale = NoScale;
        byte sack = 0;
        int at = 0;
        while (TryNext(ref at, out byte kind, out int value, out int bytes))
        {
            if (kind == 3 && bytes == 1)
            {
                scale = Math.Min(_options[value], (byte)14);
            }
            else if (kind == 4 && bytes == 0)
            {
                sack = 16;
            }
        }

        return (byte)(scale | sack);
    }

    /// <summary>Steps through the options; a list that is cut short ends at the cut.</summary>
    private readonly bool TryNext(ref int at, out byte kind, out int value, out int bytes)
    {
        while (at < _optionBytes && _options[at] == 1)
        {
            at++;
        }

        kind = 0;
        value = at + 2;
        bytes = 0;
        if (at + 1 >= _optionBytes || _options[at] == 0 || _options[at + 1] < 2 || at + _options[at + 1] > _optionBytes)
        {
            return false;
        }

        kind = _options[at];
        bytes = _options[at + 1] - 2;
        at += bytes + 2;
        return true;
    }
}
