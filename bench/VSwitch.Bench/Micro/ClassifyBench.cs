using BenchmarkDotNet.Attributes;
using VSwitch.ControlPlane.Compile;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.Bench.Micro;

/// <summary>One first packet asked of a security group's compiled rules; the last rule decides.</summary>
[BenchmarkCategory(MicroCommand.Hot)]
public unsafe class ClassifyBench
{
    private const int Questions = 1024;
    private readonly uint[] _remotes = new uint[Questions];
    private ForwardingSnapshot? _snapshot;

    /// <summary>Rules of the group in each direction.</summary>
    [Params(10, 100, 1000, 10_000)]
    public int Rules { get; set; }

    /// <summary>Compiles them.</summary>
    [GlobalSetup]
    public void SetUp()
    {
        _snapshot = SnapshotCompiler.Compile(new BenchLab(BenchScenario.Sg, Rules, capacity: 1024).Config, new NumberDirectory());
        var random = new Random(1);
        for (int i = 0; i < Questions; i++)
        {
            _remotes[i] = (uint)random.NextInt64();
        }
    }

    /// <summary>Allowed.</summary>
    [Benchmark(OperationsPerInvoke = Questions)]
    public long Match()
    {
        int set = _snapshot!.Enis[1].IngressRules;
        long sum = 0;
        foreach (uint remote in _remotes)
        {
            sum += _snapshot.SecurityGroups.Match(set, (byte)IpProtocol.Tcp, remote, 443);
        }

        return sum;
    }
}
