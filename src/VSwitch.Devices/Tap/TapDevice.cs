using System.Runtime.InteropServices;
using System.Text;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Linux;

namespace VSwitch.Devices.Tap;

/// <summary>What to open.</summary>
/// <param name="Name">Interface name, 1 to 15 characters.</param>
/// <param name="Queues">Queues that it can have (IFF_MULTI_QUEUE), at least 1.</param>
/// <param name="Offload">Take and give super-packets and partial checksums.</param>
public sealed record TapOptions(string Name, int Queues, bool Offload)
{
    /// <summary>Queues in use from the start; null = all.</summary>
    public int? Active { get; init; }
}

/// <summary>A TAP interface (Linux tun driver): the switch holds one end, the kernel the other. Every frame has a virtio header
/// before it (IFF_VNET_HDR), which lies in the buffer's headroom: one read fills a buffer, one write empties it, nothing is
/// copied. The descriptors stay good when the interface goes down and up or moves to another namespace; closing them
/// removes it.</summary>
public sealed unsafe partial class TapDevice : IPacketDevice
{
    private const int HeaderBytes = 10;
    private const ulong SetInterface = 0x4004_54CA;
    private const ulong SetOffload = 0x4004_54D0;
    private const ulong SetHeaderSize = 0x4004_54D8;
    private const ulong GetMtu = 0x8921;
    private const ushort Tap = 2;
    private const ushort NoPacketHeader = 0x1000;
    private const ushort VirtioHeader = 0x4000;
    private const ushort MultiQueue = 0x0100;
    private const uint OffloadChecksum = 1;
    private const uint OffloadTcp4 = 2;
    private const uint OffloadTcp6 = 4;
    private const uint OffloadEcn = 8;
    private const uint OffloadUdp4 = 0x20;
    private const uint OffloadUdp6 = 0x40;
    private const int RequestBytes = 40;
    private const int NameBytes = 16;
    private readonly int[] _queues;

    /// <summary>False where the kernel would not take the super-packets that joining makes.</summary>
    private bool _joinsFrames;

