using System.Diagnostics;
using VSwitch.Lab;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.SystemTests.Ipsec;

/// <summary>The lab of the README beside this file: strongSwan in the gateway instance, strongSwan outside, real traffic through ESP.</summary>
public sealed class IpsecTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-ipsec-").FullName;
    private readonly List<Process> _charons = [];

    public void Dispose()
    {
        foreach (Process charon in _charons)
        {
            // SIGTERM, so that the script ends its charon.
            if (!charon.HasExited)
            {
                using Process kill = Process.Start("kill", [$"{charon.Id}"]);
                kill.WaitForExit();
            }

            charon.WaitForExit(10_000);
            charon.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }

    [IpsecFact("ping", "iperf3", "unshare")]
    public void Two_sites_speak_through_the_gateway_instance()
    {
        using var lab = new LabFixture(File.ReadAllText(FileOf("site.yaml")));
        Run(lab, LabPlan.Outside, "address", "add", "192.168.9.1/32", "dev", "lo");
        Start(lab, "outside");
        Start(lab, "router");
        string log = Path.Combine(_folder, "router", "charon.log");
        Assert.True(
            SpinWait.SpinUntil(() => File.Exists(log) && File.ReadAllText(log).Contains("CHILD_SA nets{1} established", StringComparison.Ordinal), TimeSpan.FromSeconds(20)),
            File.Exists(log) ? File.ReadAllText(log) : "charon wrote no log");

        (_, string ping) = lab.Run("app", "ping", "-c", "3", "-i", "0.1", "-W", "5", "192.168.9.1");
        Assert.Contains(" 0% packet loss", ping, StringComparison.Ordinal);
        using Process server = lab.Start(LabPlan.Outside, "iperf3", "-s", "-B", "192.168.9.1");
        try
        {
            lab.WaitForListener(LabPlan.Outside, 5201);
            (int exit, string output) = lab.Run("app", "iperf3", "-c", "192.168.9.1", "-n", "4M");
            Assert.True(exit == 0, output);
        }
        finally
        {
            server.Kill();
            server.WaitForExit();
        }

        // All of it went by the tunnel: the outside knows no other way to 10.0.0.0/16.
        (_, string link) = lab.Run(LabPlan.Outside, "cat", "/sys/class/net/ipsec0/statistics/rx_bytes");
        Assert.True(long.Parse(link.Trim(), System.Globalization.CultureInfo.InvariantCulture) > 1 << 16, link);
    }

    private static string FileOf(string name) =>
        Path.Combine(RepositoryRoot.Folder, "tests", "VSwitch.SystemTests", "Ipsec", name);

    private static void Run(LabFixture lab, string where, params string[] words) => lab.Run(where, ["ip", .. words]);

    private void Start(LabFixture lab, string end)
    {
        Process charon = lab.Start(end == "router" ? end : LabPlan.Outside, FileOf("ipsec.sh"), end, Path.Combine(_folder, end));
        _charons.Add(charon);
        string? said = charon.StandardOutput.ReadLine();
        Assert.True(said == "ready", $"{end}: {said} {(said == null ? charon.StandardError.ReadToEnd() : "")}");
    }
}

/// <summary>Skipped by name where strongSwan's daemon, its tool or its ESP in userspace are missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class IpsecFactAttribute : RootFactAttribute
{
    private static readonly string[] Files = ["/usr/lib/ipsec/charon", "/usr/sbin/swanctl", "/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so"];

    public IpsecFactAttribute(params string[] tools)
        : base(tools)
    {
        string? missing = Files.FirstOrDefault(f => !File.Exists(f));
        if (Skip == null && missing != null)
        {
            Skip = $"needs strongSwan's {missing}, which is not there";
        }
    }
}
