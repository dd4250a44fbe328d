using BenchmarkDotNet.Attributes;
using VSwitch.Wire;

namespace VSwitch.Bench.Micro;

/// <summary>One packet's checksums: mended as a rewrite does it, and summed anew for comparison.</summary>
[BenchmarkCategory(MicroCommand.Hot)]
public unsafe class ChecksumBench
{
    private const int Burst = 64;
    private const int LongBytes = 1460;
    private readonly ushort[] _checksums = new ushort[Burst * 2];
    private readonly byte[] _segment = new byte[LongBytes];

    /// <summary>Random bytes.</summary>
    [GlobalSetup]
    public void SetUp() => new Random(1).NextBytes(_segment);

    /// <summary>The two deltas of a translated and routed packet (RFC 1624).</summary>
    [Benchmark(OperationsPerInvoke = Burst)]
    public void MendBoth()
    {
        ushort[] checksums = _checksums;
        for (int i = 0; i < checksums.Length; i += 2)
        {
            checksums[i] = InternetChecksum.ApplyRaw(checksums[i], 0x1234);
            checksums[i + 1] = InternetChecksum.ApplyRaw(checksums[i + 1], 0x4321);
        }
    }

    /// <summary>A whole segment.</summary>
    [Benchmark]
    public uint SumOf1460Bytes()
    {
        fixed (byte* segment = _segment)
        {
            return InternetChecksum.SumRaw(segment, LongBytes);
        }
    }
}
