using System.Globalization;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Wire;

public unsafe class VectorTests
{
    public static TheoryData<string, string, string, string, string, string, string> Checksums()
    {
        var rows = new TheoryData<string, string, string, string, string, string, string>();
        foreach (string[] r in Rows("checksum.tsv", 7))
        {
            rows.Add(r[0], r[1], r[2], r[3], r[4], r[5], r[6]);
        }

        return rows;
    }

    public static TheoryData<string, string, string, string, string, string, string, string> Hashes()
    {
        var rows = new TheoryData<string, string, string, string, string, string, string, string>();
        foreach (string[] r in Rows("rss_toeplitz.tsv", 9))
        {
            rows.Add(r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[0]);
        }

        return rows;
    }

    [Theory]
    [MemberData(nameof(Checksums))]
    public void Checksum_vector(string name, string kind, string data, string old, string from, string to, string expected)
    {
        ushort seen;
        ushort plain;
        if (kind == "incremental")
        {
            ushort delta = InternetChecksum.DeltaRaw(Swap(Hex(from)), Swap(Hex(to)));
            seen = Swap(InternetChecksum.ApplyRaw(Swap(Hex(old)), delta));
            plain = InternetChecksum.Update(Hex(old), Hex(from), Hex(to));
        }
        else
        {
            byte[] bytes = Convert.FromHexString(data);
            plain = InternetChecksum.Compute(bytes);
            fixed (byte* p = bytes)
            {
                seen = Swap((ushort)~InternetChecksum.SumRaw(p, bytes.Length));
            }
        }

        Assert.True(Hex(expected) == seen, $"{name} ({kind}), raw order: expected {expected}, got {seen:x4}");
        Assert.True(Hex(expected) == plain, $"{name} ({kind}), network order: expected {expected}, got {plain:x4}");
    }

    [Theory]
    [MemberData(nameof(Hashes))]
    public void Toeplitz_vector(
        string source, string sourcePort, string destination, string destinationPort, string key, string two, string four, string set)
    {
        var toeplitz = new Toeplitz(Convert.FromHexString(key));
        IpAddress from = IpAddress.Parse(source);
        IpAddress to = IpAddress.Parse(destination);
        int size = from.ByteCount;
        byte[] input = new byte[(2 * size) + 4];
        from.Write(input);
        to.Write(input.AsSpan(size));
        Put(input, 2 * size, sourcePort);
        Put(input, (2 * size) + 2, destinationPort);
        Assert.Equal($"{set} {two}", $"{set} {toeplitz.Hash(input.AsSpan(0, 2 * size)):x8}");
        Assert.Equal($"{set} {four}", $"{set} {toeplitz.Hash(input):x8}");
        Assert.Equal(toeplitz.Hash(input), Fast(toeplitz, input, size));
    }

    [Fact]
    public void Header_check_of_20_bytes_equals_the_plain_one()
    {
        var random = new Random(Seeded.Take("header check"));
        byte[] header = new byte[20];
        for (int i = 0; i < 100_000; i++)
        {
            random.NextBytes(header);
            fixed (byte* p = header)
            {
                *(ushort*)(p + 10) = 0;
                *(ushort*)(p + 10) = (ushort)(~InternetChecksum.SumRaw(p, 20) ^ (i % 3 == 0 ? 1 << random.Next(16) : 0));
                Assert.Equal(InternetChecksum.IsIpv4HeaderValid(p, 20), InternetChecksum.IsIpv4Header20Valid(p));
                Assert.Equal(OnesComplement.IsRight(header), InternetChecksum.IsIpv4Header20Valid(p));
            }
        }
    }

    private static uint Fast(Toeplitz t, byte[] input, int size)
    {
        fixed (byte* p = input)
        {
            ushort from = *(ushort*)(p + (2 * size));
            ushort to = *(ushort*)(p + (2 * size) + 2);
            var w = (ulong*)p;
            return size == 4 ? t.HashIp4(*(uint*)p, *(uint*)(p + 4), from, to) : t.HashIp6(w[0], w[1], w[2], w[3], from, to);
        }
    }

    private static void Put(byte[] input, int at, string port)
    {
        int value = int.Parse(port, CultureInfo.InvariantCulture);
        (input[at], input[at + 1]) = ((byte)(value >> 8), (byte)value);
    }

    private static ushort Hex(string text) => ushort.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private static ushort Swap(ushort value) => (ushort)((value << 8) | (value >> 8));

    private static IEnumerable<string[]> Rows(string file, int columns) =>
        File.ReadLines(RepositoryRoot.Vector(file)).Skip(1).Where(l => l.Length > 0).Select(l =>
        {
            string[] cells = l.Split('\t');
            Array.Resize(ref cells, Math.Max(columns, cells.Length));
            return cells.Select(c => c ?? "").ToArray();
        });
}
