using System.Diagnostics;
using System.Text.Json;
using VSwitch.SystemTests;
using VSwitch.SystemTests.LiveInterface;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.SharpPcap.Tests.Live;

/// <summary>The program with the device kind of the adapter, which its build has put beside it.</summary>
public sealed class SharpPcapSwitchTests
{
    /// <summary>vswitch of this build's configuration: what this test has beside itself is a copy without adapters.</summary>
    private static readonly string Program = Path.Combine(
        RepositoryRoot.Folder, "src", "VSwitch", "bin", Directory.GetParent(AppContext.BaseDirectory.TrimEnd('/'))!.Name, "net10.0", "vswitch.dll");

    [RootFact("tcpdump", "unshare", "mount", "ping", "iperf3", "ss", "ethtool")]
    public void Guests_talk_by_vswitch_on_devices_of_SharpPcap()
    {
        using JsonDocument whole = UserNamespaceRun.Run(Program, "sharppcap");
        foreach ((long bytes, long frames) in UserNamespaceRun.Received(whole))
        {
            // Super-packets come whole; acknowledgements draw the mean down.
            Assert.InRange(bytes, 100_000_000, 400_000_000);
            Assert.InRange(bytes / frames, 1000, 65_535);
        }

        using JsonDocument plain = UserNamespaceRun.Run(Program, "sharppcap", off: "tx tso gso gro");
        foreach ((long bytes, long frames) in UserNamespaceRun.Received(plain))
        {
            Assert.InRange(bytes, 100_000_000, 400_000_000);
            Assert.InRange(bytes / frames, 200, 1514);
        }
    }

    [LibpcapFact]
    public void A_device_that_is_not_there_ends_vswitch_with_one_line()
    {
        string config = Path.GetTempFileName();
        try
        {
            File.WriteAllText(config, """
                vpcs: [{ name: v, cidrs: [10.0.0.0/16], subnets: [{ name: s, cidrs: [10.0.0.0/24] }] }]
                securityGroups: [{ name: g, vpc: v, template: open }]
                enis:
                  - { name: a, subnet: s, mac: "02:00:00:00:00:01", privateIps: [10.0.0.11], securityGroups: [g], device: { sharppcap: absent0 } }
                """);
            using Process process = Process.Start(new ProcessStartInfo("dotnet", [Program, "run", config]) { RedirectStandardError = true })!;
            string error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            Assert.NotEqual(0, process.ExitCode);
            Assert.Contains("sharppcap 'absent0': there is no such device; there are ", error, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(config);
        }
    }
}
