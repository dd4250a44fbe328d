using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VSwitch.Lab;

namespace VSwitch.SystemTests.BlackBox;

/// <summary>A raw socket (packet(7)) on an interface inside a network namespace: frames out as they are given, frames
/// in as the other end of the wire sent them; what this side sends itself is not seen.</summary>
internal sealed unsafe partial class PacketSocket : IDisposable
{
    private const int PacketFamily = 17;
    private const int RawType = 3;
    private const int CloseOnExec = 0x80000;
    private const int NonBlocking = 0x800;
    private const int AllProtocols = 3;
    private const int SocketLevel = 1;
    private const int ReceiveBufferForce = 33;
    private const int ReceiveBufferBytes = 256 << 20;
    private const int PacketLevel = 263;
    private const int IgnoreOutgoing = 23;
    private const int AddressBytes = 20;
    private const short Readable = 1;
    private const int Interrupted = 4;
    private const int Again = 11;
    private const int NoBuffers = 105;

    /// <exception cref="IOException">The interface is not there, or the socket is refused.</exception>
    public PacketSocket(string ns, string interfaceName) => Handle = NamespaceThread.Run(ns, () => Open(interfaceName));

    /// <summary>Descriptor, for <see cref="WaitForAny"/>.</summary>
    public int Handle { get; }

    /// <summary>Sends a frame; waits where the queue of the interface is full.</summary>
    public void Send(ReadOnlySpan<byte> frame)
    {
        fixed (byte* bytes = frame)
        {
            while (SendBytes(Handle, bytes, frame.Length, 0) < 0)
            {
                if (Marshal.GetLastPInvokeError() is not (Again or Interrupted or NoBuffers))
                {
                    throw new IOException($"a frame of {frame.Length} bytes: {Marshal.GetLastPInvokeErrorMessage()}");
                }

                Thread.Yield();
            }
        }
    }

    /// <summary>The next frame into a buffer. That the interface is not up yet, or is gone, is an error that the kernel
    /// tells once; here it is no frame.</summary>
    /// <returns>Its length; 0 when none waits.</returns>
    public int Receive(Span<byte> buffer)
    {
        fixed (byte* bytes = buffer)
        {
            return (int)Math.Max(0, ReceiveBytes(Handle, bytes, buffer.Length, 0));
        }
    }

    /// <summary>Waits until one of some sockets has something to say.</summary>
    public static void WaitForAny(ReadOnlySpan<int> handles, int timeoutMs)
    {
        Span<PollEntry> entries = stackalloc PollEntry[handles.Length];
        for (int i = 0; i < handles.Length; i++)
        {
            entries[i] = new PollEntry { Descriptor = handles[i], Events = Readable };
        }

        fixed (PollEntry* first = entries)
        {
            _ = Poll(first, (nuint)entries.Length, timeoutMs);
        }
    }

    public void Dispose() => _ = Close(Handle);

    private static int Open(string interfaceName)
    {
        uint index = InterfaceIndex(interfaceName);
        ushort protocol = BinaryPrimitives.ReverseEndianness((ushort)AllProtocols);
        // Bound before it listens to any protocol: a socket on all interfaces would begin with frames of the others.
        int socket = index == 0 ? -1 : NewSocket(PacketFamily, RawType | CloseOnExec | NonBlocking, 0);
        byte* address = stackalloc byte[AddressBytes];
        new Span<byte>(address, AddressBytes).Clear();
        *(ushort*)address = PacketFamily;
        *(ushort*)(address + 2) = protocol;
        *(uint*)(address + 4) = index;
        int one = 1;
        int size = ReceiveBufferBytes;
        if (socket < 0 || SetOption(socket, PacketLevel, IgnoreOutgoing, &one, sizeof(int)) < 0 ||
            SetOption(socket, SocketLevel, ReceiveBufferForce, &size, sizeof(int)) < 0 ||
                Bind(socket, address, AddressBytes) < 0)
        {
            throw new IOException($"packet socket on {interfaceName}: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        // The interface is not up yet, which is an error that waits in the socket: taken now, it meets no call that
        // matters.
        byte none;
        _ = ReceiveBytes(socket, &none, 0, 0);
        return socket;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollEntry
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int NewSocket(int domain, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static partial int SetOption(int socket, int level, int option, void* value, int length);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int Bind(int socket, byte* address, int length);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    private static partial nint SendBytes(int socket, byte* bytes, nint length, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    private static partial nint ReceiveBytes(int socket, byte* bytes, nint length, int flags);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(PollEntry* entries, nuint count, int timeoutMs);

    [LibraryImport("libc", EntryPoint = "if_nametoindex", SetLastError = true,
        StringMarshalling = StringMarshalling.Utf8)]
    private static partial uint InterfaceIndex(string name);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
