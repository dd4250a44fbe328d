using BenchmarkDotNet.Attributes;
using VSwitch.DataPlane.Flows;

namespace VSwitch.Bench.Micro;

/// <summary>One connection put into a table and taken out again.</summary>
[BenchmarkCategory(MicroCommand.Hot)]
public unsafe class FlowTableBench : IDisposable
{
    private const int Pairs = 1 << 14;
    private readonly FlowEntry*[] _entries = new FlowEntry*[Pairs];
    private FlowTable _table = new(1, isV6: false);

    /// <summary>Connections that stay in the table.</summary>
    [Params(1000, 1_000_000)]
    public int Size { get; set; }

    /// <summary>Fills it.</summary>
    [GlobalSetup]
    public void SetUp()
    {
        _table.Dispose();
        _table = new FlowTable(Size + Pairs, isV6: false);
        for (int i = 0; i < Size; i++)
        {
            Add(i);
        }
    }

    /// <summary>Frees it.</summary>
    [GlobalCleanup]
    public void Dispose()
    {
        _table.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>In and out.</summary>
    [Benchmark(OperationsPerInvoke = Pairs)]
    public int InsertAndRemove()
    {
        for (int i = 0; i < Pairs; i++)
        {
            _entries[i] = Add(Size + i);
        }

        for (int i = 0; i < Pairs; i++)
        {
            _table.Remove(_entries[i]);
        }

        return _table.Count;
    }

    private FlowEntry* Add(int number)
    {
        ulong key = (ulong)number * 0x9E37_79B9_7F4A_7C15UL;
        FlowEntry* entry = _table.Add(key, 1, (uint)(key >> 32));
        entry->State = FlowState.Other;
        return entry;
    }
}
