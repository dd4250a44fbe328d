using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests;

/// <summary>As <see cref="SharedFactAttribute"/>, for a table.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SharedTheoryAttribute : TheoryAttribute
{
    public SharedTheoryAttribute()
    {
        if (RepositoryRoot.Shared == null)
        {
            Skip = "../shared with the public captures is not beside this clone";
        }
    }
}
