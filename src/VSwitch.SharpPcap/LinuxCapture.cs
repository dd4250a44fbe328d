using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SharpPcap;
using SharpPcap.LibPcap;

namespace VSwitch.SharpPcap;

/// <summary>What a port needs of libpcap's packet socket on Linux and SharpPcap does not offer. The filter "inbound" would do, but
/// libpcap judges the first frame after a filter is set by itself, without knowing its direction, and loses it.</summary>
internal static unsafe partial class LinuxCapture
{
    private const int PacketLevel = 263;
    private const int IgnoreOutgoingOption = 23;
    private const int StatisticsOption = 6;
    private const int FrameRead = 1;
    private const int MostWaiting = 1 << 20;

    /// <summary>The descriptor that libpcap says can be polled, or -1: SharpPcap keeps it for classes that derive from its device.</summary>
    public static int DescriptorOf(PcapDevice device) => Descriptor(device);

    /// <summary>Frames that are sent by the interface come to the socket no longer (Linux 4.20, packet(7)); those that did before are
    /// passed over. Elsewhere nothing happens: on Windows the handle is opened so.</summary>
    /// <exception cref="PlatformNotSupportedException">The kernel cannot.</exception>
    public static void IgnoreOutgoing(LibPcapLiveDevice device)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        int yes = 1;
        if (SetSocketOption(Descriptor(device), PacketLevel, IgnoreOutgoingOption, &yes, sizeof(int)) != 0)
        {
            throw new PlatformNotSupportedException(
                $"the frames that it sends itself cannot be kept out ({Marshal.GetLastPInvokeErrorMessage()}); that needs Linux 4.20 and an interface");
        }

        nint header = 0;
        nint data = 0;
        for (int i = 0; i < MostWaiting && device.GetNextPacketPointers(ref header, ref data) == FrameRead; i++)
        {
        }
    }

    /// <summary>Frames that the socket's ring had no room for since the last look (PACKET_STATISTICS, packet(7)). SharpPcap's own
    /// statistics read struct pcap_stat with fields of 64 bits, which on Linux have 32: what it calls dropped is something else.</summary>
    public static uint LostSinceLastLook(int descriptor)
    {
        // struct tpacket_stats_v3: packets, drops, queue freezes; the earlier versions have the first two.
        uint* statistics = stackalloc uint[3];
        statistics[1] = 0;
        uint bytes = 3 * sizeof(uint);
        return GetSocketOption(descriptor, PacketLevel, StatisticsOption, statistics, &bytes) == 0 ? statistics[1] : 0;
    }

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "FileDescriptor")]
    private static extern ref int Descriptor(PcapDevice device);

    [LibraryImport("libc", EntryPoint = "getsockopt")]
    private static partial int GetSocketOption(int descriptor, int level, int option, void* value, uint* bytes);

    [LibraryImport("libc", EntryPoint = "setsockopt", SetLastError = true)]
    private static partial int SetSocketOption(int descriptor, int level, int option, void* value, uint bytes);
}
