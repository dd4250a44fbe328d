using System.Buffers.Binary;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Wire;

/// <summary>The switch's checksum against the tests' own slow one.</summary>
public unsafe class InternetChecksumTests
{
    private const int Rounds = 100_000;

    [Fact]
    public void Incremental_equals_full_for_random_changes_of_a_word()
    {
        var random = new Random(Seeded.Take("incremental checksum"));
        Span<byte> bytes = stackalloc byte[64];
        for (int i = 0; i < Rounds; i++)
        {
            Span<byte> data = bytes[..(2 * random.Next(2, 33))];
            random.NextBytes(data);
            data[0] |= 1;
            ushort before = OnesComplement.Checksum(data);
            Span<byte> word = data[(2 * random.Next(1, data.Length / 2))..];
            ushort old = BinaryPrimitives.ReadUInt16BigEndian(word);
            ushort changed = (i % 4) switch { 0 => 0, 1 => 0xFFFF, _ => (ushort)random.Next(0x10000) };
            BinaryPrimitives.WriteUInt16BigEndian(word, changed);
            Assert.Equal(OnesComplement.Checksum(data), InternetChecksum.Update(before, old, changed));
        }
    }

    [Fact]
    public void Raw_delta_of_an_address_equals_full()
    {
        var random = new Random(Seeded.Take("raw delta"));
        byte[] data = new byte[40];
        fixed (byte* p = data)
        {
            for (int i = 0; i < Rounds; i++)
            {
                random.NextBytes(data);
                data[0] |= 1;
                ushort before = (ushort)~InternetChecksum.SumRaw(p, data.Length);
                var first = (uint*)(p + 12);
                var second = (uint*)(p + 16);
                (uint oldFirst, uint oldSecond) = (*first, *second);
                *first = i % 5 == 0 ? 0 : (uint)random.NextInt64(1L << 32);
                *second = i % 7 == 0 ? uint.MaxValue : (uint)random.NextInt64(1L << 32);
                ushort delta = InternetChecksum.AddRaw(
                    InternetChecksum.DeltaRaw(oldFirst, *first), InternetChecksum.DeltaRaw(oldSecond, *second));
                ushort after = InternetChecksum.ApplyRaw(before, delta);
                Assert.Equal(OnesComplement.Checksum(data), BinaryPrimitives.ReverseEndianness(after));
            }
        }
    }

    [Fact]
    public void Data_that_become_all_zero_are_the_one_difference()
    {
        Assert.Equal(0xFFFF, InternetChecksum.Compute(new byte[4]));
        Assert.Equal(0x0000, InternetChecksum.Update(0xFFFF - 0x1234, 0x1234, 0));
    }

    [Fact]
    public void Udp_keeps_no_checksum_and_never_sends_zero()
    {
        Assert.Equal(0, InternetChecksum.ApplyUdpRaw(0, 0x1234));
        ushort delta = InternetChecksum.DeltaRaw(0x5555, 0x3285);
        Assert.Equal(0x0000, InternetChecksum.ApplyRaw(0xDD2F, delta));
        Assert.Equal(0xFFFF, InternetChecksum.ApplyUdpRaw(0xDD2F, delta));
    }

    [Fact]
    public void Sum_of_every_length_and_alignment()
    {
        var random = new Random(Seeded.Take("sum"));
        byte[] bytes = new byte[420];
        fixed (byte* p = bytes)
        {
            for (int offset = 0; offset < 8; offset++)
            {
                for (int length = 0; length <= 400; length++)
                {
                    random.NextBytes(bytes);
                    if (length % 10 == 0)
                    {
                        Array.Fill(bytes, (byte)(length % 20 == 0 ? 0xFF : 0));
                    }

                    ReadOnlySpan<byte> data = bytes.AsSpan(offset, length);
                    Assert.Equal(OnesComplement.Fold(OnesComplement.Sum(data)), InternetChecksum.Sum(data));
                    Assert.Equal(OnesComplement.Checksum(data), InternetChecksum.Compute(data));
                    uint raw = InternetChecksum.SumRaw(p + offset, length);
                    Assert.Equal(InternetChecksum.Sum(data), BinaryPrimitives.ReverseEndianness((ushort)raw));
                }
            }
        }
    }

    [Fact]
    public void Sum_of_the_largest_packet_of_ones_loses_no_carry()
    {
        byte[] bytes = new byte[ushort.MaxValue];
        Array.Fill(bytes, (byte)0xFF);
        Assert.Equal(OnesComplement.Fold(OnesComplement.Sum(bytes)), InternetChecksum.Sum(bytes));
    }

    [Theory]
    [InlineData("0.0.0.0", "0.0.0.0", 0, 0)]
    [InlineData("10.0.0.1", "203.0.113.9", 6, 20)]
    [InlineData("255.255.255.255", "255.255.255.255", 255, 65535)]
    [InlineData("fd00::1", "2001:db8::9", 58, 64)]
    [InlineData("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 17, 100_000)]
    public void Pseudo_header(string source, string destination, byte protocol, int length)
    {
        (IpAddress from, IpAddress to) = (IpAddress.Parse(source), IpAddress.Parse(destination));
        ulong expected = OnesComplement.Pseudo(from, to, protocol, length);
        Assert.Equal(OnesComplement.Fold(expected), InternetChecksum.PseudoHeader(from, to, protocol, length));
        byte[] data = [1, 2, 3, 4, 5];
        Assert.Equal(
            OnesComplement.Checksum(data, expected),
            InternetChecksum.Compute(data, InternetChecksum.PseudoHeader(from, to, protocol, length)));
    }

    [Fact]
    public void Headers_of_every_length_are_judged_as_the_slow_sum_does()
    {
        var random = new Random(Seeded.Take("header validity"));
        byte[] header = new byte[60];
        fixed (byte* p = header)
        {
            for (int i = 0; i < Rounds; i++)
            {
                int length = 4 * random.Next(5, 16);
                random.NextBytes(header);
                (p[10], p[11]) = (0, 0);
                ushort checksum = OnesComplement.Checksum(header.AsSpan(0, length));
                bool isSpoiled = i % 2 == 0;
                ushort written = (ushort)(checksum ^ (isSpoiled ? 1 << random.Next(16) : 0));
                BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(10), written);
                Assert.Equal(OnesComplement.IsRight(header.AsSpan(0, length)), InternetChecksum.IsIpv4HeaderValid(p, length));
                Assert.Equal(!isSpoiled, InternetChecksum.IsIpv4HeaderValid(p, length));
            }
        }
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        byte[] bytes = new byte[1500];
        IpAddress address = IpAddress.Parse("fd00::1");
        AllocationGuard.RequireNone("a checksum", () =>
            InternetChecksum.Compute(bytes, InternetChecksum.PseudoHeader(address, address, 6, bytes.Length)));
    }
}
