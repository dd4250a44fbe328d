using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Limits;
using VSwitch.DataPlane.Pipeline;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>Limits and marks of ENIs, and an EIP under attack, with real programs on both sides.</summary>
public class GuardTests
{
    private const string Yaml = """
        internet:
          device: { tap: vst-inet }
          addresses: [198.51.100.1/24]
          routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }]
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16]
            subnets: [{ name: blue-a, cidrs: [10.0.1.0/24] }]
            routeTables: [{ name: m, main: true, routes: [{ destination: 0.0.0.0/0, target: internet }] }]
        securityGroups: [{ name: open, vpc: blue, template: open }]
        enis:
          - { name: a, subnet: blue-a, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10], securityGroups: [open], device: { tap: vst-a } }
          - { name: b, subnet: blue-a, mac: "02:00:00:00:01:11", privateIps: [10.0.1.11], securityGroups: [open], device: { tap: vst-b }LIMITS }
        elasticIps:
          - { name: e-a, address: 203.0.113.10, eni: a, protection: { syns: 200, calmFor: 1s } }
          - { name: e-b, address: 203.0.113.11, eni: b }
        """;

    [RootFact("iperf3")]
    public void Iperf3_gets_what_the_limit_of_an_ENI_says_and_another_at_once()
    {
        using var lab = new LabFixture(With(", limits: { egress: 20Mbps }"));
        Assert.InRange(Offer(lab, "26M"), 14e6, 21e6);
        Assert.True(lab.Drops("b", DropReason.EniBandwidth) > 0, "something was over the limit");

        lab.Host.Apply(ConfigReader.Parse("changed.yaml", With(", limits: { egress: 40Mbps }")).Config!);
        Assert.InRange(Offer(lab, "52M"), 28e6, 42e6);
    }

    [RootFact("ping", "tcpdump")]
    public void Tcpdump_sees_the_DSCP_of_what_an_ENI_sends_and_ping_its_own_ECN()
    {
        using var lab = new LabFixture(With(", dscp: ef"));
        using Process watch = lab.Start(
            "a", "tcpdump", "-n", "-i", "any", "-c", "3", "icmp and src host 10.0.1.11 and ip[1] = 0xb9");
        while (watch.StandardError.ReadLine() is string line && !line.StartsWith("listening", StringComparison.Ordinal))
        {
        }

        // The ECN bits are 01 before and after; the kernel that answers takes a wrong header checksum for no packet at all.
        Assert.Equal(0, lab.Run("b", "ping", "-c", "3", "-i", "0.2", "-W", "2", "-Q", "0x01", "10.0.1.10").Exit);
        Assert.True(watch.WaitForExit(10_000), "tcpdump saw three of them");
        Assert.Equal(0, watch.ExitCode);
    }

    [RootFact("hping3", "curl", "python3")]
    public void Under_a_flood_of_SYNs_the_clients_get_in_and_the_neighbour_notices_nothing()
    {
        const int Packets = 20_000;
        using var lab = new LabFixture(With(""));
        string folder = Directory.CreateTempSubdirectory("vswitch-flood-").FullName;
        File.WriteAllBytes(Path.Combine(folder, "f"), new byte[600_000]);
        Process[] servers = [.. new[] { "a", "b" }.Select(eni => lab.Start(eni, "python3", "-m", "http.server", "80", "--directory", folder))];
        try
        {
            lab.WaitForListener("a", 80);
            lab.WaitForListener("b", 80);
            Get(lab, "203.0.113.10");

            // Known before the attack, and under way throughout it.
            using Process slow = lab.Start("internet", "curl", "-s", "-m", "25", "--limit-rate", "200k", "-o", Path.Combine(folder, "slow"), "http://203.0.113.10/f");
            Assert.True(SpinWait.SpinUntil(() => File.Exists(Path.Combine(folder, "slow")), TimeSpan.FromSeconds(10)), "it has begun");
            using Process flood = lab.Start(
                "internet", "hping3", "-q", "-S", "-p", "80", "--rand-source", "-i", "u250", "-c", Packets.ToString(CultureInfo.InvariantCulture), "203.0.113.10");
            Assert.True(SpinWait.SpinUntil(() => Reading(lab).IsScrubbing, TimeSpan.FromSeconds(10)), "scrubbing begins");
            for (int i = 0; i < 3; i++)
            {
                Get(lab, "203.0.113.10");
                Get(lab, "203.0.113.11");
            }

            Assert.True(Reading(lab) is { IsScrubbing: true, Trigger: ScrubbingTrigger.Syns, Proofs: >= 1 }, Reading(lab).ToString());
            flood.Kill();
            flood.WaitForExit();
            Assert.True(slow.WaitForExit(25_000), "the download ends");
            Assert.Equal(0, slow.ExitCode);
            Assert.Equal(600_000, new FileInfo(Path.Combine(folder, "slow")).Length);
            Assert.True(SpinWait.SpinUntil(() => !Reading(lab).IsScrubbing, TimeSpan.FromSeconds(20)), "scrubbing ends by itself");
            Assert.Equal(1, Reading(lab).Episodes);
            Assert.True(lab.Drops("internet", DropReason.ScrubbingSyn) > 0);
        }
        finally
        {
            foreach (Process server in servers)
            {
                server.Kill(entireProcessTree: true);
                server.WaitForExit();
                server.Dispose();
            }

            Directory.Delete(folder, recursive: true);
        }
    }

    private static string With(string limits) => Yaml.Replace("LIMITS", limits, StringComparison.Ordinal);

    private static ScrubbingReading Reading(LabFixture lab) =>
        lab.Host.Workers.Shared.Scrubber.ReadingOf(lab.Host.Snapshot.EipAt(1).Number);

    private static void Get(LabFixture lab, string address)
    {
        (int exit, string output) = lab.Run("internet", "curl", "-s", "-m", "10", "-o", "/dev/null", $"http://{address}/f");
        Assert.True(exit == 0, $"{address}: {exit} {output}");
    }

    /// <summary>Datagrams for two seconds, some more than the limit lets pass, so that iperf3's own connection gets through, too: bits of
    /// their frames that arrived, a second.</summary>
    private static double Offer(LabFixture lab, string rate)
    {
        using Process server = lab.Start("a", "iperf3", "-s", "-1");
        lab.WaitForListener("a", 5201);
        (int exit, string output) = lab.Run("b", "iperf3", "-J", "-u", "-c", "10.0.1.10", "-b", rate, "-l", "1200", "-t", "2", "--connect-timeout", "5000");
        Assert.True(exit == 0, output);
        server.WaitForExit(10_000);
        using JsonDocument report = JsonDocument.Parse(output);
        JsonElement sum = report.RootElement.GetProperty("end").GetProperty("sum");
        double arrived = sum.GetProperty("packets").GetDouble() - sum.GetProperty("lost_packets").GetDouble();
        return arrived * 8 * (1200 + 42) / sum.GetProperty("seconds").GetDouble();
    }
}
