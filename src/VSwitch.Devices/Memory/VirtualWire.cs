using VSwitch.DataPlane.Buffers;

namespace VSwitch.Devices.Memory;

/// <summary>Joins two memory devices: what one transmits, the other receives, on the queue of the same number (modulo the
/// other's queues), in order and with its offload state. Bounded: a frame that finds the far queue full is not taken, as on a
/// device that is full. Disposing it pulls the wire: both devices are down, and what has arrived can still be received.
/// </summary>
public sealed unsafe class VirtualWire : IDisposable
{
    /// <summary>Frames that wait in one queue before it is full, unless asked otherwise.</summary>
    public const int DefaultCapacity = 4096;

    private readonly MemoryDevice _first;
    private readonly MemoryDevice _second;
    private readonly int _capacity;

    /// <summary>Plugs the wire into both devices, which are up then.</summary>
    /// <param name="first">One end.</param>
    /// <param name="second">The other end.</param>
    /// <param name="capacity">Frames that wait in one queue before it is full, at least 1.</param>
    /// <exception cref="ArgumentException">Both ends are one device, or an end has a wire already.</exception>
    public VirtualWire(MemoryDevice first, MemoryDevice second, int capacity = DefaultCapacity)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        if (ReferenceEquals(first, second) || first.IsWired || second.IsWired)
        {
            throw new ArgumentException($"a wire needs two devices that have none: {first.Name} and {second.Name}", nameof(second));
        }

        _first = first;
        _second = second;
        _capacity = capacity;
        first.Plug(this);
        second.Plug(this);
    }

    /// <summary>Pulls the wire.</summary>
    public void Dispose()
    {
        _first.Pull(this);
        _second.Pull(this);
    }

    /// <summary>Carries a frame from one end to the other; false when the far queue is full.</summary>
    internal bool TryCarry(MemoryDevice from, int queue, PacketBuffer* packet) =>
        (ReferenceEquals(from, _first) ? _second : _first).TryAccept(queue, packet, _capacity);
}
