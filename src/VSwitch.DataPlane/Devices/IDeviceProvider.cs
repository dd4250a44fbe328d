namespace VSwitch.DataPlane.Devices;

/// <summary>A kind of device that a project brings which <c>vswitch</c> does not reference. Its assembly names the class with
/// <see cref="DeviceProviderAttribute"/>, and <c>vswitch</c> makes one with the constructor that takes nothing.</summary>
public interface IDeviceProvider
{
    /// <summary>Opens a device.</summary>
    /// <param name="name">Its name, as the configuration has it.</param>
    /// <exception cref="DeviceException">It cannot be opened; one line for the user.</exception>
    IPacketDevice Open(string name);
}

/// <summary>Says which class of an assembly is its <see cref="IDeviceProvider"/>.</summary>
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class DeviceProviderAttribute : Attribute
{
    /// <summary>Names the class.</summary>
    /// <param name="provider">It implements <see cref="IDeviceProvider"/> and has a constructor that takes nothing.</param>
    public DeviceProviderAttribute(Type provider)
    {
        Provider = provider;
    }

    /// <summary>The class.</summary>
    public Type Provider { get; }
}
