using System.Runtime.InteropServices;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Wire;

/// <summary>The tables against the definition, bit by bit.</summary>
public class ToeplitzTests
{
    [Fact]
    public void Tables_give_what_the_definition_gives()
    {
        var random = new Random(Seeded.Take("Toeplitz"));
        byte[] key = new byte[Toeplitz.KeyBytes];
        byte[] input = new byte[Toeplitz.MaxInputBytes];
        for (int i = 0; i < 50; i++)
        {
            random.NextBytes(key);
            var toeplitz = new Toeplitz(key);
            for (int j = 0; j < 400; j++)
            {
                random.NextBytes(input);
                int length = random.Next(input.Length + 1);
                Assert.Equal(Slow(key, input.AsSpan(0, length)), toeplitz.Hash(input.AsSpan(0, length)));
                Assert.Equal(Slow(key, input.AsSpan(0, 8)), toeplitz.HashIp4(Word(input, 0), Word(input, 4)));
                Assert.Equal(
                    Slow(key, input.AsSpan(0, 12)), toeplitz.HashIp4(Word(input, 0), Word(input, 4), Port(input, 8), Port(input, 10)));
                Assert.Equal(
                    Slow(key, input.AsSpan(0, 32)),
                    toeplitz.HashIp6(Half(input, 0), Half(input, 8), Half(input, 16), Half(input, 24)));
                Assert.Equal(
                    Slow(key, input),
                    toeplitz.HashIp6(
                        Half(input, 0), Half(input, 8), Half(input, 16), Half(input, 24), Port(input, 32), Port(input, 34)));
            }
        }
    }

    [Fact]
    public void The_symmetric_key_gives_both_directions_one_hash()
    {
        var random = new Random(Seeded.Take("symmetric Toeplitz"));
        var toeplitz = new Toeplitz(Toeplitz.SymmetricKey());
        byte[] b = new byte[Toeplitz.MaxInputBytes];
        for (int i = 0; i < 10_000; i++)
        {
            random.NextBytes(b);
            Assert.Equal(
                toeplitz.HashIp4(Word(b, 0), Word(b, 4), Port(b, 8), Port(b, 10)),
                toeplitz.HashIp4(Word(b, 4), Word(b, 0), Port(b, 10), Port(b, 8)));
            Assert.Equal(
                toeplitz.HashIp6(Half(b, 0), Half(b, 8), Half(b, 16), Half(b, 24), Port(b, 32), Port(b, 34)),
                toeplitz.HashIp6(Half(b, 16), Half(b, 24), Half(b, 0), Half(b, 8), Port(b, 34), Port(b, 32)));
        }
    }

    [Fact]
    public void Wrong_sizes_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new Toeplitz(new byte[39]));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Toeplitz(new byte[41]));
        var toeplitz = new Toeplitz(Toeplitz.MicrosoftKey());
        Assert.Throws<ArgumentOutOfRangeException>(() => toeplitz.Hash(new byte[37]));
        Assert.Equal(0u, toeplitz.Hash([]));
    }

    [Fact]
    public void A_hash_allocates_nothing()
    {
        var toeplitz = new Toeplitz(Toeplitz.SymmetricKey());
        byte[] input = [.. Enumerable.Range(0, 36).Select(i => (byte)i)];
        AllocationGuard.RequireNone("a hash", () => toeplitz.Hash(input));
    }

    /// <summary>The definition: for each bit of the input that is set, XOR of the 32 key bits that begin at its place.</summary>
    private static uint Slow(byte[] key, ReadOnlySpan<byte> input)
    {
        uint hash = 0;
        for (int bit = 0; bit < input.Length * 8; bit++)
        {
            if ((input[bit / 8] >> (7 - (bit % 8)) & 1) != 0)
            {
                for (int k = 0; k < 32; k++)
                {
                    int at = bit + k;
                    hash ^= (uint)(key[at / 8] >> (7 - (at % 8)) & 1) << (31 - k);
                }
            }
        }

        return hash;
    }

    private static uint Word(byte[] bytes, int at) => MemoryMarshal.Read<uint>(bytes.AsSpan(at));

    private static ulong Half(byte[] bytes, int at) => MemoryMarshal.Read<ulong>(bytes.AsSpan(at));

    private static ushort Port(byte[] bytes, int at) => MemoryMarshal.Read<ushort>(bytes.AsSpan(at));
}
