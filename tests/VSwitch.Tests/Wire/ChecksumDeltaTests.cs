using System.Buffers.Binary;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Wire;

/// <summary>Changes of addresses, worked out once and applied: equal to a full sum, in both byte orders.</summary>
public unsafe class ChecksumDeltaTests
{
    private const int Cases = 100_000;

    [Fact]
    public void An_incremental_update_of_an_IPv4_address_equals_a_full_sum()
    {
        var random = new Random(Seeded.Take("incremental 32"));
        Assert.All(Enumerable.Range(0, Cases), _ =>
        {
            byte[] bytes = RandomBytes(random);
            int at = 2 * random.Next((bytes.Length - 4) / 2);
            ushort before = InternetChecksum.Compute(bytes);
            uint old = BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(at));
            uint @new = ((uint)Corner(random) << 16) | Corner(random);
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(at), @new);
            AssertSame(bytes, InternetChecksum.Update(before, old, @new));
            uint oldRaw = BinaryPrimitives.ReverseEndianness(old);
            uint newRaw = BinaryPrimitives.ReverseEndianness(@new);
            AssertSame(bytes, Swap(InternetChecksum.ApplyRaw(Swap(before), InternetChecksum.DeltaRaw(oldRaw, newRaw))));
        });
    }

    [Fact]
    public void An_incremental_update_of_an_IPv6_address_equals_a_full_sum()
    {
        var random = new Random(Seeded.Take("incremental 128"));
        Assert.All(Enumerable.Range(0, Cases), _ =>
        {
            byte[] bytes = RandomBytes(random);
            int at = 2 * random.Next((bytes.Length - 16) / 2);
            byte[] before = [.. bytes];
            random.NextBytes(bytes.AsSpan(at, 16));
            UInt128 old = BinaryPrimitives.ReadUInt128BigEndian(before.AsSpan(at));
            UInt128 @new = BinaryPrimitives.ReadUInt128BigEndian(bytes.AsSpan(at));
            ushort checksum = InternetChecksum.Compute(before);
            AssertSame(bytes, InternetChecksum.Update(checksum, old, @new));
        });
    }

    [Fact]
    public void Deltas_can_be_added_and_undone()
    {
        var random = new Random(Seeded.Take("deltas"));
        Assert.All(Enumerable.Range(0, Cases), _ =>
        {
            uint old = (uint)random.NextInt64();
            uint @new = (uint)random.NextInt64();
            // FFFF is the checksum of nothing but zeros, which no packet has.
            ushort checksum = (ushort)random.Next(0xFFFF);
            ushort there = InternetChecksum.Delta(old, @new);
            ushort back = InternetChecksum.Delta(@new, old);
            Assert.Equal(checksum, InternetChecksum.Apply(InternetChecksum.Apply(checksum, there), back));
            Assert.Equal(checksum, InternetChecksum.Apply(checksum, InternetChecksum.Fold((uint)there + back)));
            Assert.Equal(Swap(there), InternetChecksum.DeltaRaw(
                BinaryPrimitives.ReverseEndianness(old), BinaryPrimitives.ReverseEndianness(@new)));
        });
    }

    [Theory]
    [InlineData(0x0000, 0x1234, 0x0000)]
    [InlineData(0x0000, 0xFFFF, 0x0000)]
    [InlineData(0xFFFF, 0xFFFF, 0xFFFF)]
    [InlineData(0x1234, 0x1234, 0xFFFF)]
    [InlineData(0x1234, 0x0000, 0x1234)]
    public void Udp_keeps_none_as_none_and_never_makes_none(ushort checksum, ushort delta, ushort expected)
    {
        Assert.Equal(expected, InternetChecksum.ApplyUdp(checksum, delta));
        Assert.Equal(Swap(expected), InternetChecksum.ApplyUdpRaw(Swap(checksum), Swap(delta)));
    }

    [Fact]
    public void A_time_to_live_goes_down_by_a_constant_delta()
    {
        byte[] header = PacketBuilder.Bare().IPv4(IpAddress.Parse("10.0.0.1"), IpAddress.Parse("10.0.0.2")).Build();
        for (int ttl = 64; ttl > 0; ttl--)
        {
            fixed (byte* p = header)
            {
                p[8]--;
                *(ushort*)(p + 10) = InternetChecksum.ApplyRaw(*(ushort*)(p + 10), InternetChecksum.RawMinusOne);
            }

            Assert.True(OnesComplement.IsRight(header), $"after {ttl}");
        }
    }

    /// <summary>Also the two zeros and their neighbours, which random words seldom are.</summary>
    private static ushort Corner(Random random) => random.Next(4) switch
    {
        0 => 0,
        1 => 0xFFFF,
        2 => (ushort)random.Next(3),
        _ => (ushort)random.Next(0x10000),
    };

    /// <summary>Even, and with a last word that no test changes: a packet is never all zero.</summary>
    private static byte[] RandomBytes(Random random)
    {
        byte[] bytes = new byte[2 * random.Next(8, 40)];
        random.NextBytes(bytes);
        if (random.Next(4) == 0)
        {
            bytes.AsSpan(2).Fill((byte)(random.Next(2) * 0xFF));
        }

        return [.. bytes, 0x45, 0x00];
    }

    private static void AssertSame(byte[] bytes, ushort updated) => Assert.Equal(OnesComplement.Checksum(bytes), updated);

    private static ushort Swap(ushort value) => BinaryPrimitives.ReverseEndianness(value);
}
