using System.Buffers;
using System.Collections.Concurrent;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;

namespace VSwitch.Devices.Memory;

/// <summary>A device of tests and benchmarks: frames put in come out of Receive. What is transmitted is counted, and also
/// handed to a callback, kept as a copy (<see cref="Recording"/>), or carried to another device (<see cref="VirtualWire"/>).
/// Any thread may put frames in; a callback is called by whichever worker transmits.</summary>
public sealed unsafe class MemoryDevice : IPacketDevice
{
    private readonly ConcurrentQueue<WaitingFrame>[] _waiting;

    /// <summary>By queue, a frame taken off it that found no buffer yet. Looking at a queue's head without taking it would do, but
    /// a ConcurrentQueue that was looked at never uses its memory again. Owner: the worker that polls the queue.</summary>
    private readonly WaitingFrame?[] _held;
    private readonly ConcurrentQueue<byte[]>[]? _recorded;
    private readonly MemoryFrameHandler? _onTransmit;
    private volatile VirtualWire? _wire;
    private long _transmittedCount;
    private long _transmittedBytes;

    /// <summary>Makes a device.</summary>
    /// <param name="name">Name for people.</param>
    /// <param name="onTransmit">Sees each frame that is sent; null = frames are only counted.</param>
    /// <param name="queueCount">Queues.</param>
    public MemoryDevice(string name, MemoryFrameHandler? onTransmit, int queueCount = 1)
        : this(name, onTransmit, queueCount, isRecording: false)
    {
    }

    private MemoryDevice(string name, MemoryFrameHandler? onTransmit, int queueCount, bool isRecording)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(queueCount);
        Name = name;
        _onTransmit = onTransmit;
        _waiting = [.. Enumerable.Range(0, queueCount).Select(_ => new ConcurrentQueue<WaitingFrame>())];
        _held = new WaitingFrame?[queueCount];
        _recorded = isRecording ? [.. Enumerable.Range(0, queueCount).Select(_ => new ConcurrentQueue<byte[]>())] : null;
        Capabilities = new DeviceCapabilities(queueCount, 65535, Offload: true);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public DeviceCapabilities Capabilities { get; init; }

    /// <inheritdoc/>
    public DeviceStatus Status { get; } = new();

    /// <summary>Frames that one call of Transmit takes before it says that it is full; the default is no limit.</summary>
    public int TransmitRoom { get; set; } = int.MaxValue;

    /// <summary>Frames that Transmit took.</summary>
    public long TransmittedCount => Interlocked.Read(ref _transmittedCount);

    /// <summary>Bytes of the frames that Transmit took.</summary>
    public long TransmittedBytes => Interlocked.Read(ref _transmittedBytes);

    /// <summary>Makes a device that keeps a copy of each frame that is sent, by queue.</summary>
    public static MemoryDevice Recording(string name, int queueCount = 1) =>
        new(name, onTransmit: null, queueCount, isRecording: true);

    /// <summary>Puts a frame in for a queue. The bytes are not copied: they stay as they are until the switch took them.</summary>
    public void Enqueue(byte[] frame, int queue = 0) =>
        _waiting[queue].Enqueue(new WaitingFrame(frame, frame.Length, default, IsRented: false));

    /// <summary>Takes the oldest recorded frame of a queue; false when there is none.</summary>
    /// <exception cref="InvalidOperationException">The device was not made by <see cref="Recording"/>.</exception>
    public bool TryTakeTransmitted(out byte[] frame, int queue = 0)
    {
        ConcurrentQueue<byte[]>[] recorded = _recorded
            ?? throw new InvalidOperationException($"{Name} does not record; make it with MemoryDevice.Recording");
        bool isTaken = recorded[queue].TryDequeue(out byte[]? taken);
        frame = taken ?? [];
        return isTaken;
    }

