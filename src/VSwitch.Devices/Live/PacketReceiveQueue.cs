using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Linux;

namespace VSwitch.Devices.Live;

/// <summary>One receive queue of a live interface: a packet socket with a mapped ring. A frame that fits a slot is
/// copied from there without a system call; a longer one (a super-packet) waits whole in the socket's queue and is read
/// from it, in the order of the slots. One worker polls it. The interface may go and come back: the queue then makes
/// its socket anew, so what is polled is an epoll of its own around the socket, and a timer that has the poller call
/// while the interface is away.</summary>
internal sealed unsafe class PacketReceiveQueue : IDisposable
{
    /// <summary>Slots of the ring (8 MiB): 20 ms of 64-byte frames at 200 000 a second.</summary>
    private const int SlotCount = 4096;

    /// <summary>How many bytes of long frames may wait in the socket's queue.</summary>
    private const int QueueBytes = 64 << 20;
    private const int HeaderBytes = 10;
    private const int TagBytes = 4;
    private const int AddressesBytes = 12;
    private const ushort DefaultTagType = 0x8100;
    private const short Promiscuous = 1;
    private const int MembershipBytes = 16;
    private const uint EpollIn = 1;
    private const byte NeedsChecksum = 1;

    /// <summary>How often an idle queue looks after its interface and its statistics.</summary>
    private const int LookMs = 100;
    private const long NanosecondsPerMs = 1_000_000;
    private const int MonotonicClock = 1;
    private readonly PacketInterface _interface;
    private readonly PacketFanout? _fanout;
    private readonly int _epoll;
    private readonly int _timer;
    private PacketRing? _ring;
    private int _socket = -1;
    private uint _index;
    private uint _next;
    private int _takenSinceEmpty;
    private bool _isTimerOn;
    private long _lookedMs;

    /// <summary>Makes a queue; it is closed.</summary>
    /// <param name="owner">The interface.</param>
    /// <param name="fanout">The group of all queues; null when this is the only one.</param>
    /// <exception cref="DeviceException">The system gives no descriptor.</exception>
    public PacketReceiveQueue(PacketInterface owner, PacketFanout? fanout)
    {
        _interface = owner;
        _fanout = fanout;
        _epoll = Native.EpollCreate(Native.CloseOnExec);
        _timer = Native.TimerCreate(MonotonicClock, Native.NonBlocking | Native.CloseOnExec);
        if (!TryWatch(_timer))
        {
            DeviceException error = DeviceException.Last(
                $"interface '{owner.Name}'", "raise the limit of open files (ulimit -n)");
            Dispose();
            throw error;
        }
    }

    /// <summary>Readable when frames wait; stays the same while the queue lives.</summary>
    public int PollHandle => _epoll;

    /// <summary>Opens the socket and its ring.</summary>
    /// <param name="index">The interface's number.</param>
    /// <param name="state">What it was found to be.</param>
    /// <returns>False with errno set when the system refuses; the queue then stays closed, and tries again.</returns>
    public bool TryOpen(uint index, LinkState state)
    {
        SetTimer(isOn: true);
        int socket = Native.Socket(Native.PacketFamily, Native.RawType | Native.NonBlocking | Native.CloseOnExec, 0);
        PacketRing? ring = socket < 0 ? null : Prepare(socket);
        if (ring == null || !TryBind(socket, index) || !TryWatch(socket))
        {
            int error = Marshal.GetLastPInvokeError();
            ring?.Dispose();
            _ = socket < 0 ? 0 : Native.Close(socket);
            Marshal.SetLastPInvokeError(error);
            return false;
        }

        TakeError(socket);
        (_socket, _ring, _index, _next) = (socket, ring, index, 0);
        SetTimer(isOn: state != LinkState.Up);
        return true;
    }

    /// <summary>Takes waiting frames; see <see cref="VSwitch.DataPlane.Devices.IPacketDevice.Receive"/>.</summary>
    public int Receive(PacketPool pool, PacketBuffer** packets, int maxCount)
    {
        int count = 0;
        bool isEmpty = _ring == null;
        while (!isEmpty && count < maxCount)
        {
            PacketSlot* slot = _ring!.At(_next);
            uint status = Volatile.Read(ref slot->Status);
            isEmpty = (status & PacketSlot.Filled) == 0;
            if (isEmpty || !TryTake(pool, slot, status, out PacketBuffer* p))
            {
                break;
            }

            Volatile.Write(ref slot->Status, PacketSlot.Free);
            _next++;
            _takenSinceEmpty++;
            if (p != null)
            {
                packets[count++] = p;
            }
        }

        NoteProgress(count, isEmpty);
        return count;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Close();
        _ = Native.Close(_timer);
        _ = Native.Close(_epoll);
    }

