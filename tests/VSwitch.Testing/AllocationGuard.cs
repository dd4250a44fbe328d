using System.Runtime.CompilerServices;

namespace VSwitch.Testing;

/// <summary>Counts what an action allocates on the calling thread.</summary>
public static class AllocationGuard
{
    /// <summary>Bytes that the action allocated in its second run: the first one pays for compilation and for statics.
    /// </summary>
    public static long BytesOf(Action action)
    {
        action();
        return BytesOfOneRun(action);
    }

    /// <summary>Bytes that one run allocated, all it needed for the first time included.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static long BytesOfOneRun(Action action)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        action();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    /// <summary>Throws when the action allocates.</summary>
    public static void RequireNone(string what, Action action)
    {
        long bytes = BytesOf(action);
        if (bytes != 0)
        {
            throw new PacketAssertException($"{what} allocated {bytes} bytes on its thread; 0 are allowed");
        }
    }
}
