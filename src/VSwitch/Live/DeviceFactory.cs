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
    /// <exception cref="DeviceException">It cannot be opened; one line for the user.</exception>
    /// <exception cref="IOException">A capture file cannot be opened.</exception>
    public static IPacketDevice Open(DeviceConfig config, int workers, WireConfig? wire)
    {
        if (wire == null)
        {
            return Open(config, workers);
        }

        // Frames as a wire has them, none that stands for many.
        IPacketDevice device = Open(config with { Offload = false }, workers);
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

    private static IPacketDevice Open(DeviceConfig config, int workers)
    {
        if (config.Tap != null)
        {
            return new TapDevice(new TapOptions(config.Tap, config.Queues ?? workers, config.Offload));
        }

        return config.Interface != null
            ? new PacketSocketDevice(config.Interface, config.Queues ?? workers)
            : new PcapDevice(config.PcapIn, config.PcapOut);
    }
}
