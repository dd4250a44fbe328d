using System.Text.Json;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Lab;
using Xunit;

namespace VSwitch.SystemTests.Gateways;

/// <summary>Gateways against the Linux kernel's own devices at the other end, or against a program's where the kernel has none, with real
/// programs over them. Beyond the gateway stands 192.168.9.1 in the namespace of the outside.</summary>
public sealed class KernelTunnelTests
{
    private const string Outside = "vst-internet";

    private static string Yaml(string gateway) => $$"""
        internet: { device: { tap: vsgi }, addresses: [198.51.100.1/24], neighbors: { 198.51.100.9: "02:00:00:00:99:09" } }
        vpcs:
          - name: v
            cidrs: [10.0.0.0/16]
            subnets: [{ name: s, cidrs: [10.0.1.0/24] }]
            routeTables: [{ name: main, main: true, routes: [{ destination: 192.168.9.0/24, target: "gateway:way" }] }]
        securityGroups: [{ name: open, vpc: v, template: open }]
        instances: [{ name: vm1, vcpus: 2 }]
        enis:
          - { name: e1, instance: vm1, primary: true, subnet: s, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10], securityGroups: [open], device: { tap: vsge } }
        gateways:
          - { name: way, vpc: v, {{gateway}} }
        """;

    [KernelLinkFact("vxlan", "ping", "iperf3", "curl", "tracepath", "python3")]
    public void VXLAN_with_the_kernel_at_the_other_end()
    {
        using var lab = new LabFixture(Yaml(
            "vxlan: { vni: 42, local: 198.51.100.1, remote: 198.51.100.9 }, addresses: [169.254.42.1/30], " +
            "routes: [{ destination: 192.168.9.0/24, nextHop: 169.254.42.2 }]"));
        Set("link", "add", "vx42", "type", "vxlan", "id", "42", "local", "198.51.100.9", "remote", "198.51.100.1", "dstport", "4789", "dev", "vsgi");
        Join("vx42", "169.254.42.2/30", "169.254.42.1");
        RunAll(lab, mtu: 1450);
    }

    [KernelLinkFact("gre", "ping", "iperf3", "curl", "tracepath", "python3")]
    public void GRE_with_the_kernel_at_the_other_end()
    {
        using var lab = new LabFixture(Yaml("gre: { local: 198.51.100.1, remote: 198.51.100.9, key: 7 }, addresses: [169.254.7.1/30]"));
        Set("link", "add", "gre7", "type", "gre", "local", "198.51.100.9", "remote", "198.51.100.1", "key", "7");
        Join("gre7", "169.254.7.2/30", "169.254.7.1");
        RunAll(lab, mtu: 1472);
    }

    [KernelLinkFact("gretap", "ping", "iperf3", "curl", "tracepath", "python3")]
    public void Frames_in_GRE_with_the_kernel_at_the_other_end()
    {
        using var lab = new LabFixture(Yaml(
            "gre: { local: 198.51.100.1, remote: 198.51.100.9, ethernet: true }, addresses: [169.254.8.1/30], " +
            "routes: [{ destination: 192.168.9.0/24, nextHop: 169.254.8.2 }]"));
        Set("link", "add", "tap8", "type", "gretap", "local", "198.51.100.9", "remote", "198.51.100.1");
        Join("tap8", "169.254.8.2/30", "169.254.8.1");
        RunAll(lab, mtu: 1462);
    }

    [KernelLinkFact("vlan", "ping", "iperf3", "curl", "tracepath", "python3")]
    public void A_VLAN_with_the_kernel_at_the_other_end()
    {
        using var lab = new LabFixture(Yaml(
            "device: { tap: vsgd }, vlan: 100, addresses: [169.254.100.1/30], routes: [{ destination: 192.168.9.0/24, nextHop: 169.254.100.2 }]"));
        Set("link", "set", "lo", "up");
        LabProcess.Ip("link", "set", "vsgd", "netns", Outside);
        Set("link", "set", "vsgd", "up");
        Set("link", "add", "link", "vsgd", "name", "v100", "type", "vlan", "id", "100");
        Join("v100", "169.254.100.2/30", "169.254.100.1");
        RunAll(lab, mtu: 1500);
    }

    [RootFact("ping", "iperf3", "curl", "tracepath", "python3")]
    public void GRE_with_a_program_at_the_other_end()
    {
        using var lab = new LabFixture(Plain(Yaml("gre: { local: 198.51.100.1, remote: 198.51.100.9, key: 7 }, addresses: [169.254.7.1/30]")));
        using var end = new UserSpaceEnd(lab, "gre", "ugre7", "198.51.100.9", "198.51.100.1", "7");
        Set("link", "set", "ugre7", "mtu", "1472");
        Join("ugre7", "169.254.7.2/30", "169.254.7.1");
        RunAll(lab, mtu: 1472);
    }

