using BenchmarkDotNet.Attributes;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.Bench.Micro;

/// <summary>One buffer through a hand-over ring, both ends on one core: what the ring itself costs.</summary>
[BenchmarkCategory(MicroCommand.Hot)]
public unsafe class RingBench : IDisposable
{
    private const int Burst = 64;
    private readonly SpscRing _ring = new(1024);
    private readonly PacketPool _pool = new(0, Burst, 0);
    private readonly HugeMemory _list = new(Burst * 2 * (nuint)sizeof(PacketBuffer*));

    /// <summary>Takes the buffers.</summary>
    [GlobalSetup]
    public void SetUp()
    {
        for (int i = 0; i < Burst; i++)
        {
            ((PacketBuffer**)_list.Address)[i] = _pool.Rent();
        }
    }

    /// <summary>Frees them.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _ring.Dispose();
        _pool.Dispose();
        _list.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>A burst in, a burst out.</summary>
    [Benchmark(OperationsPerInvoke = Burst)]
    public int PushAndPop()
    {
        var list = (PacketBuffer**)_list.Address;
        for (int i = 0; i < Burst; i++)
        {
            _ring.TryStage(list[i]);
        }

        _ring.Publish();
        return _ring.Pop(list + Burst, Burst);
    }
}
