using System.Buffers.Binary;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Linux;

namespace VSwitch.Devices.Faults;

/// <summary>A descriptor that poll(2) reports readable when another one is, or when a time has come (timerfd and epoll, one in the
/// other). Any thread.</summary>
internal sealed unsafe class DueTimer : IDisposable
{
    private const int Monotonic = 1;
    private const int EpollAdd = 1;
    private const uint EpollIn = 1;
    private const int EventBytes = 12;
    private const long NanosecondsPerSecond = 1_000_000_000;
    private readonly Lock _lock = new();
    private readonly int _timer;
    private long _dueNs = long.MaxValue;

    /// <summary>Makes a timer beside a descriptor.</summary>
    /// <exception cref="DeviceException">The system gives no descriptor.</exception>
    public DueTimer(int beside)
    {
        _timer = Native.TimerDescriptor(Monotonic, Native.NonBlocking | Native.CloseOnExec);
        Handle = Native.EpollCreate(Native.CloseOnExec);
        if (_timer < 0 || Handle < 0 || !TryAdd(_timer) || !TryAdd(beside))
        {
            Dispose();
            throw DeviceException.Last("timer", "raise the limit of open files (ulimit -n)");
        }
    }

    /// <summary>What to poll.</summary>
    public int Handle { get; }

    /// <summary>Sets the time; a time that has come is readable at once, and <see cref="long.MaxValue"/> never is.</summary>
    public void Set(long dueNs, long nowNs)
    {
        lock (_lock)
        {
            if (dueNs == _dueNs && dueNs > nowNs)
            {
                return;
            }

            // An interval of 0 and the time from now on; both 0 disarm it. Setting it also takes back what it has fired.
            long* settings = stackalloc long[4];
            long waitNs = dueNs == long.MaxValue ? 0 : Math.Max(1, dueNs - nowNs);
            settings[0] = 0;
            settings[1] = 0;
            settings[2] = waitNs / NanosecondsPerSecond;
            settings[3] = waitNs % NanosecondsPerSecond;
            if (dueNs != long.MaxValue || _dueNs != long.MaxValue)
            {
                _ = Native.SetTimer(_timer, 0, settings, null);
            }

            _dueNs = dueNs;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Handle >= 0)
        {
            _ = Native.Close(Handle);
        }

        if (_timer >= 0)
        {
            _ = Native.Close(_timer);
        }
    }

    private bool TryAdd(int descriptor)
    {
        byte* settings = stackalloc byte[EventBytes];
        var span = new Span<byte>(settings, EventBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(span, EpollIn);
        BinaryPrimitives.WriteUInt64LittleEndian(span[4..], (ulong)descriptor);
        return Native.EpollControl(Handle, EpollAdd, descriptor, settings) == 0;
    }
}
