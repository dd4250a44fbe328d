using System.Diagnostics;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Faults;
using VSwitch.Devices.Linux;

namespace VSwitch.Live;

/// <summary>From wires as configured to devices behind wires.</summary>
internal static class Wires
{
    private const long NanosecondsPerMillisecond = 1_000_000;

    /// <summary>The wire of a port; null when it has none.</summary>
    public static WireConfig? Of(SwitchConfig config, string port) => config.Wires.FirstOrDefault(w => w.Port == port);

    /// <summary>Puts a device behind a wire on the system's clock.</summary>
    /// <exception cref="DeviceException">The system gives no timer.</exception>
    public static FaultyWire Around(IPacketDevice device, WireConfig config) => Around(device, config, NowNs);

    /// <summary>Puts a device behind a wire on another clock (replay).</summary>
    public static FaultyWire Around(IPacketDevice device, WireConfig config, Func<long> nowNs)
    {
        var wire = new FaultyWire(device, (ulong)config.Seed, nowNs);
        wire.Use(FaultsOf(config.Out), FaultsOf(config.In));
        return wire;
    }

    /// <summary>Of some ports those that are to have a wire and whose device has none yet.</summary>
    public static IEnumerable<(string Port, IPacketDevice Device)> Bare(
        SwitchConfig config, IEnumerable<string> ports, Func<string, IPacketDevice> deviceOf) =>
        ports.Where(p => Of(config, p) != null && deviceOf(p) is not FaultyWire).Select(p => (p, deviceOf(p)));

    /// <summary>Gives every wire the faults that the configuration says; one that it does not have any more gets none.</summary>
    public static void Use(SwitchConfig config, IEnumerable<(string Port, IPacketDevice Device)> devices)
    {
        foreach ((string port, IPacketDevice device) in devices)
        {
            if (device is FaultyWire wire)
            {
                WireConfig asked = Of(config, port) ?? new WireConfig { Port = port };
                wire.Use(FaultsOf(asked.Out), FaultsOf(asked.In));
            }
        }
    }

    private static LineFaults FaultsOf(WireFaultConfig config) => new()
    {
        DelayNs = (long)config.Delay.TotalMilliseconds * NanosecondsPerMillisecond,
        JitterNs = (long)config.Jitter.TotalMilliseconds * NanosecondsPerMillisecond,
        Loss = config.Loss,
        Reorder = config.Reorder,
        Duplicate = config.Duplicate,
        Corrupt = config.Corrupt,
        BitsPerSecond = config.RateBitsPerSecond ?? 0,
        Limit = config.Limit ?? LineFaults.DefaultLimit,
    };

    private static long NowNs() => (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));
}
