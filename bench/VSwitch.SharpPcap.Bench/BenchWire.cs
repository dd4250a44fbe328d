using VSwitch.Lab;

namespace VSwitch.SharpPcap.Bench;

/// <summary>A veth pair between two namespaces of its own, in which no kernel says anything by itself.</summary>
internal sealed class BenchWire : IDisposable
{
    public const string Near = "near0";
    public const string Far = "far0";
    public const string NearNamespace = "vspb-near";
    public const string FarNamespace = "vspb-far";

    /// <summary>Makes it.</summary>
    /// <exception cref="IOException">That needs root and iproute2.</exception>
    public BenchWire()
    {
        Remove();
        foreach (string ns in (string[])[NearNamespace, FarNamespace])
        {
            LabProcess.Ip("netns", "add", ns);
            _ = NamespaceThread.Run(ns, () =>
            {
                File.WriteAllText("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
                File.WriteAllText("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
                return true;
            });
        }

        LabProcess.Ip("-n", NearNamespace, "link", "add", Near, "type", "veth", "peer", "name", Far, "netns", FarNamespace);
        LabProcess.Ip("-n", NearNamespace, "link", "set", "dev", Near, "up");
        LabProcess.Ip("-n", FarNamespace, "link", "set", "dev", Far, "up");
    }

    /// <inheritdoc/>
    public void Dispose() => Remove();

    private static void Remove()
    {
        LabProcess.TryIp("netns", "delete", NearNamespace);
        LabProcess.TryIp("netns", "delete", FarNamespace);
    }
}
