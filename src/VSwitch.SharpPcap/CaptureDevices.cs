using System.ComponentModel;
using System.Net.NetworkInformation;
using PacketDotNet;
using SharpPcap;
using SharpPcap.LibPcap;
using VSwitch.DataPlane.Devices;

namespace VSwitch.SharpPcap;

/// <summary>Finds SharpPcap's devices and opens them as a port of a switch wants them; what SharpPcap throws becomes one line with the
/// mend.</summary>
internal static class CaptureDevices
{
    private const int UsualMtuBytes = 1500;

    /// <summary>An Ethernet header and two tags.</summary>
    private const int HeaderBytes = 14 + 8;

    /// <summary>A live device by its name, description or friendly name.</summary>
    /// <exception cref="DeviceException">There is none of the name.</exception>
    public static ILiveDevice Find(string name)
    {
        CaptureDeviceList all = Try($"sharppcap '{name}'", CaptureDeviceList.New);
        return all.FirstOrDefault(d => d.Name == name)
            ?? all.FirstOrDefault(d => d.Description == name || FriendlyNameOf(d) == name)
            ?? throw new DeviceException($"sharppcap '{name}': there is no such device; there are {string.Join(", ", all.Select(d => d.Name))}");
    }

    /// <summary>What the system says is the MTU of a device's interface.</summary>
    public static int MtuOf(IPcapDevice device)
    {
        string? friendly = FriendlyNameOf(device);
        try
        {
            NetworkInterface? found = NetworkInterface.GetAllNetworkInterfaces().FirstOrDefault(i => i.Name == device.Name || i.Name == friendly);
            return found?.GetIPProperties().GetIPv4Properties() is { Mtu: > 0 } ip ? ip.Mtu : UsualMtuBytes;
        }
        catch (NetworkInformationException)
        {
            // It has no IPv4.
            return UsualMtuBytes;
        }
    }

    /// <summary>Opens a device that is not open: at once (immediate mode), all frames (promiscuous), none of its own, cut where no frame
    /// of the MTU, or super-packet, reaches. Leaves an open one as it is, but for the frames of its own.</summary>
    /// <exception cref="DeviceException">It cannot be opened, or has no Ethernet frames.</exception>
    public static void Open(IPcapDevice device, SharpPcapOptions options, int mtuBytes)
    {
        string what = $"sharppcap '{device.Name}'";
        _ = Try(what, () =>
        {
            device.Open(ConfigurationOf(device, options, mtuBytes));
            return true;
        });
        if (device.LinkType != LinkLayers.Ethernet)
        {
            throw new DeviceException($"{what}: its frames are {device.LinkType}, not Ethernet; choose another device");
        }

        if (device is LibPcapLiveDevice live)
        {
            _ = Try(what, () =>
            {
                live.NonBlockingMode = true;
                LinuxCapture.IgnoreOutgoing(live);
                return true;
            });
        }
    }

    private static DeviceConfiguration ConfigurationOf(IPcapDevice device, SharpPcapOptions options, int mtuBytes)
    {
        if (device is not ILiveDevice)
        {
            return new DeviceConfiguration { LinkLayerType = LinkLayers.Ethernet };
        }

        var configuration = new DeviceConfiguration
        {
            Mode = DeviceModes.Promiscuous,
            Immediate = true,
            Snaplen = OperatingSystem.IsLinux() ? Math.Max(LinuxOffload.LongestBytes, mtuBytes + HeaderBytes) : mtuBytes + HeaderBytes,
            ReadTimeout = 1,
        };
        if (device is LibPcapLiveDevice && OperatingSystem.IsWindows())
        {
            configuration.Mode |= DeviceModes.NoCaptureLocal;
            configuration.KernelBufferSize = options.BufferBytes;
        }
        else if (device is LibPcapLiveDevice)
        {
            configuration.BufferSize = options.BufferBytes;
        }

        return configuration;
    }

    private static string? FriendlyNameOf(IPcapDevice device) => (device as LibPcapLiveDevice)?.Interface?.FriendlyName;

    private static T Try<T>(string what, Func<T> act)
    {
        try
        {
            return act();
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException { InnerException: DllNotFoundException })
        {
            throw new DeviceException($"{what}: libpcap is not there; install it (Debian: libpcap0.8, Windows: Npcap)", e);
        }
        catch (Exception e) when (e is PcapException or PlatformNotSupportedException or Win32Exception or IOException
            or UnauthorizedAccessException)
        {
            throw new DeviceException($"{what}: {OneLine(e.Message)}; {MendOf(e)}", e);
        }
    }

    private static string MendOf(Exception e) => e switch
    {
        PcapException { Error: PcapError.PermissionDenied or PcapError.PromiscuousPermissionDenied } or UnauthorizedAccessException =>
            "capturing needs root or CAP_NET_RAW",
        PcapException { Error: PcapError.InterfaceNotUp } => "switch it on first (ip link set ... up)",
        PcapException { Error: PcapError.NoSuchDevice } => "make it first, or correct the name",
        _ => "correct the name, or try it with tcpdump, which stands on libpcap too",
    };

    private static string OneLine(string text) =>
        string.Join(' ', text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).TrimEnd('.', ' ');
}
