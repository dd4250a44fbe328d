using BenchmarkDotNet.Attributes;
using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;

namespace VSwitch.Bench.Micro;

/// <summary>A whole configuration compiled: control plane, may allocate.</summary>
public class SnapshotBench
{
    private readonly NumberDirectory _numbers = new();
    private SwitchConfig _config = new();

    /// <summary>Rules of the group in each direction.</summary>
    [Params(50, 10_000)]
    public int Rules { get; set; }

    /// <summary>Makes the configuration.</summary>
    [GlobalSetup]
    public void SetUp() => _config = new BenchLab(BenchScenario.Sg, Rules, capacity: 1024).Config;

    /// <summary>Compiles it; the version of the result.</summary>
    [Benchmark]
    public uint Compile() => SnapshotCompiler.Compile(_config, _numbers).Version;
}
