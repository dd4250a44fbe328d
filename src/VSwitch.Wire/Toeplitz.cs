using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace VSwitch.Wire;

/// <summary>The Toeplitz hash of receive-side scaling (Microsoft RSS specification; DPDK's test vectors hold it). The
/// input is source address, destination address, source port, destination port in network order.
/// <para>The hash is a product of polynomials over GF(2), so where the machine multiplies them (PCLMULQDQ) each 32-bit
/// word takes one multiplication and no memory but the key. Elsewhere, and for inputs of odd sizes, a table of 256
/// words a byte position turns it into one load and one XOR a byte.</para>
/// <para>Measured on an AMD EPYC, hashes one after another that do not wait for each other, the tables always in the
/// first-level cache: 3.1 ns (tables 3.2) for an IPv4 4-tuple, 6.8 (9.8) for IPv6. A hash that is waited for takes
/// longer by multiplication, 6.2 (5.3) for IPv4; a burst does not wait, and 12 to 36 KB of cache stay the
/// packets'.</para> </summary>
public sealed unsafe class Toeplitz
{
    /// <summary>Bytes of a key: enough for two IPv6 addresses and two ports.</summary>
    public const int KeyBytes = 40;

    /// <summary>Bytes of the longest input.</summary>
    public const int MaxInputBytes = 36;

    /// <summary>Keeps the pinned table alive.</summary>
    private readonly uint[] _table = GC.AllocateUninitializedArray<uint>(MaxInputBytes * 256, pinned: true);
    private readonly uint* _entries;
    private readonly bool _multiplies;
    private KeyWindows _windows;

    /// <summary>Makes the tables of a key of <see cref="KeyBytes"/> bytes.</summary>
    public Toeplitz(ReadOnlySpan<byte> key)
        : this(key, Pclmulqdq.IsSupported)
    {
    }