    [RootFact("ping", "iperf3", "curl", "tracepath", "python3")]
    public void Frames_in_GRE_with_a_program_at_the_other_end()
    {
        using var lab = new LabFixture(Plain(Yaml(
            "gre: { local: 198.51.100.1, remote: 198.51.100.9, ethernet: true }, addresses: [169.254.8.1/30], " +
            "routes: [{ destination: 192.168.9.0/24, nextHop: 169.254.8.2 }]")));
        using var end = new UserSpaceEnd(lab, "gretap", "utap8", "198.51.100.9", "198.51.100.1", "0");
        Set("link", "set", "utap8", "mtu", "1462");
        Join("utap8", "169.254.8.2/30", "169.254.8.1");
        RunAll(lab, mtu: 1462);
    }

    [RootFact("ping", "iperf3", "curl", "tracepath", "python3")]
    public void A_VLAN_with_a_program_at_the_other_end()
    {
        using var lab = new LabFixture(Yaml(
            "device: { tap: vsgd, offload: false }, vlan: 100, addresses: [169.254.100.1/30], routes: [{ destination: 192.168.9.0/24, nextHop: 169.254.100.2 }]"));
        LabProcess.Ip("link", "set", "vsgd", "netns", Outside);
        Set("link", "set", "vsgd", "up");
        using var end = new UserSpaceEnd(lab, "vlan", "uv100", "vsgd", "100");
        Join("uv100", "169.254.100.2/30", "169.254.100.1");
        RunAll(lab, mtu: 1500);
    }

    /// <summary>A program that reads packets from a socket knows nothing of super-packets.</summary>
    private static string Plain(string yaml) => yaml.Replace("tap: vsgi }", "tap: vsgi, offload: false }", StringComparison.Ordinal);

    /// <summary>Ping by size up to the path's MTU, streams both ways, a transfer, what tracepath finds.</summary>
    private static void RunAll(LabFixture lab, int mtu)
    {
        Expect(lab, "vm1", " 0% packet loss", "ping", "-c", "3", "-i", "0.05", "-W", "5", "192.168.9.1");
        Expect(lab, "internet", " 0% packet loss", "ping", "-c", "3", "-i", "0.05", "-W", "5", "-I", "192.168.9.1", "10.0.1.10");
        Expect(lab, "vm1", " 0% packet loss", "ping", "-c", "2", "-i", "0.05", "-W", "5", "-M", "do", "-s", $"{mtu - 28}", "192.168.9.1");
        Expect(lab, "vm1", " 0% packet loss", "ping", "-c", "2", "-i", "0.05", "-W", "5", "-s", "4000", "192.168.9.1");
        if (mtu < 1500)
        {
            Expect(lab, "vm1", $"mtu {mtu}", "tracepath", "-n", "-m", "3", "192.168.9.1");
        }

        using System.Diagnostics.Process server = lab.Start("internet", "iperf3", "-s", "-B", "192.168.9.1");
        try
        {
            lab.WaitForListener("internet", 5201);
            foreach (string[] way in (string[][])[[], ["-R"]])
            {
                (int exit, string output) = lab.Run("vm1", ["iperf3", "-c", "192.168.9.1", "-n", "20M", "-J", .. way]);
                Assert.True(exit == 0, output);
                using var json = JsonDocument.Parse(output);
                Assert.True(json.RootElement.GetProperty("end").GetProperty("sum_sent").GetProperty("bytes").GetInt64() >= 20 << 20, output);
            }
        }
        finally
        {
            server.Kill();
            server.WaitForExit();
        }

        using System.Diagnostics.Process web = lab.Start("internet", "python3", "-m", "http.server", "--bind", "192.168.9.1", "8080");
        try
        {
            lab.WaitForListener("internet", 8080);
            Expect(lab, "vm1", "200", "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "10", "http://192.168.9.1:8080/");
        }
        finally
        {
            web.Kill();
            web.WaitForExit();
        }

        Assert.True(lab.Counters("way").Forwarded > 0);
        Assert.Equal(0, lab.Drops("internet", DropReason.MalformedTunnel));
        Assert.Equal(0, lab.Drops("way", DropReason.MalformedL4));
    }

    private static void Expect(LabFixture lab, string where, string words, params string[] command)
    {
        (_, string output) = lab.Run(where, command);
        Assert.True(output.Contains(words, StringComparison.Ordinal), $"{string.Join(' ', command)}: {output}\nno '{words}'");
    }

    private static void Set(params string[] words) => LabProcess.Ip(["-n", Outside, .. words]);

    /// <summary>The other end's address on the link, the network beyond it, and the way back.</summary>
    private static void Join(string device, string address, string gateway)
    {
        Set("addr", "add", address, "dev", device);
        Set("addr", "add", "192.168.9.1/32", "dev", "lo");
        Set("link", "set", "lo", "up");
        Set("link", "set", device, "up");
        Set("route", "add", "10.0.0.0/16", "via", gateway, "dev", device, "src", "192.168.9.1");
    }
}
