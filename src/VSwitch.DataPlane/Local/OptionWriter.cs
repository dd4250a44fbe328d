using System.Buffers.Binary;

namespace VSwitch.DataPlane.Local;

/// <summary>Writes options one after another into a bounded room. An option that does not fit is left out whole, so what
/// matters most is written first.</summary>
internal unsafe struct OptionWriter
{
    private readonly byte* _end;
    private readonly int _headerBytes;

    /// <param name="at">Where the first option goes.</param>
    /// <param name="roomBytes">Bytes that may be written there.</param>
    /// <param name="isV6">Code and length of 16 bits (RFC 8415 section 21.1) instead of 8 (RFC 2132 section 2).</param>
    public OptionWriter(byte* at, int roomBytes, bool isV6)
    {
        At = at;
        _end = at + roomBytes;
        _headerBytes = isV6 ? 4 : 2;
    }

    /// <summary>Where the next option goes.</summary>
    public byte* At { get; private set; }

    /// <summary>Begins an option of a known length; null when it does not fit. The caller fills all its bytes.</summary>
    public byte* Begin(ushort code, int valueBytes)
    {
        if (_headerBytes + valueBytes > _end - At)
        {
            return null;
        }

        byte* value = At + _headerBytes;
        if (_headerBytes == 4)
        {
            *(ushort*)At = BinaryPrimitives.ReverseEndianness(code);
            *(ushort*)(At + 2) = BinaryPrimitives.ReverseEndianness((ushort)valueBytes);
        }
        else
        {
            At[0] = (byte)code;
            At[1] = (byte)valueBytes;
        }

        At = value + valueBytes;
        return value;
    }

    /// <summary>An option of one byte.</summary>
    public void Byte(ushort code, byte value)
    {
        byte* to = Begin(code, 1);
        if (to != null)
        {
            *to = value;
        }
    }

    /// <summary>An option of 16 bits, given in host order.</summary>
    public void Word(ushort code, ushort value)
    {
        byte* to = Begin(code, 2);
        if (to != null)
        {
            *(ushort*)to = BinaryPrimitives.ReverseEndianness(value);
        }
    }

    /// <summary>An option of 32 bits, given raw.</summary>
    public void Raw(ushort code, uint raw)
    {
        byte* to = Begin(code, 4);
        if (to != null)
        {
            *(uint*)to = raw;
        }
    }

    /// <summary>An option of 32 bits, given in host order.</summary>
    public void Number(ushort code, uint value) => Raw(code, BinaryPrimitives.ReverseEndianness(value));

    /// <summary>An option of bytes as they are; none when there are none.</summary>
    public void Bytes(ushort code, ReadOnlySpan<byte> value)
    {
        byte* to = value.IsEmpty ? null : Begin(code, value.Length);
        if (to != null)
        {
            value.CopyTo(new Span<byte>(to, value.Length));
        }
    }
}
