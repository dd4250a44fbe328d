using System.Buffers.Binary;

namespace VSwitch.Testing.Captures;

/// <summary>Overwrites whole 16-bit words of a packet and remembers the difference, so that a checksum over them can
/// follow by RFC 1624 eq. 3, HC' = ~(~HC + ~m + m'): a wrong checksum stays exactly as wrong as it was.</summary>
public sealed class WordEdit
{
    private ulong _delta;

    /// <summary>Puts bytes at an even offset, as far as the packet reaches.</summary>
    public void Put(Span<byte> packet, int at, ReadOnlySpan<byte> bytes)
    {
        int count = Math.Min(bytes.Length, packet.Length - at) & ~1;
        for (int i = 0; i < count; i += 2)
        {
            ushort old = BinaryPrimitives.ReadUInt16BigEndian(packet[(at + i)..]);
            ushort now = BinaryPrimitives.ReadUInt16BigEndian(bytes[i..]);
            _delta += (ulong)(ushort)~old + now;
        }

        bytes[..Math.Max(count, 0)].CopyTo(packet[Math.Min(at, packet.Length)..]);
    }

    /// <summary>Adds what another edit changed.</summary>
    public void Add(WordEdit other) => _delta += other._delta;

    /// <summary>Brings a checksum along, if it was captured; its own change is added to <paramref name="around"/>, for
    /// a checksum that covers this one too.</summary>
    /// <param name="isUdp">True: 0 means "none" and stays; a computed 0 is written as ffff (RFC 768).</param>
    public void Mend(Span<byte> packet, int at, bool isUdp, WordEdit? around = null)
    {
        if (at + 2 > packet.Length || at < 0)
        {
            return;
        }

        ushort old = BinaryPrimitives.ReadUInt16BigEndian(packet[at..]);
        if (isUdp && old == 0)
        {
            return;
        }

        ulong sum = (ushort)~old + _delta;
        while (sum > 0xFFFF)
        {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        ushort now = (ushort)~sum;
        Span<byte> word = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(word, isUdp && now == 0 ? (ushort)0xFFFF : now);
        (around ?? new WordEdit()).Put(packet, at, word);
    }
}
