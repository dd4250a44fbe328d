using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VSwitch.Devices.Linux;

/// <summary>Frames that a packet socket and this process share in mapped memory (TPACKET_V2 of the kernel's
/// packet_mmap): slots of one size, taken in turn by both. A slot's status word says whose it is; whoever gives it away
/// writes that word last. Version 2 and not 3: version 3 gives blocks of frames away when they are full or a timer of
/// at least 1 ms ends, and a lone frame waits for it.</summary>
internal sealed unsafe class PacketRing : IDisposable
{
    /// <summary>From one slot to the next, headers included: takes what an MTU of 1500 allows. What is longer goes by
    /// the socket's queue, which costs a super-packet less than a slot of its size would.</summary>
    public const int SlotBytes = 2048;

    private const int BlockBytes = 1 << 16;
    private const int SlotsPerBlock = BlockBytes / SlotBytes;
    private readonly nuint _bytes;
    private readonly uint _mask;
    private byte* _slots;

    private PacketRing(byte* slots, int slotCount)
    {
        _slots = slots;
        _bytes = (nuint)slotCount * SlotBytes;
        _mask = (uint)slotCount - 1;
    }

    /// <summary>Frees the memory of an instance that was never disposed.</summary>
    ~PacketRing() => Free();

    /// <summary>Slots in it: a power of two.</summary>
    public int SlotCount => (int)_mask + 1;

    /// <summary>The slot that a running number means.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public PacketSlot* At(uint number) => (PacketSlot*)(_slots + ((nuint)(number & _mask) * SlotBytes));

    /// <summary>Makes the socket's ring and maps it.</summary>
    /// <param name="socket">A packet socket without a ring of the kind.</param>
    /// <param name="option">PACKET_RX_RING or PACKET_TX_RING.</param>
    /// <param name="slotCount">Slots: a power of two, at least 32.</param>
    /// <returns>The ring; null with errno set when the system refuses.</returns>
    public static PacketRing? Map(int socket, int option, int slotCount)
    {
        int version = 1;
        uint* request = stackalloc uint[4] { BlockBytes, (uint)slotCount / SlotsPerBlock, SlotBytes, (uint)slotCount };
        if (Native.SetSocketOption(socket, Native.PacketLevel, Native.PacketVersion, &version, sizeof(int)) < 0 ||
            Native.SetSocketOption(socket, Native.PacketLevel, option, request, 4 * sizeof(uint)) < 0)
        {
            return null;
        }

        nuint bytes = (nuint)slotCount * SlotBytes;
        byte* slots = Native.Map(null, bytes, Native.ProtectReadWrite, Native.MapShared, socket, 0);
        return (nint)slots == -1 ? null : new PacketRing(slots, slotCount);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_slots != null)
        {
            _ = Native.Unmap(_slots, _bytes);
            _slots = null;
        }
    }
}

/// <summary>What stands at the beginning of a slot: struct tpacket2_hdr of linux/if_packet.h.</summary>
[StructLayout(LayoutKind.Explicit, Size = SizeBytes)]
internal struct PacketSlot
{
    /// <summary>Bytes of the header.</summary>
    public const int SizeBytes = 32;

    /// <summary>Status 0: a receive slot is the kernel's, a transmit slot is free.</summary>
    public const uint Free = 0;

    /// <summary>Receive: the frame is the process's.</summary>
    public const uint Filled = 1;

    /// <summary>Receive: the frame was longer than the slot, and lies whole in the socket's queue.</summary>
    public const uint IsQueued = 2;

    /// <summary>Receive: <see cref="VlanTag"/> holds a tag that the kernel took out of the frame.</summary>
    public const uint HasVlanTag = 1 << 4;

    /// <summary>Receive: <see cref="VlanType"/> holds the tag's type.</summary>
    public const uint HasVlanType = 1 << 6;

    /// <summary>Transmit: to be sent.</summary>
    public const uint SendRequest = 1;

    /// <summary>Transmit: the kernel refuses the frame.</summary>
    public const uint WrongFormat = 4;

    /// <summary>Whose the slot is, and what it holds.</summary>
    [FieldOffset(0)] public uint Status;

    /// <summary>Bytes of the frame on the wire; to send: of virtio header and frame.</summary>
    [FieldOffset(4)] public uint Length;

    /// <summary>Bytes of it that are in the slot.</summary>
    [FieldOffset(8)] public uint CapturedLength;

    /// <summary>Where the frame begins, from the slot's first byte; the virtio header lies before it.</summary>
    [FieldOffset(12)] public ushort FrameOffset;

    /// <summary>802.1Q tag control information, host order.</summary>
    [FieldOffset(24)] public ushort VlanTag;

    /// <summary>Type of the tag, host order.</summary>
    [FieldOffset(26)] public ushort VlanType;
}
