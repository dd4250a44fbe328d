using System.Diagnostics;
using System.Text.Json;
using VSwitch.Lab;
using Xunit;

namespace VSwitch.SystemTests.Operating;

/// <summary>A secondary ENI from instance to instance as its user sees it: the guest gets a device and its address by DHCP, traffic flows,
/// its EIP goes with it, and others lose nothing. Then instances go, with their ENIs and without.</summary>
public sealed class InstanceLifeTests
{
    private const string Prefix = "vsti-";
    private const string Extra = "vsti-x";
    private const string ExtraMac = "02:00:00:00:02:20";

    private const string Yaml = """
        switch: { workers: 2 }
        internet:
          device: { tap: vsti-inet }
          addresses: [198.51.100.1/24]
          routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }]
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16]
            subnets: [{ name: front, cidrs: [10.0.1.0/24] }, { name: back, cidrs: [10.0.2.0/24] }]
            routeTables: [{ name: m, main: true, routes: [{ destination: 0.0.0.0/0, target: internet }] }]
        securityGroups: [{ name: open, vpc: blue, template: open }]
        instances: [{ name: vm1, vcpus: 2 }, { name: vm2, vcpus: 4 }, { name: vm3, vcpus: 1 }]
        enis:
          - { name: vm1-eth0, instance: vm1, primary: true, subnet: front, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10], securityGroups: [open], device: { tap: vsti-a } }
          - { name: vm2-eth0, instance: vm2, primary: true, subnet: front, mac: "02:00:00:00:01:11", privateIps: [10.0.1.11], securityGroups: [open], device: { tap: vsti-b } }
          - { name: vm3-eth0, instance: vm3, primary: true, subnet: front, mac: "02:00:00:00:01:12", privateIps: [10.0.1.12], securityGroups: [open], device: { tap: vsti-c } }
          - { name: extra, subnet: back, mac: "02:00:00:00:02:20", privateIps: auto, securityGroups: [open], device: { tap: vsti-x }, detached: true }
        elasticIps:
          - { name: eip, address: 203.0.113.10, eni: extra }
        """;

    [RootFact("ping", "curl", "udhcpc")]
    public void A_secondary_ENI_goes_from_instance_to_instance_under_traffic_of_others()
    {
        using var lab = new OperatedSwitch(Yaml, Prefix);
        Process others = lab.StartIn("vm1", "ping", "-i", "0.01", "-c", "100000", "-q", "10.0.1.12");
        Assert.Equal(("detached", "10.0.2.3"), AttachmentOf(lab));
        Assert.NotEqual(0, lab.Run("vm3", "ping", "-c", "1", "-W", "1", "10.0.2.3").Exit);
        Assert.Equal(1, Metric(lab, "vm3-eth0", "port-down"));

        Attach(lab, "vm1");
        Assert.Equal(0, lab.Run("vm3", "ping", "-c", "3", "-i", "0.1", "-W", "2", "10.0.2.3").Exit);
        Assert.Equal(0, lab.Run("internet", "ping", "-c", "2", "-i", "0.1", "-W", "2", "203.0.113.10").Exit);

        lab.Change("POST", "/v1/enis/extra/detach");
        Assert.NotEqual(0, lab.Run("vm1", "ip", "link", "show", "dev", Extra).Exit);
        Assert.NotEqual(0, lab.Run("internet", "ping", "-c", "1", "-W", "1", "203.0.113.10").Exit);
        (int status, string refused) = lab.Curl("POST", "/v1/enis/vm1-eth0/detach");
        Assert.Equal(409, status);
        Assert.Contains("is the primary ENI of instance 'vm1'", refused, StringComparison.Ordinal);

        Attach(lab, "vm2");
        Assert.Equal(0, lab.Run("vm3", "ping", "-c", "3", "-i", "0.1", "-W", "2", "10.0.2.3").Exit);
        Assert.Equal(0, lab.Run("internet", "ping", "-c", "2", "-i", "0.1", "-W", "2", "203.0.113.10").Exit);

        // The flag is off: the ENI outlives its instance, with its EIP.
        lab.Change("DELETE", "/v1/instances/vm2");
        Assert.NotEqual(0, lab.Run("vm2", "ip", "link", "show", "dev", "vsti-b").Exit);
        Assert.Equal(("detached", "10.0.2.3"), AttachmentOf(lab));
        Assert.Equal("extra", lab.Show("eips", "eip").GetProperty("eni").GetString());
        JsonElement[] instances = [.. lab.Show("instances").GetProperty("instances").EnumerateArray()];
        Assert.Equal(["vm1", "vm3"], instances.Select(i => i.GetProperty("name").GetString()));

        // The flag is on: it goes, and its EIP is free.
        lab.Change("POST", "/v1/enis/extra/attach", """{ "instance": "vm3" }""");
        lab.Change("PATCH", "/v1/enis/extra", """{ "deleteWithInstance": true }""");
        EndOthers(others);
        lab.Change("DELETE", "/v1/instances/vm3");
        Assert.Equal(404, lab.Curl("GET", "/v1/enis/extra").Status);
        Assert.False(lab.Show("eips", "eip").TryGetProperty("eni", out _));
        Assert.Empty(Directory.GetDirectories("/sys/class/net", Extra));
    }

