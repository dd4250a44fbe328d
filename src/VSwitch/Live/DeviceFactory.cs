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
    /// <summary>Opens a device, behind a wire with faults if it has one.</summary>
    /// <param name="config">The device.</param>
    /// <param name="workers">Workers of the switch.</param>
    /// <param name="queues">Queues of a TAP in use at first; see <see cref="PortQueues"/>.</param>
    /// <param name="wire">Faults of its wire; null = none.</param>
    /// <exception cref="DeviceException">It cannot be opened; one line for the user.</exception>
    /// <exception cref="IOException">A capture file cannot be opened.</exception>
    public static IPacketDevice Open(DeviceConfig config, int workers, PortQueues queues, WireConfig? wire)
    {
        if (wire == null)
        {
            return Open(config, workers, queues);
        }

        // Frames as a wire has them, none that stands for many.
        IPacketDevice device = Open(config with { Offload = false }, workers, queues);
        try
        {
            return Wires.Around(device, wire);
        }
        catch (DeviceException)
        {
            device.Dispose();
            throw;
        }
    }

    private static IPacketDevice Open(DeviceConfig config, int workers, PortQueues queues)
    {
        if (config.Tap != null)
        {
            return OpenTap(new TapOptions(config.Tap, queues.Most, config.Offload) { Active = queues.Active });
        }

        if (config.Interface != null)
        {
            return new PacketSocketDevice(config.Interface, config.Queues ?? workers);
        }

        return config.SharpPcap != null ? DeviceAdapters.SharpPcap.Open(config.SharpPcap) : new PcapDevice(config.PcapIn, config.PcapOut);
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