    /// <summary>The same, without the multiplication: the twin that tests hold against it.</summary>
    internal Toeplitz(ReadOnlySpan<byte> key, bool multiplies)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(key.Length, KeyBytes);
        _multiplies = multiplies && Pclmulqdq.IsSupported;
        _entries = (uint*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_table));
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

        for (int word = 0; word < KeyWindows.Count; word++)
        {
            _windows[word] = ReversedWindow(key, word * 32);
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

    /// <summary>Reads a key: <c>symmetric</c>, <c>microsoft</c>, or 80 hexadecimal digits, whose bytes may be parted by
    /// colons or spaces as <c>ethtool -x</c> prints them.</summary>
    /// <param name="text">The text.</param>
    /// <param name="key">40 bytes, or none when the text is no key.</param>
    public static bool TryParseKey(ReadOnlySpan<char> text, out byte[] key)
    {
        key = text switch { "symmetric" => SymmetricKey(), "microsoft" => MicrosoftKey(), _ => new byte[KeyBytes] };
        if (text is "symmetric" or "microsoft" || TryParseHex(text, key))
        {
            return true;
        }

        key = [];
        return false;
    }

    /// <summary>Makes the hash of a key that <see cref="TryParseKey"/> reads.</summary>
    /// <exception cref="FormatException">The text is no key.</exception>
    public static Toeplitz Parse(string text) => TryParseKey(text, out byte[] key)
        ? new Toeplitz(key)
        : throw new FormatException(
            $"'{text}' is no RSS key: write symmetric, microsoft, or {KeyBytes} bytes as hexadecimal");

    /// <summary>Hashes up to <see cref="MaxInputBytes"/> bytes in network order. More is the caller's mistake and
    /// throws.</summary>
    public uint Hash(ReadOnlySpan<byte> input)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(input.Length, MaxInputBytes);
        uint hash = 0;
        uint* entries = _entries;
        for (int i = 0; i < input.Length; i++, entries += 256)
        {
            hash ^= entries[input[i]];
        }

        return hash;
    }

    /// <summary>Hash of an IPv4 4-tuple; all values as loads of the wire bytes give them.</summary>
    public uint HashIp4(uint source, uint destination, ushort sourcePort, ushort destinationPort)
    {
        uint ports = sourcePort | ((uint)destinationPort << 16);
        return _multiplies
            ? Extract(Product(source, 0) ^ Product(destination, 1) ^ Product(ports, 2))
            : Word(source, 0) ^ Word(destination, 1) ^ Word(ports, 2);
    }

    /// <summary>The hash of <see cref="HashIp4(uint, uint, ushort, ushort)"/> with its bits in reverse order, which the
    /// multiplication gives without turning them round.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint ReversedHashIp4(uint source, uint destination, uint ports) => _multiplies
        ? (uint)((Product(source, 0) ^ Product(destination, 1) ^ Product(ports, 2)).ToScalar() >> 31)
        : Reverse(Word(source, 0) ^ Word(destination, 1) ^ Word(ports, 2));

    /// <summary>Hash of two IPv4 addresses.</summary>
    public uint HashIp4(uint source, uint destination) => _multiplies
        ? Extract(Product(source, 0) ^ Product(destination, 1))
        : Word(source, 0) ^ Word(destination, 1);

    /// <summary>Hash of an IPv6 4-tuple: halves of the addresses and ports as loads of the wire bytes give them.</summary>
    public uint HashIp6(
        ulong sourceFirst, ulong sourceSecond, ulong destinationFirst, ulong destinationSecond,
        ushort sourcePort, ushort destinationPort)
    {
        uint ports = sourcePort | ((uint)destinationPort << 16);
        return _multiplies
            ? Extract(Products(sourceFirst, sourceSecond, destinationFirst, destinationSecond) ^ Product(ports, 8))
            : Words(sourceFirst, sourceSecond, destinationFirst, destinationSecond) ^ Word(ports, 8);
    }

    /// <summary>Hash of two IPv6 addresses.</summary>
    public uint HashIp6(
        ulong sourceFirst, ulong sourceSecond, ulong destinationFirst, ulong destinationSecond) => _multiplies
        ? Extract(Products(sourceFirst, sourceSecond, destinationFirst, destinationSecond))
        : Words(sourceFirst, sourceSecond, destinationFirst, destinationSecond);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint Word(uint raw, int word)
    {
        uint* at = _entries + (word * 1024);
        return at[(byte)raw] ^ at[256 + (byte)(raw >> 8)] ^ at[512 + (byte)(raw >> 16)] ^ at[768 + (raw >> 24)];
    }

    private uint Words(ulong a, ulong b, ulong c, ulong d) =>
        Word((uint)a, 0) ^ Word((uint)(a >> 32), 1) ^ Word((uint)b, 2) ^ Word((uint)(b >> 32), 3) ^
        Word((uint)c, 4) ^ Word((uint)(c >> 32), 5) ^ Word((uint)d, 6) ^ Word((uint)(d >> 32), 7);

    /// <summary>With the input's bit i at 31 - i and the key window's bit m at m, the pairs m = i + j meet in
    /// coefficient 31 + j: bit j of the hash, counted from its high end. Products of all words line up, so they are
    /// added first and extracted once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector128<ulong> Product(uint raw, int word) => Pclmulqdq.CarrylessMultiply(
        Vector128.CreateScalar((ulong)BinaryPrimitives.ReverseEndianness(raw)),
        Vector128.CreateScalar(_windows[word]),
        0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector128<ulong> Products(ulong a, ulong b, ulong c, ulong d) =>
        Product((uint)a, 0) ^ Product((uint)(a >> 32), 1) ^ Product((uint)b, 2) ^ Product((uint)(b >> 32), 3) ^
        Product((uint)c, 4) ^ Product((uint)(c >> 32), 5) ^ Product((uint)d, 6) ^ Product((uint)(d >> 32), 7);

    /// <summary>Takes coefficients 31 to 62 and turns them round.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Extract(Vector128<ulong> product) => Reverse((uint)(product.ToScalar() >> 31));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Reverse(uint bits)
    {
        uint x = BinaryPrimitives.ReverseEndianness(bits);
        x = ((x >> 4) & 0x0F0F_0F0F) | ((x & 0x0F0F_0F0F) << 4);
        x = ((x >> 2) & 0x3333_3333) | ((x & 0x3333_3333) << 2);
        return ((x >> 1) & 0x5555_5555) | ((x & 0x5555_5555) << 1);
    }

    private static bool TryParseHex(ReadOnlySpan<char> text, Span<byte> key)
    {
        int digits = 0;
        foreach (char c in text)
        {
            if (c is ':' or ' ' && digits % 2 == 0)
            {
                continue;
            }

            if (digits == 2 * KeyBytes || !char.IsAsciiHexDigit(c))
            {
                return false;
            }

            key[digits / 2] = (byte)((key[digits / 2] << 4) | HexValue(c));
            digits++;
        }

        return digits == 2 * KeyBytes;
    }

    private static int HexValue(char c) => char.IsAsciiDigit(c) ? c - '0' : (c | 0x20) - 'a' + 10;

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

    /// <summary>The 63 key bits that meet a 32-bit input word, the first one lowest.</summary>
    private static ulong ReversedWindow(ReadOnlySpan<byte> key, int firstBit)
    {
        ulong window = 0;
        for (int m = 0; m < 63; m++)
        {
            int bit = firstBit + m;
            window |= (ulong)((key[bit / 8] >> (7 - (bit % 8))) & 1) << m;
        }

        return window;
    }

    /// <summary>One reversed window for each 32-bit word of the longest input, inside the object: one load, no
    /// reference.</summary>
    [InlineArray(Count)]
    private struct KeyWindows
    {
        public const int Count = MaxInputBytes / 4;

        private ulong _first;
    }
}
