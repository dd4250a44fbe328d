using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.Live;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.Live;

/// <summary>How vswitch finds a kind of device that it does not reference, and what it says when it does not.</summary>
public sealed class DeviceAdapterTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-adapters-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void An_adapter_is_loaded_from_its_folder_and_shares_the_interface_with_vswitch()
    {
        IDeviceProvider provider = DeviceAdapters.Load(Put(typeof(MemoryDeviceProvider).Assembly.Location));
        // It is the folder's copy, and yet what it opens is a device here.
        Assert.IsNotType<MemoryDeviceProvider>(provider);
        using IPacketDevice device = provider.Open("m1");
        Assert.Equal("m1", device.Name);
        Assert.Equal("memory 'absent': there is no such device", Assert.Throws<DeviceException>(() => provider.Open("absent")).Message);
    }

    [Fact]
    public void One_that_is_not_there_is_named_with_the_command_that_builds_it()
    {
        string folder = Path.Combine(_folder, "VSwitch.SharpPcap");
        Assert.Equal(
            $"the adapter VSwitch.SharpPcap is not beside vswitch ({folder}); build it with 'dotnet build -c Release src/VSwitch.SharpPcap', " +
            "where the packages it needs can be had",
            Refusal(folder));
        // Beside this test's program there is none.
        var config = new DeviceConfig { SharpPcap = "eth0" };
        string words = Assert.Throws<DeviceException>(() => DeviceFactory.Open(config, 1, new PortQueues(1, 1), null)).Message;
        Assert.StartsWith("the adapter VSwitch.SharpPcap is not beside vswitch (", words, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_adapter_is_refused_by_its_path()
    {
        string plain = Put(typeof(VSwitch.Wire.MacAddress).Assembly.Location);
        Assert.EndsWith("VSwitch.Wire.dll: names no device provider; it is of another version of vswitch, build it anew", Refusal(plain), StringComparison.Ordinal);
        string damaged = Path.Combine(_folder, "Damaged");
        Directory.CreateDirectory(damaged);
        File.WriteAllText(Path.Combine(damaged, "Damaged.dll"), "this is no assembly");
        Assert.Contains("Damaged.dll: cannot be loaded: ", Refusal(damaged), StringComparison.Ordinal);
    }

    private static string Refusal(string folder) => Assert.Throws<DeviceException>(() => DeviceAdapters.Load(folder)).Message;

    private string Put(string assembly)
    {
        string folder = Path.Combine(_folder, Path.GetFileNameWithoutExtension(assembly));
        Directory.CreateDirectory(folder);
        File.Copy(assembly, Path.Combine(folder, Path.GetFileName(assembly)));
        return folder;
    }
}
