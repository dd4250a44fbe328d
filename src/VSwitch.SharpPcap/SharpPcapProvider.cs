using VSwitch.DataPlane.Devices;
using VSwitch.SharpPcap;

[assembly: DeviceProvider(typeof(SharpPcapProvider))]

namespace VSwitch.SharpPcap;

/// <summary>The device kind <c>{ sharppcap: NAME }</c> of <c>vswitch</c>.</summary>
public sealed class SharpPcapProvider : IDeviceProvider
{
    /// <inheritdoc/>
    public IPacketDevice Open(string name) => SharpPcapDevice.Open(name);
}