    [RootFact("ping", "curl", "udhcpc")]
    public void An_instance_is_made_at_run_time_with_what_the_system_chooses()
    {
        using var lab = new OperatedSwitch(Yaml, Prefix);
        const string Body = """{ "name": "vm9", "vcpus": 4, "primaryEni": { "subnet": "front", "securityGroups": ["open"], "device": { "tap": "vsti-n" } } }""";
        lab.Change("POST", "/v1/instances", Body);
        JsonElement eni = lab.Show("enis", "vm9-eth0");
        Assert.Equal("10.0.1.3", eni.GetProperty("privateIps")[0].GetString());
        Assert.Equal(("primary", true, 4), (eni.GetProperty("attachment").GetString(), eni.GetProperty("deleteWithInstance").GetBoolean(), eni.GetProperty("queues").GetInt32()));
        LabProcess.Ip("netns", "add", Prefix + "vm9");
        try
        {
            Plug(lab, "vm9", "vsti-n", eni.GetProperty("mac").GetString()!, "10.0.1.1");
            Assert.Equal(0, lab.Run("vm9", "ping", "-c", "3", "-i", "0.1", "-W", "2", "10.0.1.12").Exit);
            Assert.Contains("pre-set maximums", lab.Run("vm9", "ethtool", "-l", "vsti-n").Output, StringComparison.OrdinalIgnoreCase);
            lab.Change("POST", "/v1/enis/vm9-eth0/private-ips", """{ "count": 2 }""");
            Assert.Equal(["10.0.1.3", "10.0.1.4", "10.0.1.5"], lab.Show("enis", "vm9-eth0").GetProperty("privateIps").EnumerateArray().Select(a => a.GetString()));
            LabProcess.Ip("-n", Prefix + "vm9", "addr", "add", "10.0.1.5/24", "dev", "vsti-n");
            Assert.Equal(0, lab.Run("vm3", "ping", "-c", "2", "-i", "0.1", "-W", "2", "10.0.1.5").Exit);
            lab.Change("DELETE", "/v1/enis/vm9-eth0/private-ips", """{ "addresses": ["10.0.1.5"] }""");
            Assert.NotEqual(0, lab.Run("vm3", "ping", "-c", "1", "-W", "1", "10.0.1.5").Exit);
            lab.Change("DELETE", "/v1/instances/vm9");
            Assert.NotEqual(0, lab.Run("vm9", "ip", "link", "show", "dev", "vsti-n").Exit);
        }
        finally
        {
            LabProcess.TryIp("netns", "delete", Prefix + "vm9");
        }
    }

    /// <summary>Attaches the ENI, and does what its guest would do with a new device.</summary>
    private static void Attach(OperatedSwitch lab, string instance)
    {
        lab.Change("POST", "/v1/enis/extra/attach", $$"""{ "instance": "{{instance}}" }""");
        Plug(lab, instance, Extra, ExtraMac, "10.0.2.1");
        Assert.Contains("10.0.2.3/24", lab.Run(instance, "ip", "-4", "addr", "show", "dev", Extra).Output, StringComparison.Ordinal);
    }

    private static void Plug(OperatedSwitch lab, string instance, string tap, string mac, string router)
    {
        string script = Path.Combine(lab.Folder, "dhcp");
        File.WriteAllText(script, $"#!/bin/sh\n[ \"$1\" != bound ] || {{ ip addr replace \"$ip/$mask\" dev \"$interface\"; ip rule add from \"$ip\" lookup 77; ip route replace default via {router} dev \"$interface\" table 77; }}\n");
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.UserWrite);
        LabProcess.Ip("link", "set", "dev", tap, "netns", Prefix + instance);
        LabProcess.Ip("-n", Prefix + instance, "link", "set", "dev", tap, "address", mac, "up");
        (int exit, string output) = lab.Run(instance, "udhcpc", "-f", "-q", "-n", "-t", "20", "-T", "1", "-i", tap, "-s", script);
        Assert.True(exit == 0, output);
    }

    private static (string?, string?) AttachmentOf(OperatedSwitch lab)
    {
        JsonElement eni = lab.Show("enis", "extra");
        return (eni.GetProperty("attachment").GetString(), eni.GetProperty("privateIps")[0].GetString());
    }

    private static int Metric(OperatedSwitch lab, string port, string reason) =>
        lab.Show("ports", port).GetProperty("counters").GetProperty("drops").TryGetProperty(reason, out JsonElement count) ? count.GetInt32() : 0;

    private static void EndOthers(Process ping)
    {
        OperatedSwitch.Interrupt(ping);
        string said = ping.StandardOutput.ReadToEnd();
        PingReport.AssertNothingLost(said);
    }
}
