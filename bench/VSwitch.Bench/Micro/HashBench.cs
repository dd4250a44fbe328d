using BenchmarkDotNet.Attributes;
using VSwitch.DataPlane.Flows;
using VSwitch.Wire;

namespace VSwitch.Bench.Micro;

/// <summary>One packet's hashes: of the connection table and of steering.</summary>
[BenchmarkCategory(MicroCommand.Hot)]
public class HashBench
{
    private const int Burst = 64;
    private readonly uint[] _words = new uint[Burst * 2];
    private readonly Toeplitz _toeplitz = new(Toeplitz.SymmetricKey());

    /// <summary>Random addresses and ports.</summary>
    [GlobalSetup]
    public void SetUp()
    {
        var random = new Random(1);
        for (int i = 0; i < _words.Length; i++)
        {
            _words[i] = (uint)random.NextInt64();
        }
    }

    /// <summary>Endpoints sorted to a key, and the key's hash.</summary>
    [Benchmark(OperationsPerInvoke = Burst)]
    public uint KeyAndHash()
    {
        uint sum = 0;
        for (int i = 0; i < _words.Length; i += 2)
        {
            FlowKey.Sort(_words[i], _words[i + 1], (ushort)_words[i], (ushort)_words[i + 1], out ulong low, out ulong ports);
            sum += FlowKey.Hash(low, ports, 0x1111, 0x2222);
        }

        return sum;
    }

    /// <summary>The RSS hash of an IPv4 4-tuple.</summary>
    [Benchmark(OperationsPerInvoke = Burst)]
    public uint Toeplitz4()
    {
        uint sum = 0;
        for (int i = 0; i < _words.Length; i += 2)
        {
            sum += _toeplitz.HashIp4(_words[i], _words[i + 1], (ushort)_words[i], (ushort)_words[i + 1]);
        }

        return sum;
    }

    /// <summary>The RSS hash of an IPv6 4-tuple.</summary>
    [Benchmark(OperationsPerInvoke = Burst)]
    public uint Toeplitz6()
    {
        uint sum = 0;
        for (int i = 0; i < _words.Length; i += 2)
        {
            ulong first = ((ulong)_words[i] << 32) | _words[i + 1];
            sum += _toeplitz.HashIp6(first, first + 1, ~first, first - 1, (ushort)_words[i], (ushort)_words[i + 1]);
        }

        return sum;
    }
}