    /// <summary>Creates the interface.</summary>
    /// <exception cref="DeviceException">It cannot be made; the message has the errno in words and the mend.</exception>
    public TapDevice(TapOptions options)
    {
        Name = options.Name;
        _queues = new int[options.Queues];
        Array.Fill(_queues, -1);
        try
        {
            for (int i = 0; i < options.Queues; i++)
            {
                _queues[i] = OpenQueue(options);
            }

            Capabilities = new DeviceCapabilities(options.Queues, ReadMtu(), options.Offload);
            QueueCounters = new QueueCounters(options.Queues);
            BeginQueues(options.Active ?? options.Queues);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public DeviceCapabilities Capabilities { get; }

    /// <inheritdoc/>
    public DeviceStatus Status { get; } = new();

    /// <inheritdoc/>
    public int PollHandle(int queue) => _queues[queue];

    /// <inheritdoc/>
    public int Receive(int queue, PacketPool pool, PacketBuffer** packets, int maxCount)
    {
        int count = 0;
        PacketBuffer* overflow = pool.RentLarge();
        while (count < maxCount && (overflow != null || !Capabilities.Offload))
        {
            PacketBuffer* p = pool.Rent();
            if (p == null || !TryRead(queue, p, overflow))
            {
                if (p != null)
                {
                    pool.Return(p);
                }

                break;
            }

            if (p->Length > p->CapacityBytes && overflow != null)
            {
                Join(p, overflow);
                pool.Return(p);
                p = overflow;
                overflow = pool.RentLarge();
            }

            if (p->Length >= p->CapacityBytes)
            {
                // The driver cuts a frame that is longer than the buffer.
                Status.LostCount++;
                pool.Return(p);
                continue;
            }

            packets[count++] = p;
        }

        if (overflow != null)
        {
            pool.Return(overflow);
        }

        if (count > 0)
        {
            QueueCounters.NoteReceived(queue, count, BytesOf(packets, count));
        }

        return count;
    }

    /// <inheritdoc/>
    public int Transmit(int queue, PacketBuffer** packets, int count)
    {
        const int InvalidArgument = 22;
        IoVector* parts = stackalloc IoVector[FrameJoiner.MostParts];
        byte* headers = stackalloc byte[FrameJoiner.MostHeaderBytes];
        int taken = 0;
        while (taken < count)
        {
            int joined = _joinsFrames ? FrameJoiner.Count(packets + taken, count - taken) : 1;
            if (Write(queue, packets + taken, joined, headers, parts) < 0)
            {
                int error = Marshal.GetLastPInvokeError();
                if (error is Native.Again or Native.NoBuffers)
                {
                    break;
                }

                NoteError(ref Status.TransmitErrorCount);
                if (error != InvalidArgument)
                {
                    Status.IsUp = false;
                    break;
                }
            }
            else
            {
                Status.NoteUp();
            }

            taken += joined;
        }

        if (taken > 0)
        {
            QueueCounters.NoteSent(queue, taken, BytesOf(packets, taken));
        }

        return taken;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        for (int i = 0; i < _queues.Length; i++)
        {
            if (_queues[i] >= 0)
            {
                _ = Native.Close(_queues[i]);
                _queues[i] = -1;
            }
        }
    }

    private int OpenQueue(TapOptions options)
    {
        string what = $"TAP '{options.Name}'";
        int descriptor = Native.Open("/dev/net/tun", Native.ReadWrite | Native.NonBlocking | Native.CloseOnExec);
        if (descriptor < 0)
        {
            throw DeviceException.Last($"{what}: /dev/net/tun cannot be opened", "load the module (modprobe tun), or run as root or in a user namespace");
        }

        byte* request = stackalloc byte[RequestBytes];
        new Span<byte>(request, RequestBytes).Clear();
        Encoding.UTF8.GetBytes(options.Name, new Span<byte>(request, NameBytes - 1));
        *(ushort*)(request + NameBytes) = (ushort)(Tap | NoPacketHeader | VirtioHeader | (options.Queues > 1 ? MultiQueue : 0));
        if (Native.IoControl(descriptor, SetInterface, request) < 0)
        {
            DeviceException error = DeviceException.Last(what, Marshal.GetLastPInvokeError() switch
            {
                1 => "the right to make it is missing: run as root, with CAP_NET_ADMIN, or in a user namespace (unshare -Urn)",
                16 => "the name is in use: end the program that has it, or choose another name",
                22 => "an interface of that name exists with other settings: remove it (ip link delete), or choose another name",
                _ => "check the name and the right to make interfaces",
            });
            _ = Native.Close(descriptor);
            throw error;
        }

        int headerBytes = HeaderBytes;
        _ = Native.IoControl(descriptor, SetHeaderSize, &headerBytes);
        const uint Segmentation = OffloadChecksum | OffloadTcp4 | OffloadTcp6 | OffloadEcn;
        uint offload = options.Offload ? Segmentation | OffloadUdp4 | OffloadUdp6 : 0;
        bool isWhole = Native.IoControlValue(descriptor, SetOffload, offload) == 0;
        _joinsFrames = options.Offload && isWhole;
        if (!isWhole && options.Offload)
        {
            // Kernels before 6.2 do not know UDP segmentation.
            _ = Native.IoControlValue(descriptor, SetOffload, Segmentation);
        }

        return descriptor;
    }

    /// <summary>Reads a frame into a small buffer; of one that is longer, the rest goes into a large one, to the place where it
    /// belongs there. So only a super-packet costs a copy, of its first two KiB. Sets length and offload of the small one.
    /// Without a large one (only a TAP without offload is read so) the frame may be cut.</summary>
    private bool TryRead(int queue, PacketBuffer* small, PacketBuffer* overflow)
    {
        IoVector* parts = stackalloc IoVector[2];
        parts[0] = new IoVector(small->Data - HeaderBytes, small->CapacityBytes + HeaderBytes);
        if (overflow != null)
        {
            parts[1] = new IoVector(overflow->Data + small->CapacityBytes, overflow->CapacityBytes - small->CapacityBytes);
        }

        nint bytes = Native.ReadVector(_queues[queue], parts, overflow != null ? 2 : 1);
        if (bytes <= HeaderBytes)
        {
            NoteReceiveError(bytes);
            return false;
        }

        Status.NoteUp();
        small->Offload = *(VirtioNetHeader*)(small->Data - HeaderBytes);
        small->Length = (int)bytes - HeaderBytes;
        return true;
    }

    private nint Write(int queue, PacketBuffer** packets, int joined, byte* headers, IoVector* parts)
    {
        if (joined > 1)
        {
            FrameJoiner.Join(packets, joined, headers, parts);
            return Native.WriteVector(_queues[queue], parts, joined + 1);
        }

        PacketBuffer* p = packets[0];
        *(VirtioNetHeader*)(p->Data - HeaderBytes) = p->Offload;
        return Native.Write(_queues[queue], p->Data - HeaderBytes, p->Length + HeaderBytes);
    }

    private static void Join(PacketBuffer* small, PacketBuffer* overflow)
    {
        Buffer.MemoryCopy(small->Data, overflow->Data, overflow->CapacityBytes, small->CapacityBytes);
        overflow->Length = small->Length;
        overflow->Offload = small->Offload;
    }

    private int ReadMtu()
    {
        const int InterNetwork = 2;
        const int Datagram = 2;
        int socket = Native.Socket(InterNetwork, Datagram, 0);
        byte* request = stackalloc byte[RequestBytes];
        new Span<byte>(request, RequestBytes).Clear();
        Encoding.UTF8.GetBytes(Name, new Span<byte>(request, NameBytes - 1));
        bool known = socket >= 0 && Native.IoControl(socket, GetMtu, request) == 0;
        if (socket >= 0)
        {
            _ = Native.Close(socket);
        }

        return known ? *(int*)(request + NameBytes) : 1500;
    }

    private void NoteReceiveError(nint result)
    {
        int error = Marshal.GetLastPInvokeError();
        if (result < 0 && error is not (Native.Again or Native.Interrupted))
        {
            NoteError(ref Status.ReceiveErrorCount);
            Status.IsUp = false;
        }
    }

    private void NoteError(ref long counter)
    {
        counter++;
        int error = Marshal.GetLastPInvokeError();
        if (Status.LastError == null)
        {
            Status.LastError = $"{Name}: {Marshal.GetPInvokeErrorMessage(error)} (errno {error})";
        }
    }
}
