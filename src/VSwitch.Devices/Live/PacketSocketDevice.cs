using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Linux;
using VSwitch.Wire;

namespace VSwitch.Devices.Live;

/// <summary>An existing interface by AF_PACKET (packet(7)): every frame it receives, and sending. With PACKET_VNET_HDR the
/// kernel says which checksums are still partial, and they are completed here; super-packets go to large buffers.</summary>
public sealed unsafe class PacketSocketDevice : IPacketDevice
{
    private const int HeaderBytes = 10;
    private const int PacketFamily = 17;
    private const int RawType = 3;
    private const int AllProtocols = 0x0003;
    private const int PacketLevel = 263;
    private const int AddMembership = 1;
    private const int VirtioHeader = 15;
    private const int IgnoreOutgoing = 23;
    private const short Promiscuous = 1;
    private const int AddressBytes = 20;
    private readonly int _socket;

    /// <summary>Opens the interface.</summary>
    /// <exception cref="DeviceException">It cannot be opened; the message has the errno in words and the mend.</exception>
    public PacketSocketDevice(string name)
    {
        Name = name;
        uint index = Native.InterfaceIndex(name);
        if (index == 0)
        {
            throw DeviceException.Last($"interface '{name}'", "make it first (ip link add ...), or correct the name; 'ip link' lists them");
        }

        ushort protocol = BinaryPrimitives.ReverseEndianness((ushort)AllProtocols);
        _socket = Native.Socket(PacketFamily, RawType | Native.NonBlocking | Native.CloseOnExec, protocol);
        if (_socket < 0)
        {
            throw DeviceException.Last($"interface '{name}'", "raw sockets need root or CAP_NET_RAW");
        }

        int one = 1;
        byte* address = stackalloc byte[AddressBytes];
        new Span<byte>(address, AddressBytes).Clear();
        *(ushort*)address = PacketFamily;
        *(ushort*)(address + 2) = protocol;
        *(uint*)(address + 4) = index;
        byte* membership = stackalloc byte[16];
        new Span<byte>(membership, 16).Clear();
        *(uint*)membership = index;
        *(short*)(membership + 4) = Promiscuous;
        if (Native.SetSocketOption(_socket, PacketLevel, VirtioHeader, &one, sizeof(int)) < 0 ||
            Native.SetSocketOption(_socket, PacketLevel, IgnoreOutgoing, &one, sizeof(int)) < 0 ||
            Native.Bind(_socket, address, AddressBytes) < 0 ||
            Native.SetSocketOption(_socket, PacketLevel, AddMembership, membership, 16) < 0)
        {
            DeviceException error = DeviceException.Last($"interface '{name}'", "it must exist, and the kernel be 4.20 or newer");
            _ = Native.Close(_socket);
            throw error;
        }
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public DeviceCapabilities Capabilities { get; } = new(1, 1500, Offload: false);

    /// <inheritdoc/>
    public DeviceStatus Status { get; } = new();

    /// <inheritdoc/>
    public int PollHandle(int queue) => _socket;

    /// <inheritdoc/>
    public int Receive(int queue, PacketPool pool, PacketBuffer** packets, int maxCount)
    {
        int count = 0;
        while (count < maxCount)
        {
            PacketBuffer* p = pool.RentLarge();
            if (p == null)
            {
                break;
            }

            nint bytes = Native.Read(_socket, p->Data - HeaderBytes, p->CapacityBytes + HeaderBytes);
            if (bytes <= HeaderBytes)
            {
                pool.Return(p);
                NoteReceiveError(bytes);
                break;
            }

            Status.IsUp = true;
            p->Offload = *(VirtioNetHeader*)(p->Data - HeaderBytes);
            p->Length = (int)bytes - HeaderBytes;
            CompleteChecksum(p);
            packets[count++] = p;
        }

        return count;
    }

    /// <inheritdoc/>
    public int Transmit(int queue, PacketBuffer** packets, int count)
    {
        for (int i = 0; i < count; i++)
        {
            PacketBuffer* p = packets[i];
            *(VirtioNetHeader*)(p->Data - HeaderBytes) = p->Offload;
            if (Native.Write(_socket, p->Data - HeaderBytes, p->Length + HeaderBytes) >= 0)
            {
                continue;
            }

            int error = Marshal.GetLastPInvokeError();
            if (error is not (Native.Again or Native.NoBuffers))
            {
                Status.TransmitErrorCount++;
                Status.LastError ??= $"{Name}: {Marshal.GetPInvokeErrorMessage(error)} (errno {error})";
                Status.IsUp = false;
            }

            return i;
        }

        Status.IsUp = true;
        return count;
    }

    /// <inheritdoc/>
    public void Dispose() => _ = Native.Close(_socket);

    /// <summary>A frame from a local sender has only its pseudo-header summed: sum the rest (virtio 1.2, 5.1.6.2). A
    /// super-packet keeps its mark, because each of its segments gets a checksum of its own.</summary>
    private static void CompleteChecksum(PacketBuffer* p)
    {
        VirtioNetHeader header = p->Offload;
        int start = header.ChecksumStart;
        int at = start + header.ChecksumOffset;
        if ((header.Flags & 1) == 0 || header.GsoType != 0 || at + 2 > p->Length)
        {
            return;
        }

        ushort sum = (ushort)~InternetChecksum.SumRaw(p->Data + start, p->Length - start);
        *(ushort*)(p->Data + at) = sum == 0 ? (ushort)0xFFFF : sum;
        p->Offload = default;
    }

    private void NoteReceiveError(nint result)
    {
        int error = Marshal.GetLastPInvokeError();
        if (result < 0 && error is not (Native.Again or Native.Interrupted))
        {
            Status.ReceiveErrorCount++;
            Status.LastError ??= $"{Name}: {Marshal.GetPInvokeErrorMessage(error)} (errno {error})";
        }
    }
}
