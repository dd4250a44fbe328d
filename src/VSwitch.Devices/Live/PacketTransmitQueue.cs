using System.Runtime.InteropServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Linux;

namespace VSwitch.Devices.Live;

/// <summary>One transmit queue of a live interface. Frames that fit a slot go by a mapped ring, one system call for a
/// burst; longer ones (super-packets) by a write each, which copies them once where the ring would twice. A call
/// returns after the kernel has looked at every frame, so both ways keep the order. One caller has the ring; whoever
/// meets it at work writes its frames, and nobody waits.</summary>
internal sealed unsafe class PacketTransmitQueue : IDisposable
{
    private const int SlotCount = 1024;
    private const int QueueBytes = 32 << 20;
    private const int HeaderBytes = 10;
    private const int EthernetBytes = 14;
    private const int TagBytes = 4;
    private const int HeaderLengthOffset = 2;
    private const int FindMs = 100;

    /// <summary>Where the kernel looks for what is to be sent: TPACKET2_HDRLEN - sizeof(struct sockaddr_ll).</summary>
    private const int DataOffset = PacketSlot.SizeBytes;
    private const int SlotFrameBytes = PacketRing.SlotBytes - DataOffset - HeaderBytes;
    private readonly PacketInterface _interface;
    private readonly DeviceStatus _status;
    private readonly int _ringSocket;
    private readonly int _socket;
    private readonly PacketRing _ring;
    private uint _next;
    private int _isRingTaken;
    private long _foundMs;

    /// <summary>Opens the sockets.</summary>
    /// <exception cref="DeviceException">The system refuses; the message has the errno in words and the
    /// mend.</exception>
    public PacketTransmitQueue(PacketInterface owner, DeviceStatus status, uint index)
    {
        _interface = owner;
        _status = status;
        _ringSocket = Open(index);
        _socket = Open(index);
        PacketRing? ring = _ringSocket < 0 || _socket < 0 ? null
            : PacketRing.Map(_ringSocket, Native.PacketTransmitRing, SlotCount);
        if (ring == null)
        {
            DeviceException error = DeviceException.Last(
                $"interface '{owner.Name}'", "it must exist, and the system have memory for its rings");
            Close(_ringSocket);
            Close(_socket);
            throw error;
        }

        _ring = ring;
    }

    /// <summary>Sends frames; see <see cref="IPacketDevice.Transmit"/>.</summary>
    public int Transmit(PacketBuffer** packets, int count)
    {
        if (Interlocked.Exchange(ref _isRingTaken, 1) != 0)
        {
            return Write(packets, count);
        }

        int done = 0;
        while (done < count)
        {
            PacketBuffer** rest = packets + done;
            int handled = FitsRing(*rest) ? SendByRing(rest, count - done) : Write(rest, CountLong(rest, count - done));
            if (handled == 0)
            {
                FindIfGone();
                break;
            }

            done += handled;
        }

        Volatile.Write(ref _isRingTaken, 0);
        if (done > 0)
        {
            _interface.NoteUp();
        }

        return done;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ring.Dispose();
        Close(_ringSocket);
        Close(_socket);
    }

    /// <summary>The ring's way does not look at the MTU, so what is longer goes where the kernel does.</summary>
    private bool FitsRing(PacketBuffer* p) =>
        p->Length <= Math.Min(SlotFrameBytes, _interface.MtuBytes + EthernetBytes + TagBytes);

    private int CountLong(PacketBuffer** packets, int count)
    {
        int i = 1;
        while (i < count && !FitsRing(packets[i]))
        {
            i++;
        }

        return i;
    }

    /// <summary>Sends the first of some frames that fit the ring, as many as follow each other.</summary>
    /// <returns>How many the kernel took or refused for what they are; 0 when it takes none.</returns>
    private int SendByRing(PacketBuffer** packets, int count)
    {
        int filled = 0;
        while (filled < count && FitsRing(packets[filled]))
        {
            PacketBuffer* p = packets[filled];
            PacketSlot* slot = _ring.At(_next + (uint)filled);
            if (Volatile.Read(ref slot->Status) != PacketSlot.Free || p->Length < EthernetBytes)
            {
                break;
            }

            byte* bytes = (byte*)slot + DataOffset;
            *(VirtioNetHeader*)bytes = p->Offload;
            // "Headers" of the frame's whole length: the kernel copies them, and hangs no page of the ring on the
            // packet, which a receiver on the same machine would have to copy again.
            *(ushort*)(bytes + HeaderLengthOffset) = (ushort)p->Length;
            Buffer.MemoryCopy(p->Data, bytes + HeaderBytes, SlotFrameBytes, p->Length);
            slot->Length = (uint)(p->Length + HeaderBytes);
            Volatile.Write(ref slot->Status, PacketSlot.SendRequest);
            filled++;
        }

        return filled > 0 ? Kick(filled)
            : packets[0]->Length < EthernetBytes ? Refuse()
            : 0;
    }

