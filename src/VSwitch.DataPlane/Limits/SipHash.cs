using System.Numerics;

namespace VSwitch.DataPlane.Limits;

/// <summary>SipHash-2-4 (Aumasson, Bernstein, 2012) of 16 bytes: a keyed hash that nobody can predict without the key, however many of its
/// values he has seen. What a cookie is made of.</summary>
internal static class SipHash
{
    /// <summary>Hash of two words, as of their 16 bytes in little-endian order.</summary>
    public static ulong Of(ulong first, ulong second, (ulong Low, ulong High) key)
    {
        const ulong LengthByte = 16UL << 56;
        ulong a = key.Low ^ 0x736F_6D65_7073_6575;
        ulong b = key.High ^ 0x646F_7261_6E64_6F6D;
        ulong c = key.Low ^ 0x6C79_6765_6E65_7261;
        ulong d = key.High ^ 0x7465_6462_7974_6573;
        Absorb(ref a, ref b, ref c, ref d, first);
        Absorb(ref a, ref b, ref c, ref d, second);
        Absorb(ref a, ref b, ref c, ref d, LengthByte);
        c ^= 0xFF;
        for (int i = 0; i < 4; i++)
        {
            Round(ref a, ref b, ref c, ref d);
        }

        return a ^ b ^ c ^ d;
    }

    private static void Absorb(ref ulong a, ref ulong b, ref ulong c, ref ulong d, ulong word)
    {
        d ^= word;
        Round(ref a, ref b, ref c, ref d);
        Round(ref a, ref b, ref c, ref d);
        a ^= word;
    }

    private static void Round(ref ulong a, ref ulong b, ref ulong c, ref ulong d)
    {
        a += b;
        b = BitOperations.RotateLeft(b, 13) ^ a;
        a = BitOperations.RotateLeft(a, 32);
        c += d;
        d = BitOperations.RotateLeft(d, 16) ^ c;
        a += d;
        d = BitOperations.RotateLeft(d, 21) ^ a;
        c += b;
        b = BitOperations.RotateLeft(b, 17) ^ c;
        c = BitOperations.RotateLeft(c, 32);
    }
}
