using VSwitch.SystemTests;
using Xunit;

// Live tests use one name of a namespace, and a count of allocations wants a quiet collector.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace VSwitch.SharpPcap.Tests.Live;

/// <summary>A theory with real interfaces and programs, skipped by name where the right or a tool is missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RootTheoryAttribute : TheoryAttribute
{
    public RootTheoryAttribute(params string[] tools)
    {
        Skip = new RootFactAttribute(tools).Skip;
    }
}
