using System.Reflection;
using System.Runtime.Loader;
using VSwitch.DataPlane.Devices;

namespace VSwitch.Live;

/// <summary>Device kinds that <c>vswitch</c> does not reference: the folder <c>adapters/NAME</c> beside the program has NAME.dll and what
/// it needs. It is looked for when a configuration names its kind, and loaded once.</summary>
internal static class DeviceAdapters
{
    private const string SharpPcapName = "VSwitch.SharpPcap";
    private static readonly Lazy<IDeviceProvider> LoadedSharpPcap = new(() => Load(Path.Combine(AppContext.BaseDirectory, "adapters", SharpPcapName)));

    /// <summary>The adapter for SharpPcap.</summary>
    /// <exception cref="DeviceException">It is not there, or is no adapter.</exception>
    public static IDeviceProvider SharpPcap => LoadedSharpPcap.Value;

    /// <summary>Loads an adapter.</summary>
    /// <param name="folder">Its folder, which has the name of its assembly.</param>
    /// <exception cref="DeviceException">It is not there, or is no adapter.</exception>
    public static IDeviceProvider Load(string folder)
    {
        string name = Path.GetFileName(folder);
        string path = Path.Combine(folder, $"{name}.dll");
        if (!File.Exists(path))
        {
            throw new DeviceException(
                $"the adapter {name} is not beside vswitch ({folder}); build it with 'dotnet build -c Release src/{name}', where the packages it " +
                "needs can be had");
        }

        try
        {
            Type? provider = new AdapterContext(path).LoadFromAssemblyPath(path).GetCustomAttribute<DeviceProviderAttribute>()?.Provider;
            return provider != null && Activator.CreateInstance(provider) is IDeviceProvider made ? made
                : throw new DeviceException($"{path}: names no device provider; it is of another version of vswitch, build it anew");
        }
        catch (Exception e) when (e is BadImageFormatException or IOException or TypeLoadException or MissingMethodException or TargetInvocationException)
        {
            throw new DeviceException($"{path}: cannot be loaded: {e.Message}; build it anew, for this version of vswitch", e);
        }
    }

    /// <summary>What vswitch itself has is shared, so that types of both are the same; the rest is the adapter's own.</summary>
    private sealed class AdapterContext(string path) : AssemblyLoadContext(Path.GetFileNameWithoutExtension(path))
    {
        private readonly AssemblyDependencyResolver _resolver = new(path);

        protected override Assembly? Load(AssemblyName assemblyName) =>
            !File.Exists(Path.Combine(AppContext.BaseDirectory, $"{assemblyName.Name}.dll")) &&
            _resolver.ResolveAssemblyToPath(assemblyName) is string found ? LoadFromAssemblyPath(found) : null;

        protected override nint LoadUnmanagedDll(string unmanagedDllName) =>
            _resolver.ResolveUnmanagedDllToPath(unmanagedDllName) is string found ? LoadUnmanagedDllFromPath(found) : 0;
    }
}
