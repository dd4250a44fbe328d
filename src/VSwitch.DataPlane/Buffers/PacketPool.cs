using System.Diagnostics;

namespace VSwitch.DataPlane.Buffers;

/// <summary>One worker's packet buffers: a fixed number in one unmanaged slab, a last-in-first-out free list for each of the
/// two sizes. Owner: the worker; no other thread calls it. Exhaustion returns null, it never grows.</summary>
public sealed unsafe class PacketPool : IDisposable
{
    /// <summary>Bytes from one small buffer to the next: an odd number of cache lines, so that the headers of
    /// neighbouring buffers fall into different cache sets.</summary>
    public const int SmallStrideBytes = 35 * 64;

    /// <summary>Bytes from one large buffer to the next; takes a 64 KiB super-packet with its Ethernet header.</summary>
    public const int LargeStrideBytes = 1033 * 64;

    private readonly HugeMemory _memory;
    private readonly HugeMemory _freeLists;
    private readonly PacketBuffer** _smallFree;
    private readonly PacketBuffer** _largeFree;
    private readonly int _smallRoom;
    private int _smallFreeCount;
    private int _largeFreeCount;

    /// <summary>Makes the buffers of worker <paramref name="worker"/>.</summary>
    /// <param name="worker">Its index.</param>
    /// <param name="smallCount">Small buffers.</param>
    /// <param name="largeCount">Large buffers.</param>
    /// <param name="exchangeRoom">Small buffers of other workers that may be here at most beyond its own.</param>
    public PacketPool(int worker, int smallCount, int largeCount, int exchangeRoom = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(smallCount);
        ArgumentOutOfRangeException.ThrowIfNegative(largeCount);
        Worker = worker;
        SmallCount = smallCount;
        LargeCount = largeCount;
        _smallRoom = smallCount + exchangeRoom;
        nuint smallBytes = (nuint)smallCount * SmallStrideBytes;
        _memory = new HugeMemory(smallBytes + ((nuint)largeCount * LargeStrideBytes));
        _freeLists = new HugeMemory((nuint)(_smallRoom + largeCount) * (nuint)sizeof(PacketBuffer*));
        _smallFree = (PacketBuffer**)_freeLists.Address;
        _largeFree = _smallFree + _smallRoom;
        for (int i = smallCount - 1; i >= 0; i--)
        {
            _smallFree[_smallFreeCount++] = Initialise(_memory.Address + ((nuint)i * SmallStrideBytes), SmallStrideBytes, 0);
        }

        for (int i = largeCount - 1; i >= 0; i--)
        {
            byte* at = _memory.Address + smallBytes + ((nuint)i * LargeStrideBytes);
            _largeFree[_largeFreeCount++] = Initialise(at, LargeStrideBytes, 1);
        }
    }

    /// <summary>Index of the worker that owns the pool.</summary>
    public int Worker { get; }

    /// <summary>Small buffers it was made with; workers may exchange some (<see cref="BufferExchange"/>).</summary>
    public int SmallCount { get; }

    /// <summary>Large buffers in all.</summary>
    public int LargeCount { get; }

    /// <summary>Small buffers that are free now.</summary>
    public int SmallFreeCount => _smallFreeCount;

    /// <summary>Large buffers that are free now.</summary>
    public int LargeFreeCount => _largeFreeCount;

    /// <summary>True while there is a free buffer of each size that the pool has: for a frame whose length is known only when it is read,
    /// and which must then go somewhere.</summary>
    public bool HasRoomForAny => _smallFreeCount > 0 && (_largeFreeCount > 0 || LargeCount == 0);

    /// <summary>Takes a small buffer with <c>Data</c> at its default place and no offload; null when none is free.</summary>
    public PacketBuffer* Rent()
    {
        if (_smallFreeCount == 0)
        {
            return null;
        }

        PacketBuffer* p = _smallFree[--_smallFreeCount];
        p->Data = (byte*)p + PacketBuffer.DataOffsetBytes;
        p->Flags = PacketFlags.None;
        p->Offload = default;
        return p;
    }

    /// <summary>Takes a large buffer; null when none is free.</summary>
    public PacketBuffer* RentLarge()
    {
        if (_largeFreeCount == 0)
        {
            return null;
        }

        PacketBuffer* p = _largeFree[--_largeFreeCount];
        p->Data = (byte*)p + PacketBuffer.DataOffsetBytes;
        p->Flags = PacketFlags.None;
        p->Offload = default;
        return p;
    }

    /// <summary>Takes a buffer for a frame of <paramref name="bytes"/> bytes, small where it fits; null when there is none.</summary>
    public PacketBuffer* Rent(int bytes) =>
        bytes <= SmallStrideBytes - PacketBuffer.DataOffsetBytes ? Rent()
        : bytes <= LargeStrideBytes - PacketBuffer.DataOffsetBytes ? RentLarge() : null;

    /// <summary>Takes back those of some buffers that are this pool's and small, nearly all; the others move to the front.</summary>
    /// <returns>How many others there are.</returns>
    public int TakeBack(PacketBuffer** packets, int count)
    {
        // OwnerWorker and IsLarge lie side by side.
        PacketBuffer** free = _smallFree;
        int freeCount = _smallFreeCount;
        int others = 0;
        for (int i = 0; i < count; i++)
        {
            PacketBuffer* p = packets[i];
            if (*(ushort*)&p->OwnerWorker == (byte)Worker)
            {
                Debug.Assert(freeCount < SmallCount, "a buffer was returned twice");
                free[freeCount++] = p;
            }
            else
            {
                packets[others++] = p;
            }
        }

        _smallFreeCount = freeCount;
        return others;
    }

    /// <summary>Gives a buffer of this pool back.</summary>
    public void Return(PacketBuffer* p)
    {
        Debug.Assert(p->OwnerWorker == Worker, "a buffer goes back to its own pool");
        if (p->IsLarge == 0)
        {
            Debug.Assert(_smallFreeCount < _smallRoom, "a buffer was returned twice");
            _smallFree[_smallFreeCount++] = p;
        }
        else
        {
            Debug.Assert(_largeFreeCount < LargeCount, "a buffer was returned twice");
            _largeFree[_largeFreeCount++] = p;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _memory.Dispose();
        _freeLists.Dispose();
    }

    private PacketBuffer* Initialise(byte* at, int strideBytes, byte isLarge)
    {
        var p = (PacketBuffer*)at;
        p->Data = at + PacketBuffer.DataOffsetBytes;
        p->OwnerWorker = (byte)Worker;
        p->IsLarge = isLarge;
        p->CapacityBytes = strideBytes - PacketBuffer.DataOffsetBytes;
        return p;
    }
}
