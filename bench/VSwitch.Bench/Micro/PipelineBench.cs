using BenchmarkDotNet.Attributes;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.Bench.Micro;

/// <summary>One packet through the whole pipeline, generator included: what the harness measures, as a quick look.</summary>
[BenchmarkCategory(MicroCommand.Hot)]
public unsafe class PipelineBench : IDisposable
{
    private const int Bursts = 64;
    private const int Packets = Bursts * 64;
    private const int Flows = 1024;
    private BenchBed? _bed;

    /// <summary>What the packets go through.</summary>
    [ParamsAllValues]
    public PipelineScenario Scenario { get; set; }

    /// <summary>Opens the connections.</summary>
    [GlobalSetup]
    public void SetUp() => _bed = new BenchBed(new BenchCase((BenchScenario)Scenario, Flows));

    /// <summary>Frees the switch.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _bed?.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Bursts of 64.</summary>
    [Benchmark(OperationsPerInvoke = Packets)]
    public int Step()
    {
        PacketBuffer** list = stackalloc PacketBuffer*[BenchBed.Burst];
        FrameSource[] sources = _bed!.Sources[0];
        int sent = 0;
        for (int i = 0; i < Bursts; i++)
        {
            sent += _bed.Step(list, sources[i % sources.Length]);
        }

        return sent;
    }
}

/// <summary>The scenarios of <see cref="BenchScenario"/>, public because BenchmarkDotNet sets them.</summary>
public enum PipelineScenario
{
    /// <summary>Within a subnet.</summary>
    L2 = BenchScenario.L2,

    /// <summary>Security groups at both ends.</summary>
    Sg = BenchScenario.Sg,

    /// <summary>And 1:1 NAT.</summary>
    Eip = BenchScenario.Eip,

    /// <summary>Dropped by the rules.</summary>
    Denied = BenchScenario.Denied,
}