    /// <inheritdoc/>
    public int Receive(int queue, PacketPool pool, PacketBuffer** packets, int maxCount)
    {
        int count = 0;
        while (count < maxCount && TryTakeWaiting(queue, out WaitingFrame frame))
        {
            PacketBuffer* p = pool.Rent(frame.Length);
            if (p == null && FitsLater(pool, frame.Length))
            {
                _held[queue] = frame;
                break;
            }

            if (p == null)
            {
                Status.LostCount++;
            }
            else
            {
                frame.Bytes.AsSpan(0, frame.Length).CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
                p->Length = frame.Length;
                p->Offload = frame.Offload;
                packets[count++] = p;
            }

            if (frame.IsRented)
            {
                ArrayPool<byte>.Shared.Return(frame.Bytes);
            }
        }

        return count;
    }

    /// <inheritdoc/>
    public int Transmit(int queue, PacketBuffer** packets, int count)
    {
        // Pull takes the device down first: who sees no wire any more sees that, too, and loses no frame.
        VirtualWire? wire = _wire;
        int room = Status.IsUp ? Math.Min(count, TransmitRoom) : 0;
        int taken = 0;
        long bytes = 0;
        while (taken < room && (wire == null || wire.TryCarry(this, queue, packets[taken])))
        {
            var frame = new ReadOnlySpan<byte>(packets[taken]->Data, packets[taken]->Length);
            _recorded?[queue].Enqueue(frame.ToArray());
            _onTransmit?.Invoke(frame);
            bytes += frame.Length;
            taken++;
        }

        Interlocked.Add(ref _transmittedCount, taken);
        Interlocked.Add(ref _transmittedBytes, bytes);
        return taken;
    }

    /// <inheritdoc/>
    public int PollHandle(int queue) => -1;

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    /// <summary>Whether a wire is plugged in.</summary>
    internal bool IsWired => _wire != null;

    /// <summary>Plugs a wire in: the device is up.</summary>
    internal void Plug(VirtualWire wire)
    {
        _wire = wire;
        Status.IsUp = true;
    }

    /// <summary>Pulls the wire, unless another one was plugged in meanwhile: the device is down.</summary>
    internal void Pull(VirtualWire wire)
    {
        if (ReferenceEquals(_wire, wire))
        {
            Status.IsUp = false;
            _wire = null;
        }
    }

    /// <summary>Puts a copy of a frame in, unless <paramref name="capacity"/> of them wait in the queue. Workers that call it at
    /// once may each pass the limit by one.</summary>
    internal bool TryAccept(int queue, PacketBuffer* packet, int capacity)
    {
        ConcurrentQueue<WaitingFrame> waiting = _waiting[queue % _waiting.Length];
        if (waiting.Count >= capacity)
        {
            return false;
        }

        byte[] copy = ArrayPool<byte>.Shared.Rent(packet->Length);
        new ReadOnlySpan<byte>(packet->Data, packet->Length).CopyTo(copy);
        waiting.Enqueue(new WaitingFrame(copy, packet->Length, packet->Offload, IsRented: true));
        return true;
    }

    private bool TryTakeWaiting(int queue, out WaitingFrame frame)
    {
        if (_held[queue] is WaitingFrame held)
        {
            _held[queue] = null;
            frame = held;
            return true;
        }

        return _waiting[queue].TryDequeue(out frame);
    }

    /// <summary>Whether a buffer for the frame is only in use, rather than absent from the pool.</summary>
    private static bool FitsLater(PacketPool pool, int bytes) =>
        bytes <= PacketPool.SmallStrideBytes - PacketBuffer.DataOffsetBytes ||
        (bytes <= PacketPool.LargeStrideBytes - PacketBuffer.DataOffsetBytes && pool.LargeCount > 0);

    /// <summary>A frame that waits; its array is of the shared pool when a wire brought it.</summary>
    private readonly record struct WaitingFrame(byte[] Bytes, int Length, VirtioNetHeader Offload, bool IsRented);
}

/// <summary>Sees a frame that a <see cref="MemoryDevice"/> sent; the bytes are valid during the call.</summary>
public delegate void MemoryFrameHandler(ReadOnlySpan<byte> frame);
