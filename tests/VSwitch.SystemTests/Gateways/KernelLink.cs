using VSwitch.Lab;
using Xunit;

namespace VSwitch.SystemTests.Gateways;

/// <summary>A test against a kind of device that the kernel may lack: then it is skipped by name.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class KernelLinkFactAttribute : RootFactAttribute
{
    private const string Probe = "vsg-probe";

    /// <summary>Asked once a kind, not at each look for tests.</summary>
    private static readonly System.Collections.Concurrent.ConcurrentDictionary<string, bool> Kinds = new(StringComparer.Ordinal);

    /// <param name="type">As ip link knows it.</param>
    /// <param name="tools">Programs that the test calls.</param>
    public KernelLinkFactAttribute(string type, params string[] tools)
        : base(tools)
    {
        if (Skip == null && !Kinds.GetOrAdd(type, Has))
        {
            Skip = $"this kernel has no {type} devices";
        }
    }

    private static bool Has(string type)
    {
        LabProcess.TryIp("netns", "delete", Probe);
        LabProcess.Ip("netns", "add", Probe);
        try
        {
            string[] words = type switch
            {
                "vlan" => ["link", "lo", "name", "p0", "type", "vlan", "id", "7"],
                "vxlan" => ["name", "p0", "type", "vxlan", "id", "7", "remote", "127.0.0.2", "dstport", "4789"],
                _ => ["name", "p0", "type", type, "local", "127.0.0.1", "remote", "127.0.0.2"],
            };
            LabProcess.Ip(["-n", Probe, "link", "add", .. words]);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
        finally
        {
            LabProcess.TryIp("netns", "delete", Probe);
        }
    }
}
