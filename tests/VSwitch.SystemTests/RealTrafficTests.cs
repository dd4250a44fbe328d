using System.Diagnostics;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>Real TAPs, real namespaces, real programs.</summary>
public class RealTrafficTests
{
    private const string Yaml = """
        internet:
          device: { tap: vst-inet }
          addresses: [198.51.100.1/24]
          routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }]
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16, "fd00:b::/48"]
            subnets:
              - { name: blue-a, cidrs: [10.0.1.0/24, "fd00:b:0:1::/64"] }
              - { name: blue-b, cidrs: [10.0.2.0/24] }
            routeTables: [{ name: m, main: true, routes: [{ destination: 0.0.0.0/0, target: internet }] }]
          - name: red
            cidrs: [10.0.0.0/16]
            subnets: [{ name: red-a, cidrs: [10.0.1.0/24] }]
        securityGroups:
          - name: web
            vpc: blue
            ingress:
              - { protocol: tcp, ports: "80,5201", source: 0.0.0.0/0 }
              - { protocol: icmp, source: 10.0.0.0/16 }
              - { protocol: icmpv6, source: "fd00:b::/48" }
          - { name: closed, vpc: blue }
          - { name: red-open, vpc: red, template: open }
        enis:
          - { name: a, subnet: blue-a, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10, "fd00:b:0:1::10"], securityGroups: [web], device: { tap: vst-a } }
          - { name: b, subnet: blue-a, mac: "02:00:00:00:01:11", privateIps: [10.0.1.11, "fd00:b:0:1::11"], securityGroups: [web], device: { tap: vst-b } }
          - { name: c, subnet: blue-b, mac: "02:00:00:00:02:10", privateIps: [10.0.2.10], securityGroups: [closed], device: { tap: vst-c } }
          - { name: r, subnet: red-a, mac: "02:00:00:00:03:10", privateIps: [10.0.1.10], securityGroups: [red-open], device: { tap: vst-r } }
        elasticIps:
          - { name: e-a, address: 203.0.113.10, eni: a }
          - { name: e-b, address: 203.0.113.11, eni: b }
        """;

    [RootFact("ping")]
    public void Ping_passes_within_and_between_subnets_and_to_the_router_and_not_where_no_rule_allows()
    {
        using var lab = new LabFixture(Yaml);
        Assert.Equal(0, lab.Run("a", "ping", "-c", "5", "-i", "0.2", "-W", "2", "10.0.1.11").Exit);
        Assert.Equal(0, lab.Run("c", "ping", "-c", "3", "-i", "0.2", "-W", "2", "10.0.1.11").Exit);
        Assert.Equal(0, lab.Run("a", "ping", "-c", "2", "-i", "0.2", "-W", "2", "10.0.1.1").Exit);
        Assert.Equal(0, lab.Run("a", "ping", "-6", "-c", "3", "-i", "0.2", "-W", "2", "fd00:b:0:1::11").Exit);
        (int exit, string output) = lab.Run("a", "ping", "-c", "3", "-i", "0.2", "-W", "1", "10.0.2.10");
        Assert.True(exit != 0, output);
        Assert.Equal(3, lab.Drops("a", DropReason.SecurityGroupIngress));
        Assert.NotEqual(0, lab.Run("r", "ping", "-c", "2", "-i", "0.2", "-W", "1", "10.0.1.11").Exit);
        Assert.Contains("ttl=63", lab.Run("c", "ping", "-c", "1", "-W", "2", "10.0.1.10").Output, StringComparison.Ordinal);
    }

