using System.Runtime.InteropServices;

namespace VSwitch.Bench;

/// <summary>Time that this thread has run on a processor, nanoseconds: on a machine that others use too, the time of a busy loop
/// without the time in which it was set aside. On a quiet machine it is the time on the wall.</summary>
internal static partial class ThreadClock
{
    private const int ClockThreadCpuTimeId = 3;

    /// <summary>The time now; only differences mean anything.</summary>
    public static double NowNs()
    {
        int result = ClockGetTime(ClockThreadCpuTimeId, out Timespec time);
        return result == 0 ? (time.Seconds * 1e9) + time.Nanoseconds
            : throw new InvalidOperationException("clock_gettime(CLOCK_THREAD_CPUTIME_ID) failed");
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int ClockGetTime(int clock, out Timespec time);

    private struct Timespec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
