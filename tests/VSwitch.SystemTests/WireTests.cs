using System.Globalization;
using System.Text.RegularExpressions;
using VSwitch.ControlPlane.Config;
using VSwitch.Devices.Faults;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>Wires with faults between real guests: what their kernels and programs see of each fault, and that all of it changes while
/// traffic runs.</summary>
public sealed partial class WireTests
{
    private const string Yaml = """
        vpcs: [{ name: v, cidrs: [10.8.0.0/16], subnets: [{ name: s, cidrs: [10.8.2.0/24] }] }]
        securityGroups: [{ name: open, vpc: v, template: open }]
        enis:
          - { name: wire-a, subnet: s, mac: "02:00:00:00:08:20", privateIps: [10.8.2.10], securityGroups: [open], device: { tap: vsw-a } }
          - { name: wire-b, subnet: s, mac: "02:00:00:00:08:21", privateIps: [10.8.2.11], securityGroups: [open], device: { tap: vsw-b } }

        """;

    [RootFact("ping")]
    public void Ping_sees_delay_loss_and_doubles_that_come_go_and_change_live()
    {
        using var lab = new LabFixture(Yaml + "wires: [{ port: wire-a, delay: 30ms }]");
        var wire = (FaultyWire)lab.Host.Devices.Single(d => d.Port == "wire-a").Device;
        Assert.True(LeastRttMs(Ping(lab, 3)) >= 60, "30 ms each way, at least");

        Use(lab, "wires: [{ port: wire-a, in: { loss: 100% } }]");
        Assert.Contains("100% packet loss", Ping(lab, 2), StringComparison.Ordinal);
        Assert.True(wire.InCounts.Lost >= 2, $"{wire.InCounts}");

        // The other port gets a wire while it is open, the first one loses its faults.
        Use(lab, "wires: [{ port: wire-b, in: { duplicate: 100% } }]");
        string doubled = Ping(lab, 3);
        Assert.Contains(" duplicates", doubled, StringComparison.Ordinal);
        Assert.Contains(" 0% packet loss", doubled, StringComparison.Ordinal);
        var other = Assert.IsType<FaultyWire>(lab.Host.Devices.Single(d => d.Port == "wire-b").Device);
        Assert.True(other.InCounts.Duplicated >= 3, $"{other.InCounts}");

        Use(lab, "");
        string clear = Ping(lab, 3);
        Assert.Contains(" 0% packet loss", clear, StringComparison.Ordinal);
        Assert.DoesNotContain("duplicates", clear, StringComparison.Ordinal);
    }

    [RootFact("ping", "iperf3")]
    public void A_rate_holds_a_stream_and_corruption_is_caught_by_checksums()
    {
        using var lab = new LabFixture(Yaml + "wires: [{ port: wire-a, in: { rate: 20Mbps } }]");
        using System.Diagnostics.Process server = lab.Start("wire-b", "iperf3", "-s", "-1");
        lab.WaitForListener("wire-b", 5201);
        (int exit, string output) = lab.Run("wire-a", "iperf3", "-c", "10.8.2.11", "-t", "2", "-f", "m");
        Assert.True(exit == 0, output);
        double mbps = double.Parse(ReceiverRate().Match(output).Groups[1].Value, CultureInfo.InvariantCulture);
        Assert.InRange(mbps, 5, 21);
        Assert.True(server.WaitForExit(30_000), "the server ends with its client");

        // A flipped bit in a MAC or the IP header is dropped by the switch, one behind it by the guest's ICMP checksum.
        Use(lab, "wires: [{ port: wire-a, seed: 5, in: { corrupt: 100% } }]");
        var wire = (FaultyWire)lab.Host.Devices.Single(d => d.Port == "wire-a").Device;
        long before = wire.InCounts.Corrupted;
        Assert.Contains("100% packet loss", Ping(lab, 5), StringComparison.Ordinal);
        Assert.True(wire.InCounts.Corrupted >= before + 5, $"{wire.InCounts}");
    }

    private static string Ping(LabFixture lab, int count) =>
        lab.Run("wire-a", "ping", "-c", $"{count}", "-i", "0.1", "-W", "1", "10.8.2.11").Output;

    private static double LeastRttMs(string ping) => double.Parse(LeastRtt().Match(ping).Groups[1].Value, CultureInfo.InvariantCulture);

    private static void Use(LabFixture lab, string wires)
    {
        ConfigResult result = ConfigReader.Parse("test.yaml", Yaml + wires);
        lab.Host.Apply(result.Config ?? throw new InvalidOperationException(string.Join('\n', result.Errors)));
    }

    [GeneratedRegex(@"min/avg/max/mdev = ([0-9.]+)/")]
    private static partial Regex LeastRtt();

    [GeneratedRegex(@"([0-9.]+) Mbits/sec\s+receiver")]
    private static partial Regex ReceiverRate();
}
