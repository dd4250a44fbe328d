using System.Runtime.InteropServices;

namespace VSwitch.Devices.Linux;

/// <content>Packet sockets (packet(7)) and interface requests (netdevice(7)).</content>
internal static unsafe partial class Native
{
    public const int PacketFamily = 17;
    public const int RawType = 3;
    public const int AllProtocols = 0x0003;
    public const int NoDeviceOrAddress = 6;
    public const int NoDevice = 19;
    public const int InvalidArgument = 22;
    public const int MessageTooLong = 90;
    public const int NetworkDown = 100;
    public const int DontWait = 0x40;
    public const int RealLength = 0x20;
    public const int SocketLevel = 1;
    public const int SocketError = 4;
    public const int SendBufferSize = 7;
    public const int ReceiveBufferSize = 8;
    public const int SendBufferForce = 32;
    public const int ReceiveBufferForce = 33;
    public const int PacketLevel = 263;
    public const int PacketAddMembership = 1;
    public const int PacketReceiveRing = 5;
    public const int PacketStatistics = 6;
    public const int PacketCopyThreshold = 7;
    public const int PacketVersion = 10;
    public const int PacketTransmitRing = 13;
    public const int PacketVirtioHeader = 15;
    public const int PacketFanout = 18;
    public const int PacketIgnoreOutgoing = 23;
    public const int EpollAdd = 1;
    public const int EpollBytes = 12;
    public const int MapShared = 1;
    public const int ProtectReadWrite = 3;

    [LibraryImport("libc", EntryPoint = "getsockopt", SetLastError = true)]
    public static partial int GetSocketOption(int socket, int level, int option, void* value, int* length);

    [LibraryImport("libc", EntryPoint = "send", SetLastError = true)]
    public static partial nint Send(int socket, byte* buffer, nint count, int flags);

    [LibraryImport("libc", EntryPoint = "recv", SetLastError = true)]
    public static partial nint Receive(int socket, byte* buffer, nint count, int flags);

    [LibraryImport("libc", EntryPoint = "timerfd_create", SetLastError = true)]
    public static partial int TimerCreate(int clock, int flags);

    [LibraryImport("libc", EntryPoint = "timerfd_settime", SetLastError = true)]
    public static partial int TimerSet(int timer, int flags, long* intervalAndFirst, long* before);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    public static partial byte* Map(
        void* address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    public static partial int Unmap(void* address, nuint length);
}
