using VSwitch.Testing;
using Xunit;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>A test over the public captures, skipped by name where they are not beside the clone.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class SharedCaptureFactAttribute : FactAttribute
{
    public SharedCaptureFactAttribute()
    {
        if (RepositoryRoot.Shared == null)
        {
            Skip = "../shared with the public captures is not beside this clone";
        }
    }
}