    /// <summary>Takes the frame of a slot.</summary>
    /// <param name="pool">Where the buffer comes from.</param>
    /// <param name="slot">The frame's slot.</param>
    /// <param name="status">Its status.</param>
    /// <param name="p">The frame; null when it is lost.</param>
    /// <returns>False when there is no buffer: it waits.</returns>
    private bool TryTake(PacketPool pool, PacketSlot* slot, uint status, out PacketBuffer* p)
    {
        if (slot->CapturedLength != slot->Length)
        {
            return TryTakeLong(pool, slot, status, out p);
        }

        p = pool.Rent((int)slot->Length + TagBytes);
        if (p == null)
        {
            return false;
        }

        TakeFromSlot(slot, status, p);
        return true;
    }

    private static void TakeFromSlot(PacketSlot* slot, uint status, PacketBuffer* p)
    {
        byte* frame = (byte*)slot + slot->FrameOffset;
        p->Length = (int)slot->Length;
        p->Offload = *(VirtioNetHeader*)(frame - HeaderBytes);
        p->Offload.Flags &= NeedsChecksum;
        if ((status & PacketSlot.HasVlanTag) == 0)
        {
            Buffer.MemoryCopy(frame, p->Data, p->CapacityBytes, p->Length);
            return;
        }

        Buffer.MemoryCopy(frame, p->Data + TagBytes, p->CapacityBytes - TagBytes, p->Length);
        PutTagBack(slot, status, p);
    }

    /// <summary>The kernel keeps the outermost tag beside the frame. The frame begins four bytes behind its place, and
    /// the two addresses move there.</summary>
    private static void PutTagBack(PacketSlot* slot, uint status, PacketBuffer* p)
    {
        Buffer.MemoryCopy(p->Data + TagBytes, p->Data, AddressesBytes, AddressesBytes);
        var tag = new Span<byte>(p->Data + AddressesBytes, TagBytes);
        ushort type = (status & PacketSlot.HasVlanType) != 0 ? slot->VlanType : DefaultTagType;
        BinaryPrimitives.WriteUInt16BigEndian(tag, type);
        BinaryPrimitives.WriteUInt16BigEndian(tag[2..], slot->VlanTag);
        p->Length += TagBytes;
        if (p->Offload.Flags != 0)
        {
            p->Offload.ChecksumStart += TagBytes;
        }

        if (p->Offload.GsoType != 0)
        {
            p->Offload.HeaderLength += TagBytes;
        }
    }

    /// <summary>Takes a frame that is longer than a slot. What cannot be had whole is lost, and counted.</summary>
    private bool TryTakeLong(PacketPool pool, PacketSlot* slot, uint status, out PacketBuffer* p)
    {
        p = null;
        if ((status & PacketSlot.IsQueued) == 0)
        {
            _interface.NoteLost(1);
            return true;
        }

        int length = (int)slot->Length;
        if (length + TagBytes > PacketPool.LargeStrideBytes - PacketBuffer.DataOffsetBytes)
        {
            _ = ReceiveQueued(null, 0);
            _interface.NoteLost(1);
            return true;
        }

        p = pool.Rent(length + TagBytes);
        if (p == null)
        {
            return false;
        }

        bool isTagged = (status & PacketSlot.HasVlanTag) != 0;
        byte* frame = isTagged ? p->Data + TagBytes : p->Data;
        if (ReceiveQueued(frame - HeaderBytes, length + HeaderBytes) != length + HeaderBytes)
        {
            pool.Return(p);
            p = null;
            _interface.NoteLost(1);
            return true;
        }

        p->Length = length;
        p->Offload = *(VirtioNetHeader*)(frame - HeaderBytes);
        p->Offload.Flags &= NeedsChecksum;
        if (isTagged)
        {
            PutTagBack(slot, status, p);
        }

        return true;
    }

    /// <summary>That the interface went down is an error that waits in the socket and that one call gets; the next gets
    /// the frame.</summary>
    private nint ReceiveQueued(byte* buffer, int bytes)
    {
        nint received = Native.Receive(_socket, buffer, bytes, Native.RealLength | Native.DontWait);
        return received >= 0 ? received : Native.Receive(_socket, buffer, bytes, Native.RealLength | Native.DontWait);
    }

    /// <summary>The kernel drops frames only while the ring is full, and then a whole ring is taken before it is empty:
    /// only then are the statistics asked for, and otherwise with every look at an idle interface.</summary>
    private void NoteProgress(int count, bool isEmpty)
    {
        if (count > 0)
        {
            _interface.NoteUp();
        }
        else
        {
            LookIfDue();
        }

        if (_takenSinceEmpty >= SlotCount)
        {
            CountLost();
            _takenSinceEmpty = 0;
        }
        else if (isEmpty)
        {
            _takenSinceEmpty = 0;
        }
    }

