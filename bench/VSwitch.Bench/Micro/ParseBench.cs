using BenchmarkDotNet.Attributes;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Wire;

namespace VSwitch.Bench.Micro;

/// <summary>One frame parsed, in the first-level cache.</summary>
[BenchmarkCategory(MicroCommand.Hot)]
public unsafe class ParseBench : IDisposable
{
    private const int Burst = 64;
    private readonly PacketPool _pool = new(0, Burst, 0);
    private readonly PacketBuffer*[] _packets = new PacketBuffer*[Burst];

    /// <summary>A burst of TCP frames.</summary>
    [GlobalSetup]
    public void SetUp()
    {
        var lab = new BenchLab(BenchScenario.Sg, rules: 1, capacity: 1024);
        for (int i = 0; i < Burst; i++)
        {
            PacketBuffer* p = _pool.Rent();
            lab.Write(new Span<byte>(p->Data, 64), i, isReply: false, TcpFlags.Ack, 1, 1);
            p->Length = 64;
            _packets[i] = p;
        }
    }

    /// <summary>Frees the buffers.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _pool.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>TCP over IPv4 without options.</summary>
    [Benchmark(OperationsPerInvoke = Burst)]
    public int Tcp4()
    {
        int plain = 0;
        foreach (PacketBuffer* p in _packets)
        {
            plain += ParseStage.TryParsePlain(p) ? 1 : 0;
        }

        return plain;
    }
}
