using BenchmarkDotNet.Attributes;
using VSwitch.DataPlane.Flows;

namespace VSwitch.Bench.Micro;

/// <summary>One look into the connection index, as the pipeline does it: 16 home lines asked for, then 16 looked at, in random order.
/// </summary>
[BenchmarkCategory(MicroCommand.Hot)]
public class FlowIndexBench : IDisposable
{
    private const int LookUps = 1 << 16;
    private const int Stage = 16;
    private readonly uint[] _known = new uint[LookUps];
    private readonly uint[] _unknown = new uint[LookUps];
    private FlowIndex _index = new(1);

    /// <summary>Connections in the index.</summary>
    [Params(1, 1000, 100_000, 1_000_000, 10_000_000)]
    public int Size { get; set; }

    /// <summary>Fills it.</summary>
    [GlobalSetup]
    public void SetUp()
    {
        _index.Dispose();
        _index = new FlowIndex(Size);
        var random = new Random(1);
        for (int i = 0; i < Size; i++)
        {
            if (!_index.TryAdd(HashOf(i), i))
            {
                throw new BenchException($"the index for {Size} entries took {i}");
            }
        }

        for (int i = 0; i < LookUps; i++)
        {
            _known[i] = HashOf(random.Next(Size));
            _unknown[i] = HashOf(Size + random.Next());
        }
    }

    /// <summary>Frees it.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _index.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>The connection is there.</summary>
    [Benchmark(OperationsPerInvoke = LookUps)]
    public long Hit() => LookUp(_known);

    /// <summary>It is not.</summary>
    [Benchmark(OperationsPerInvoke = LookUps)]
    public long Miss() => LookUp(_unknown);

    private long LookUp(uint[] hashes)
    {
        long sum = 0;
        for (int i = 0; i < hashes.Length; i += Stage)
        {
            for (int k = i; k < i + Stage; k++)
            {
                _index.Prefetch(hashes[k]);
            }

            for (int k = i; k < i + Stage; k++)
            {
                sum += _index.Guess(hashes[k]);
            }
        }

        return sum;
    }

    /// <summary>Spreads as the hash of keys does.</summary>
    private static uint HashOf(long number) => (uint)(((ulong)number * 0x9E37_79B9_7F4A_7C15UL) >> 32);
}