    [RootFact("curl", "python3")]
    public void A_file_comes_through_a_group_through_an_eip_and_in_a_hairpin()
    {
        using var lab = new LabFixture(Yaml);
        string folder = Directory.CreateTempSubdirectory("vswitch-http-").FullName;
        byte[] content = new byte[3_000_000];
        new Random(7).NextBytes(content);
        File.WriteAllBytes(Path.Combine(folder, "f"), content);
        string expected = Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(content));
        using Process server = lab.Start("a", "python3", "-m", "http.server", "80", "--directory", folder);
        try
        {
            lab.WaitForListener("a", 80);
            foreach ((string from, string url) in new[]
            {
                ("b", "http://10.0.1.10/f"), ("c", "http://10.0.1.10/f"), ("internet", "http://203.0.113.10/f"), ("b", "http://203.0.113.10/f"),
            })
            {
                string target = Path.Combine(folder, "got");
                (int exit, string output) = lab.Run(from, "curl", "-s", "-m", "15", "-o", target, url);
                Assert.True(exit == 0, $"{from} {url}: {exit} {output}");
                Assert.Equal(expected, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(target))));
                File.Delete(target);
            }

            Assert.Equal(28, lab.Run("internet", "curl", "-s", "-m", "2", "http://203.0.113.10:81/").Exit);
            Assert.True(lab.Drops("internet", DropReason.SecurityGroupIngress) > 0);
            Assert.NotEqual(0, lab.Run("internet", "curl", "-s", "-m", "1", "http://203.0.113.12/").Exit);
        }
        finally
        {
            server.Kill(entireProcessTree: true);
            server.WaitForExit();
            Directory.Delete(folder, recursive: true);
        }
    }

    [RootFact("iperf3")]
    public void Iperf_runs_through_groups_and_through_an_eip()
    {
        using var lab = new LabFixture(Yaml);
        foreach ((string client, string target) in new[] { ("b", "10.0.1.10"), ("internet", "203.0.113.10") })
        {
            using Process server = lab.Start("a", "iperf3", "-s", "-1");
            lab.WaitForListener("a", 5201);
            (int exit, string output) = lab.Run(client, "iperf3", "-c", target, "-n", "50M", "--connect-timeout", "5000");
            Assert.True(exit == 0, output);
            server.WaitForExit(10_000);
        }

        foreach (string port in new[] { "a", "b", "internet" })
        {
            bool settled = SpinWait.SpinUntil(() => IsBalanced(lab, port), TimeSpan.FromSeconds(5));
            Assert.True(settled, $"port {port}: received is the sum of what became of it");
        }
    }

    [RootFact("ping")]
    public void A_changed_configuration_cuts_what_it_forbids_and_nothing_else()
    {
        using var lab = new LabFixture(Yaml);
        using Process steady = lab.Start("b", "ping", "-q", "-c", "30", "-i", "0.1", "-W", "2", "10.0.1.10");
        Assert.Equal(0, lab.Run("c", "ping", "-c", "1", "-W", "2", "10.0.1.11").Exit);
        SwitchConfig changed = ConfigReader.Parse("x", Yaml.Replace(
            "{ protocol: icmp, source: 10.0.0.0/16 }", "{ protocol: icmp, source: 10.0.1.0/24 }", StringComparison.Ordinal)).Config!;
        lab.Host.Apply(changed);
        Assert.NotEqual(0, lab.Run("c", "ping", "-c", "2", "-i", "0.2", "-W", "1", "10.0.1.11").Exit);
        SwitchConfig without = changed with { Enis = [.. changed.Enis.Where(e => e.Name != "r")] };
        lab.Host.Apply(without);
        lab.Host.Apply(ConfigReader.Parse("x", Yaml).Config!);
        Assert.Equal(0, lab.Run("c", "ping", "-c", "1", "-W", "2", "10.0.1.11").Exit);
        string output = steady.StandardOutput.ReadToEnd();
        steady.WaitForExit();
        Assert.Contains(" 0% packet loss", output, StringComparison.Ordinal);
    }

    [RootFact("ping", "iperf3")]
    public void A_live_interface_carries_traffic_with_whole_checksums()
    {
        string yaml = Yaml.Replace("device: { tap: vst-b }", "device: { interface: vst-veth }", StringComparison.Ordinal);
        VSwitch.Lab.LabProcess.TryIp("link", "delete", "vst-veth");
        VSwitch.Lab.LabProcess.TryIp("netns", "delete", "vst-far");
        VSwitch.Lab.LabProcess.Ip("netns", "add", "vst-far");
        try
        {
            VSwitch.Lab.LabProcess.Ip("link", "add", "vst-veth", "type", "veth", "peer", "name", "far0", "netns", "vst-far");
            foreach (string command in (string[])["addr add 10.0.1.11/24 dev far0", "link set dev far0 address 02:00:00:00:01:11 up"])
            {
                VSwitch.Lab.LabProcess.Ip(["-n", "vst-far", .. command.Split(' ')]);
            }

            VSwitch.Lab.LabProcess.Ip("link", "set", "dev", "vst-veth", "up");
            using var lab = new LabFixture(yaml);
            Assert.Equal(0, lab.Run("a", "ping", "-c", "3", "-i", "0.2", "-W", "2", "10.0.1.11").Exit);
            using Process server = lab.Start("a", "iperf3", "-s", "-1");
            lab.WaitForListener("a", 5201);
            (int exit, string output) = lab.Run("far", "iperf3", "-c", "10.0.1.10", "-n", "5M", "-M", "1400", "--connect-timeout", "5000");
            Assert.True(exit == 0, output);
            server.WaitForExit(10_000);
        }
        finally
        {
            VSwitch.Lab.LabProcess.TryIp("link", "delete", "vst-veth");
            VSwitch.Lab.LabProcess.TryIp("netns", "delete", "vst-far");
        }
    }

    private static bool IsBalanced(LabFixture lab, string port)
    {
        VSwitch.DataPlane.Counters.PortCounters c = lab.Counters(port);
        return c.ReceivedPackets > 0 && c.ReceivedPackets == c.Forwarded + c.Answered + c.Consumed + c.Dropped;
    }
}