    private void LookIfDue()
    {
        long nowMs = Environment.TickCount64;
        if (nowMs - _lookedMs >= LookMs)
        {
            _lookedMs = nowMs;
            Look();
        }
    }

    /// <summary>Reads the statistics (which clears them), takes the socket's error, and makes the socket anew when its
    /// interface is gone and another has the name.</summary>
    private void Look()
    {
        LinkState state = LinkState.Gone;
        if (_socket >= 0)
        {
            CountLost();
            TakeError(_socket);
            state = _interface.Look(_index);
            if (state == LinkState.Gone)
            {
                Close();
            }
        }

        uint index = _socket >= 0 ? 0 : _interface.Find();
        if (index != 0)
        {
            if (!TryOpen(index, _interface.Look(index)))
            {
                _interface.NoteReceiveError(Marshal.GetLastPInvokeError());
            }

            return;
        }

        SetTimer(isOn: state != LinkState.Up);
    }

    /// <summary>Has the poll handle become readable every so often, or no more; takes what made it so.</summary>
    private void SetTimer(bool isOn)
    {
        ulong expirations;
        if (_isTimerOn)
        {
            _ = Native.Read(_timer, (byte*)&expirations, sizeof(ulong));
        }

        if (isOn != _isTimerOn)
        {
            // struct itimerspec: seconds and nanoseconds of the interval, then of the first time.
            long nanoseconds = isOn ? LookMs * NanosecondsPerMs : 0;
            long* times = stackalloc long[4] { 0, nanoseconds, 0, nanoseconds };
            _ = Native.TimerSet(_timer, 0, times, null);
            _isTimerOn = isOn;
        }
    }

    /// <summary>That the interface went down waits in the socket as an error, and would wake the poller until it is
    /// taken.</summary>
    private static void TakeError(int socket)
    {
        int error;
        int length = sizeof(int);
        _ = Native.GetSocketOption(socket, Native.SocketLevel, Native.SocketError, &error, &length);
    }

    private void CountLost()
    {
        uint* counts = stackalloc uint[2];
        int length = 2 * sizeof(uint);
        // struct tpacket_stats: packets, drops.
        if (Native.GetSocketOption(_socket, Native.PacketLevel, Native.PacketStatistics, counts, &length) == 0 &&
            counts[1] != 0)
        {
            _interface.NoteLost(counts[1]);
        }
    }

    private void Close()
    {
        if (_socket >= 0)
        {
            CountLost();
            _ring!.Dispose();
            _ring = null;
            _ = Native.Close(_socket);
            _socket = -1;
        }
    }

    /// <summary>Everything that must be said before the ring is made, and the ring.</summary>
    private static PacketRing? Prepare(int socket)
    {
        int one = 1;
        int bytes = QueueBytes;
        if (Native.SetSocketOption(socket, Native.PacketLevel, Native.PacketVirtioHeader, &one, sizeof(int)) < 0 ||
            Native.SetSocketOption(socket, Native.PacketLevel, Native.PacketIgnoreOutgoing, &one, sizeof(int)) < 0 ||
            Native.SetSocketOption(socket, Native.PacketLevel, Native.PacketCopyThreshold, &one, sizeof(int)) < 0)
        {
            return null;
        }

        if (Native.SetSocketOption(socket, Native.SocketLevel, Native.ReceiveBufferForce, &bytes, sizeof(int)) < 0)
        {
            // In a user namespace only as much as net.core.rmem_max allows.
            _ = Native.SetSocketOption(socket, Native.SocketLevel, Native.ReceiveBufferSize, &bytes, sizeof(int));
        }

        return PacketRing.Map(socket, Native.PacketReceiveRing, SlotCount);
    }

    /// <summary>Binds the socket, which until then hears nothing, and has the interface take frames for any MAC. One of
    /// several is deaf until it has joined the others: between the two it would hear what they hear.</summary>
    private bool TryBind(int socket, uint index)
    {
        byte* membership = stackalloc byte[MembershipBytes];
        new Span<byte>(membership, MembershipBytes).Clear();
        *(uint*)membership = index;
        *(short*)(membership + sizeof(uint)) = Promiscuous;
        return (_fanout == null || PacketFilter.TryRefuseAll(socket)) &&
            PacketAddress.TryBind(socket, index, Native.AllProtocols) &&
            Native.SetSocketOption(
                socket, Native.PacketLevel, Native.PacketAddMembership, membership, MembershipBytes) == 0 &&
            (_fanout == null || (_fanout.TryJoin(socket, index) && PacketFilter.TryAcceptAll(socket)));
    }

    private bool TryWatch(int descriptor)
    {
        byte* settings = stackalloc byte[Native.EpollBytes];
        var span = new Span<byte>(settings, Native.EpollBytes);
        span.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(span, EpollIn);
        return Native.EpollControl(_epoll, Native.EpollAdd, descriptor, settings) == 0;
    }
}