    /// <summary>Has the kernel send filled slots. What it did not send is taken back, so that its place in the ring and
    /// ours stay the same.</summary>
    private int Kick(int filled)
    {
        nint result = Native.Send(_ringSocket, null, 0, Native.DontWait);
        int error = result < 0 ? Marshal.GetLastPInvokeError() : Native.Again;
        int sent = filled;
        if (IsUnsent(filled - 1))
        {
            sent = 0;
            while (!IsUnsent(sent))
            {
                sent++;
            }
        }

        if (sent == filled)
        {
            _next += (uint)filled;
            return filled;
        }

        bool isRefused = Volatile.Read(ref _ring.At(_next + (uint)sent)->Status) == PacketSlot.WrongFormat;
        for (int i = sent; i < filled; i++)
        {
            Volatile.Write(ref _ring.At(_next + (uint)i)->Status, PacketSlot.Free);
        }

        _next += (uint)sent;
        if (isRefused)
        {
            _interface.NoteTransmitError(error);
            return sent + 1;
        }

        NoteFailure(error);
        return sent;
    }

    private bool IsUnsent(int offset) =>
        Volatile.Read(ref _ring.At(_next + (uint)offset)->Status) is PacketSlot.SendRequest or PacketSlot.WrongFormat;

    /// <summary>A frame without a whole Ethernet header: counted, and passed over.</summary>
    private int Refuse()
    {
        _interface.NoteTransmitError(Native.InvalidArgument);
        return 1;
    }

    /// <summary>Sends frames by a system call each; any number of callers at once.</summary>
    private int Write(PacketBuffer** packets, int count)
    {
        for (int i = 0; i < count; i++)
        {
            PacketBuffer* p = packets[i];
            if (p->Length < EthernetBytes)
            {
                _ = Refuse();
                continue;
            }

            *(VirtioNetHeader*)(p->Data - HeaderBytes) = p->Offload;
            if (Native.Write(_socket, p->Data - HeaderBytes, p->Length + HeaderBytes) >= 0)
            {
                continue;
            }

            int error = Marshal.GetLastPInvokeError();
            if (error is not (Native.InvalidArgument or Native.MessageTooLong))
            {
                NoteFailure(error);
                return i;
            }

            _interface.NoteTransmitError(error);
        }

        return count;
    }

    private void NoteFailure(int error)
    {
        if (error is Native.Again or Native.NoBuffers or Native.Interrupted)
        {
            return;
        }

        _interface.NoteTransmitError(error);
        if (error is Native.NetworkDown or Native.NoDevice or Native.NoDeviceOrAddress)
        {
            _status.IsUp = false;
        }
    }

    /// <summary>When the interface is gone and another has its name, sends there from now on.</summary>
    private void FindIfGone()
    {
        long nowMs = Environment.TickCount64;
        if (_status.IsUp || nowMs - _foundMs < FindMs)
        {
            return;
        }

        _foundMs = nowMs;
        uint index = _interface.Find();
        if (index != 0)
        {
            _ = PacketAddress.TryBind(_ringSocket, index, 0);
            _ = PacketAddress.TryBind(_socket, index, 0);
        }
    }

    private static int Open(uint index)
    {
        int socket = Native.Socket(Native.PacketFamily, Native.RawType | Native.NonBlocking | Native.CloseOnExec, 0);
        int one = 1;
        int bytes = QueueBytes;
        if (socket < 0 ||
            Native.SetSocketOption(socket, Native.PacketLevel, Native.PacketVirtioHeader, &one, sizeof(int)) < 0 ||
            !PacketAddress.TryBind(socket, index, 0))
        {
            int error = Marshal.GetLastPInvokeError();
            Close(socket);
            Marshal.SetLastPInvokeError(error);
            return -1;
        }

        if (Native.SetSocketOption(socket, Native.SocketLevel, Native.SendBufferForce, &bytes, sizeof(int)) < 0)
        {
            _ = Native.SetSocketOption(socket, Native.SocketLevel, Native.SendBufferSize, &bytes, sizeof(int));
        }

        return socket;
    }

    private static void Close(int socket)
    {
        if (socket >= 0)
        {
            _ = Native.Close(socket);
        }
    }
}
