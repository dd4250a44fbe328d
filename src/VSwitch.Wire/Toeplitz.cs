using System.Runtime.CompilerServices;

namespace VSwitch.Wire;

/// <summary>The Toeplitz hash of receive-side scaling (Microsoft RSS specification; DPDK's test vectors hold it). The input is
/// source address, destination address, source port, destination port in network order. A table of 256 words a byte
/// position turns it into one load and one XOR a byte.</summary>
public sealed class Toeplitz
{
    /// <summary>Bytes of a key: enough for two IPv6 addresses and two ports.</summary>
    public const int KeyBytes = 40;

    /// <summary>Bytes of the longest input.</summary>
    public const int MaxInputBytes = 36;

    private readonly uint[] _table = new uint[MaxInputBytes * 256];

    /// <summary>Makes the tables of a key of <see cref="KeyBytes"/> bytes.</summary>
    public Toeplitz(ReadOnlySpan<byte> key)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(key.Length, KeyBytes);
        for (int position = 0; position < MaxInputBytes; position++)
        {
            for (int value = 0; value < 256; value++)
            {
                uint hash = 0;
                for (int bit = 0; bit < 8; bit++)
                {
                    if ((value & (0x80 >> bit)) != 0)
                    {
                        hash ^= Window(key, (position * 8) + bit);
                    }
                }

                _table[(position * 256) + value] = hash;
            }
        }
    }

    /// <summary>Microsoft's published key.</summary>
    public static byte[] MicrosoftKey() => Convert.FromHexString(
        "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa");

    /// <summary>6d5a repeated: both directions of a connection give the same hash, of 16 bits of entropy.</summary>
    public static byte[] SymmetricKey()
    {
        byte[] key = new byte[KeyBytes];
        for (int i = 0; i < KeyBytes; i += 2)
        {
            (key[i], key[i + 1]) = (0x6d, 0x5a);
        }

        return key;
    }

    /// <summary>Hashes up to <see cref="MaxInputBytes"/> bytes in network order.</summary>
    public uint Hash(ReadOnlySpan<byte> input)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(input.Length, MaxInputBytes);
        uint hash = 0;
        for (int i = 0; i < input.Length; i++)
        {
            hash ^= _table[(i * 256) + input[i]];
        }

        return hash;
    }

    /// <summary>Hash of an IPv4 4-tuple; all values as loads of the wire bytes give them.</summary>
    public uint HashIp4(uint source, uint destination, ushort sourcePort, ushort destinationPort) =>
        Word(source, 0) ^ Word(destination, 4) ^ Word(sourcePort | ((uint)destinationPort << 16), 8);

    /// <summary>Hash of two IPv4 addresses.</summary>
    public uint HashIp4(uint source, uint destination) => Word(source, 0) ^ Word(destination, 4);

    /// <summary>Hash of an IPv6 4-tuple: halves of the addresses and ports as loads of the wire bytes give them.</summary>
    public uint HashIp6(
        ulong sourceFirst, ulong sourceSecond, ulong destinationFirst, ulong destinationSecond,
        ushort sourcePort, ushort destinationPort) =>
        HashIp6(sourceFirst, sourceSecond, destinationFirst, destinationSecond) ^
        Word(sourcePort | ((uint)destinationPort << 16), 32);

    /// <summary>Hash of two IPv6 addresses.</summary>
    public uint HashIp6(ulong sourceFirst, ulong sourceSecond, ulong destinationFirst, ulong destinationSecond) =>
        Word((uint)sourceFirst, 0) ^ Word((uint)(sourceFirst >> 32), 4) ^
        Word((uint)sourceSecond, 8) ^ Word((uint)(sourceSecond >> 32), 12) ^
        Word((uint)destinationFirst, 16) ^ Word((uint)(destinationFirst >> 32), 20) ^
        Word((uint)destinationSecond, 24) ^ Word((uint)(destinationSecond >> 32), 28);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint Word(uint raw, int position)
    {
        uint[] table = _table;
        int at = position * 256;
        return table[at + (byte)raw] ^ table[at + 256 + (byte)(raw >> 8)] ^
            table[at + 512 + (byte)(raw >> 16)] ^ table[at + 768 + (byte)(raw >> 24)];
    }

    private static uint Window(ReadOnlySpan<byte> key, int bit)
    {
        ulong five = 0;
        for (int i = 0; i < 5; i++)
        {
            int at = (bit / 8) + i;
            five = (five << 8) | (at < key.Length ? key[at] : 0u);
        }

        return (uint)(five >> (8 - (bit % 8)));
    }
}
