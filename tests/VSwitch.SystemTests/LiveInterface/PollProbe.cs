using System.Runtime.InteropServices;

namespace VSwitch.SystemTests.LiveInterface;

/// <summary>Asks poll(2) of one descriptor.</summary>
internal static unsafe partial class PollProbe
{
    private const short Readable = 1;

    /// <summary>True as soon as the descriptor is readable; false when it is not within the limit.</summary>
    public static bool Poll(int handle, TimeSpan limit)
    {
        var entry = new Entry { Descriptor = handle, Events = Readable };
        return Poll(&entry, 1, (int)limit.TotalMilliseconds) > 0 && (entry.Returned & Readable) != 0;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Entry
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(Entry* entries, nuint count, int timeoutMs);
}
