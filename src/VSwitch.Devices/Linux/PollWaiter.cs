using System.Buffers.Binary;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Workers;

namespace VSwitch.Devices.Linux;

/// <summary>Sleeps on epoll: a worker's device queues, level-triggered, and an event descriptor by which others wake it. Descriptors come
/// and go from any thread.</summary>
public sealed unsafe class PollWaiter : IWorkerWaiter
{
    private const int EpollAdd = 1;
    private const int EpollDelete = 2;
    private const uint EpollIn = 1;
    private const int MaxEvents = 64;
    private const int EventBytes = 12;
    private readonly int _epoll;
    private readonly int _event;

    /// <summary>Makes a waiter for some descriptors; negative ones are passed over.</summary>
    /// <exception cref="DeviceException">The system gives no descriptor.</exception>
    public PollWaiter(IEnumerable<int> handles)
    {
        _epoll = Native.EpollCreate(Native.CloseOnExec);
        _event = Native.EventDescriptor(0, Native.NonBlocking | Native.CloseOnExec);
        if (_epoll < 0 || _event < 0)
        {
            throw DeviceException.Last("epoll", "raise the limit of open files (ulimit -n)");
        }

        Add(_event);
        foreach (int handle in handles)
        {
            Add(handle);
        }
    }

    /// <summary>Watches one more descriptor.</summary>
    public void Add(int handle) => Control(EpollAdd, handle);

    /// <summary>Watches a descriptor no longer.</summary>
    public void Remove(int handle) => Control(EpollDelete, handle);

    /// <inheritdoc/>
    public int Wait(int timeoutMs, Span<int> ready)
    {
        byte* events = stackalloc byte[MaxEvents * EventBytes];
        int count = Native.EpollWait(_epoll, events, Math.Min(MaxEvents, ready.Length + 1), timeoutMs);
        int written = 0;
        for (int i = 0; i < count; i++)
        {
            int handle = *(int*)(events + (i * EventBytes) + sizeof(uint));
            if (handle == _event)
            {
                ulong wakes;
                _ = Native.Read(_event, (byte*)&wakes, sizeof(ulong));
            }
            else if (written < ready.Length)
            {
                ready[written++] = handle;
            }
        }

        return written;
    }

    /// <inheritdoc/>
    public void Wake()
    {
        ulong one = 1;
        _ = Native.Write(_event, (byte*)&one, sizeof(ulong));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ = Native.Close(_event);
        _ = Native.Close(_epoll);
    }

    /// <summary>struct epoll_event is packed on x86-64: 32 bits of events, 64 of data.</summary>
    private void Control(int operation, int handle)
    {
        if (handle >= 0)
        {
            byte* settings = stackalloc byte[EventBytes];
            var span = new Span<byte>(settings, EventBytes);
            BinaryPrimitives.WriteUInt32LittleEndian(span, EpollIn);
            BinaryPrimitives.WriteUInt64LittleEndian(span[4..], (ulong)handle);
            _ = Native.EpollControl(_epoll, operation, handle, settings);
        }
    }
}
