using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.Live;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>Queues of an ENI with real TAPs: by vCPUs, as the kernel shows them, changed under traffic; frames spread by an RSS of the ENI's
/// own.</summary>
public class QueueTests
{
    private const string Yaml = """
        vpcs:
          - { name: v, cidrs: [10.0.0.0/16], subnets: [{ name: s, cidrs: [10.0.1.0/24] }] }
        securityGroups: [{ name: open, vpc: v, template: open }]
        instances: [{ name: one, vcpus: 1 }, { name: big, vcpus: 8 }]
        enis:
          - { name: one-eth0, instance: one, primary: true, subnet: s, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10], securityGroups: [open], device: { tap: vst-q1 } }
          - { name: big-eth0, instance: big, primary: true, subnet: s, mac: "02:00:00:00:01:11", privateIps: [10.0.1.11], securityGroups: [open], device: { tap: vst-q4 } }
        """;

    [RootFact("iperf3", "ping", "ethtool")]
    public void Queues_change_under_traffic_and_nothing_is_lost()
    {
        using var lab = new LabFixture(Yaml);
        var control = new SwitchControl(lab.Host);
        Assert.Equal((1, 4), (Shown(lab, "one", "vst-q1"), Shown(lab, "big", "vst-q4")));
        using Process server = lab.Start("big", "iperf3", "-s", "-1");
        try
        {
            lab.WaitForListener("big", 5201);
            using Process ping = lab.Start("one", "ping", "-i", "0.005", "-q", "-c", "100000", "10.0.1.11");
            using Process client = lab.Start("one", "iperf3", "-c", "10.0.1.11", "-t", "4", "-P", "8", "-b", "4M", "--bidir", "-J");
            Task<string> report = client.StandardOutput.ReadToEndAsync();
            int[] counts = [2, 1, 3, 4, 1, 4];
            foreach (int queues in counts)
            {
                long before = lab.Counters("big-eth0").ReceivedPackets;
                Set(control, e => e with { Queues = queues });
                Wait(() => lab.Counters("big-eth0").ReceivedPackets > before + 200, "traffic after the change");
                Assert.Equal(queues, Tap(lab).ActiveQueueCount);
            }

            Assert.True(client.WaitForExit(30_000));
            Lab.LabSwitch.Signal(ping.Id, 2);
            Assert.True(ping.WaitForExit(10_000));
            PingReport.AssertNothingLost(ping.StandardOutput.ReadToEnd());
            JsonElement end = JsonDocument.Parse(report.Result).RootElement.GetProperty("end");
            Assert.All(end.GetProperty("streams").EnumerateArray(), s => Assert.True(s.GetProperty("receiver").GetProperty("bytes").GetInt64() > 0));
            Wait(() => Shown(lab, "big", "vst-q4") == 4, "4 queues as the kernel has them");
            Set(control, e => e with { Queues = 2 });
            Wait(() => Shown(lab, "big", "vst-q4") == 2, "2 queues as the kernel has them");
        }
        finally
        {
            server.Kill(entireProcessTree: true);
            server.WaitForExit();
        }
    }

    [RootFact("iperf3", "ethtool")]
    public void An_RSS_of_its_own_spreads_connections_over_the_queues_as_its_table_says()
    {
        using var lab = new LabFixture(Yaml);
        var control = new SwitchControl(lab.Host);
        Set(control, e => e with { Rss = new EniRssConfig { Key = Toeplitz.MicrosoftKey() } });
        long[] spread = SentByQueue(lab);
        Assert.All(spread, n => Assert.True(n > 0, string.Join(' ', spread)));

        Set(control, e => e with { Rss = new EniRssConfig { Indirection = [.. Enumerable.Repeat((byte)2, 128)] } });
        long[] third = SentByQueue(lab);
        Assert.True(third[2] > 100 && third[1] + third[3] == 0, string.Join(' ', third));

        Set(control, e => e with { Rss = null });
        long[] byWorker = SentByQueue(lab);
        Assert.True(byWorker[0] > 0 && byWorker[1] > 0 && byWorker[2] + byWorker[3] == 0, string.Join(' ', byWorker));
    }

    /// <summary>Frames sent on each queue while 32 connections ran.</summary>
    private static long[] SentByQueue(LabFixture lab)
    {
        QueueCounters counters = Tap(lab).QueueCounters!;
        long[] before = [.. Enumerable.Range(0, 4).Select(counters.Sent)];
        using Process server = lab.Start("big", "iperf3", "-s", "-1");
        try
        {
            lab.WaitForListener("big", 5201);
            (int exit, string output) = lab.Run("one", "iperf3", "-c", "10.0.1.11", "-n", "256K", "-P", "32");
            Assert.True(exit == 0, output);
        }
        finally
        {
            server.Kill(entireProcessTree: true);
            server.WaitForExit();
        }

        return [.. before.Select((n, queue) => counters.Sent(queue) - n)];
    }

    private static IPacketDevice Tap(LabFixture lab) => lab.Host.Devices.Single(d => d.Port == "big-eth0").Device;

    /// <summary>Queues as the kernel shows them to the guest.</summary>
    private static int Shown(LabFixture lab, string instance, string tap)
    {
        (int exit, string output) = lab.Run(instance, "ethtool", "-l", tap);
        Assert.True(exit == 0, output);
        string last = output.Split('\n').Last(l => l.StartsWith("Combined:", StringComparison.Ordinal));
        return int.Parse(last["Combined:".Length..], CultureInfo.InvariantCulture);
    }

    private static void Set(SwitchControl control, Func<EniConfig, EniConfig> edit) => control.ChangeAsync(new ChangeRequest(
        c => c with { Enis = [.. c.Enis.Select(e => e.Name == "big-eth0" ? edit(e) : e)] })).GetAwaiter().GetResult();

    private static void Wait(Func<bool> condition, string what) =>
        Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(20)), $"waited for: {what}");
}
