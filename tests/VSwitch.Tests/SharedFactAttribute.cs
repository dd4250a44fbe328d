using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests;

/// <summary>A test over the public captures of ../shared, skipped by name where that folder is absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SharedFactAttribute : FactAttribute
{
    public SharedFactAttribute()
    {
        if (RepositoryRoot.Shared == null)
        {
            Skip = "../shared with the public captures is not beside this clone";
        }
    }
}
