using System.Buffers.Binary;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Wire;

/// <summary>The multiplication against its twin, the tables, and both against the definition: for every input bit that is set,
/// the 32 key bits from there. Keys as text.</summary>
public class ToeplitzTwinTests
{
    private const int Cases = 25_000;
    private const int Keys = 25;

    [Fact]
    public void The_multiplication_the_tables_and_the_definition_give_the_same_hash()
    {
        var random = new Random(Seeded.Take("toeplitz"));
        byte[] key = new byte[Toeplitz.KeyBytes];
        byte[] input = new byte[Toeplitz.MaxInputBytes];
        for (int keys = 0; keys < Keys; keys++)
        {
            random.NextBytes(key);
            var multiplied = new Toeplitz(key);
            var tables = new Toeplitz(key, multiplies: false);
            for (int i = 0; i < Cases / Keys; i++)
            {
                random.NextBytes(input);
                AssertSame(key, input, multiplied);
                AssertSame(key, input, tables);
            }
        }
    }

    [Fact]
    public void The_fast_ways_allocate_nothing()
    {
        foreach (bool multiplies in new[] { true, false })
        {
            var toeplitz = new Toeplitz(Toeplitz.MicrosoftKey(), multiplies);
            AllocationGuard.RequireNone("an IPv4 hash", () => toeplitz.HashIp4(1, 2, 3, 4));
            AllocationGuard.RequireNone("an IPv6 hash", () => toeplitz.HashIp6(1, 2, 3, 4, 5, 6));
        }
    }

    [Fact]
    public void Single_bits_of_key_and_input_meet_where_the_definition_says()
    {
        byte[] input = new byte[Toeplitz.MaxInputBytes];
        for (int keyBit = 0; keyBit < Toeplitz.KeyBytes * 8; keyBit++)
        {
            byte[] key = new byte[Toeplitz.KeyBytes];
            key[keyBit / 8] = (byte)(0x80 >> (keyBit % 8));
            var toeplitz = new Toeplitz(key);
            int inputBit = Math.Max(0, Math.Min(keyBit, (input.Length * 8) - 1) - 7);
            input.AsSpan().Clear();
            input[inputBit / 8] = (byte)(0x80 >> (inputBit % 8));
            AssertSame(key, input, toeplitz);
        }
    }

    [Theory]
    [InlineData("symmetric", "6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a6d5a")]
    [InlineData("microsoft", "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa")]
    [InlineData(
        "6D5A56DA255B0EC24167253D43A38FB0D0CA2BCBAE7B30B477CB2DA38030F20C6A42B73BBEAC01FA",
        "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa")]
    [InlineData(
        "6d:5a:56:da:25:5b:0e:c2:41:67:25:3d:43:a3:8f:b0:d0:ca:2b:cb:ae:7b:30:b4:77:cb:2d:a3:80:30:f2:0c:6a:42:b7:3b:be:ac:01:fa",
        "6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa")]
    public void A_key_is_read_by_name_or_by_its_bytes(string text, string expected)
    {
        Assert.True(Toeplitz.TryParseKey(text, out byte[] key));
        Assert.Equal(expected, Convert.ToHexStringLower(key));
    }

    [Theory]
    [InlineData("")]
    [InlineData("Symmetric")]
    [InlineData("6d5a")]
    [InlineData("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01f")]
    [InlineData("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa00")]
    [InlineData("6:d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa")]
    [InlineData("gd5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa")]
    public void What_is_no_key_is_refused(string text)
    {
        Assert.False(Toeplitz.TryParseKey(text, out byte[] key));
        Assert.Empty(key);
        Assert.Contains("RSS key", Assert.Throws<FormatException>(() => Toeplitz.Parse(text)).Message, StringComparison.Ordinal);
    }

    private static void AssertSame(byte[] key, byte[] input, Toeplitz toeplitz)
    {
        Assert.Equal(Slow(key, input), toeplitz.Hash(input));
        uint w0 = U32(input, 0);
        uint w1 = U32(input, 4);
        (ushort a, ushort b) = (U16(input, 8), U16(input, 10));
        Assert.Equal(Slow(key, input.AsSpan(0, 8)), toeplitz.HashIp4(w0, w1));
        Assert.Equal(Slow(key, input.AsSpan(0, 12)), toeplitz.HashIp4(w0, w1, a, b));
        (ulong q0, ulong q1, ulong q2, ulong q3) = (U64(input, 0), U64(input, 8), U64(input, 16), U64(input, 24));
        Assert.Equal(Slow(key, input.AsSpan(0, 32)), toeplitz.HashIp6(q0, q1, q2, q3));
        Assert.Equal(Slow(key, input), toeplitz.HashIp6(q0, q1, q2, q3, U16(input, 32), U16(input, 34)));
    }

    private static uint Slow(byte[] key, ReadOnlySpan<byte> input)
    {
        uint hash = 0;
        uint window = BinaryPrimitives.ReadUInt32BigEndian(key);
        for (int bit = 0; bit < input.Length * 8; bit++)
        {
            if ((input[bit / 8] & (0x80 >> (bit % 8))) != 0)
            {
                hash ^= window;
            }

            int next = bit + 32;
            uint entering = next < key.Length * 8 ? (uint)(key[next / 8] >> (7 - (next % 8))) & 1 : 0;
            window = (window << 1) | entering;
        }

        return hash;
    }

    private static ushort U16(byte[] bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(at));

    private static uint U32(byte[] bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at));

    private static ulong U64(byte[] bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at));
}
