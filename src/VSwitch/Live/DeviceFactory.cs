using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Linux;
using VSwitch.Devices.Live;
using VSwitch.Devices.Pcap;
using VSwitch.Devices.Tap;

namespace VSwitch.Live;

/// <summary>From a device as configured to an open one.</summary>
internal static class DeviceFactory
{
    /// <summary>Opens it.</summary>
    /// <param name="config">The device.</param>
    /// <param name="workers">Workers of the switch.</param>
    /// <param name="queues">Queues of a TAP in use at first; see <see cref="PortQueues"/>.</param>
    /// <exception cref="DeviceException">It cannot be opened; one line for the user.</exception>
    /// <exception cref="IOException">A capture file cannot be opened.</exception>
    public static IPacketDevice Open(DeviceConfig config, int workers, PortQueues queues)
    {
        if (config.Tap != null)
        {
            return OpenTap(new TapOptions(config.Tap, queues.Most, config.Offload) { Active = queues.Active });
        }

        return config.Interface != null
            ? new PacketSocketDevice(config.Interface, config.Queues ?? workers)
            : new PcapDevice(config.PcapIn, config.PcapOut);
    }

    /// <summary>A TAP that somebody has made before with one queue can never have another, but one may do.</summary>
    private static TapDevice OpenTap(TapOptions options)
    {
        try
        {
            return new TapDevice(options);
        }
        catch (DeviceException) when (options is { Active: 1, Queues: > 1 })
        {
            return new TapDevice(options with { Queues = 1 });
        }
    }
}
