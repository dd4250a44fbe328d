using System.Runtime.InteropServices;
using Xunit;

namespace VSwitch.SharpPcap.Tests;

/// <summary>A test that calls into libpcap, skipped by name where it is not installed. (Live tests name tcpdump, whose package brings
/// it.)</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class LibpcapFactAttribute : FactAttribute
{
    public LibpcapFactAttribute()
    {
        if (!Array.Exists(["libpcap.so", "libpcap.so.0.8", "libpcap.so.1"], name => NativeLibrary.TryLoad(name, out _)))
        {
            Skip = "libpcap is not installed (Debian: libpcap0.8)";
        }
    }
}
