using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Memory;
using VSwitch.Testing;

[assembly: DeviceProvider(typeof(MemoryDeviceProvider))]

namespace VSwitch.Testing;

/// <summary>Makes this assembly an adapter, for the tests of how <c>vswitch</c> finds one.</summary>
public sealed class MemoryDeviceProvider : IDeviceProvider
{
    public IPacketDevice Open(string name) =>
        name == "absent" ? throw new DeviceException("memory 'absent': there is no such device") : new MemoryDevice(name, null);
}
