using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests;

/// <summary>A test with a case for each of the public captures of ../shared; where that folder is absent it is one skipped
/// test with its reason. Lives here because the test library takes no package.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SharedCapturesTheoryAttribute : TheoryAttribute
{
    public SharedCapturesTheoryAttribute()
    {
        if (RepositoryRoot.Shared == null)
        {
            Skip = "../shared with the public captures is not beside this clone";
        }
    }
}
