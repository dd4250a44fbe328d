using VSwitch.ControlPlane.Billing;
using VSwitch.ControlPlane.Config;
using VSwitch.Devices.Pcap;
using VSwitch.Live;
using VSwitch.Replay;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.Captures;

/// <summary>A replay's usage ledger and bill, on the trace's clock: to the byte, the cap's drops included, and the same for any number of
/// workers.</summary>
public sealed class ReplayUsageTests : IDisposable
{
    private const string Yaml = """
        internet:
          addresses: [198.51.100.1/24]
          routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }]
          neighbors: { 198.51.100.254: "02:00:00:00:99:01" }
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16]
            subnets: [{ name: a, cidrs: [10.0.1.0/24] }]
            routeTables: [{ name: m, main: true, routes: [{ destination: 0.0.0.0/0, target: internet }] }]
        securityGroups: [{ name: open, vpc: blue, template: open }]
        enis: [{ name: vm, subnet: a, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10], securityGroups: [open] }]
        elasticIps:
          - { name: e, address: 203.0.113.10, eni: vm, bandwidth: 1Mbps, billing: traffic }
          - { name: spare, address: 203.0.113.11, bandwidth: 1Mbps }
        billing:
          timeZone: Asia/Shanghai
          decimals: 6
          prices: { bandwidth: { perMbpsHour: 0.06 }, traffic: { perGB: 800, retentionPerDay: 0.48 } }
        """;

    private const int Payload = 1372;
    private const int IpBytes = 20 + 8 + Payload;

    /// <summary>A moment before an hour of Shanghai: 2017-08-02 10:59:30.</summary>
    private const long StartNs = 1_501_642_770L * 1_000_000_000;

    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-usage-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Bytes_drops_and_amounts_are_exact_and_the_same_for_any_number_of_workers()
    {
        SwitchConfig config = ConfigReader.Parse("test", Yaml).Config!;
        string trace = WriteTrace();
        (string Files, Bill Bill, ReplaySummary Summary)[] runs = [.. new[] { 1, 2, 4 }.Select(w => Replay(config, trace, w))];
        Assert.All(runs, r => Assert.Equal(runs[0].Files, r.Files));
        (_, Bill bill, ReplaySummary summary) = runs[0];
        long forwarded = summary.Forwarded;
        long dropped = summary.Drops["eip-bandwidth"];
        Assert.True(forwarded > 50 && dropped > 50, $"{forwarded} forwarded, {dropped} dropped");
        BillEip e = bill.Eips[0];
        Assert.Equal(new UsageWay(forwarded, forwarded * IpBytes, dropped, dropped * IpBytes), e.Usage.Sent);
        Assert.Equal(default, e.Usage.Received);
        BillLine traffic = e.Lines.Single(l => l.Item == BillItem.Traffic);
        Assert.Equal((forwarded * IpBytes, forwarded * IpBytes * 800m / 1_000_000_000), (traffic.Measured, traffic.Amount));

        // The unbound one costs its hours: two hours and one second.
        Assert.Equal((7201L, Math.Round(7201 * 0.06m / 3600, 6)), (bill.Eips[1].Lines[0].Measured, bill.Eips[1].Subtotal));
        Assert.All(bill.Eips, x => Assert.NotNull(x.ReleasedAt));
    }

    [Fact]
    public void Hours_have_what_was_sent_in_them()
    {
        SwitchConfig config = ConfigReader.Parse("test", Yaml).Config!;
        Replay(config, WriteTrace(), 2);
        using var files = new StateFolder(Path.Combine(_folder, "usage-2"));
        var history = UsageHistory.Of(UsageReader.Read(files, StartNs / 1_000_000_000, []));
        IReadOnlyList<UsageRow> rows = UsageReport.Rows(history, BillingCalendar.TryFind("Asia/Shanghai")!, UsagePeriod.Hour, 0, long.MaxValue, "e");
        Assert.Equal([10, 11, 12], rows.Select(r => r.From.Hour));
        Assert.Equal([1, 1], new[] { rows[0], rows[2] }.Select(r => r.Counts.Sent.Packets));
    }

    [Fact]
    public void A_folder_with_a_ledger_is_refused()
    {
        SwitchConfig config = ConfigReader.Parse("test", Yaml).Config!;
        string trace = WriteTrace();
        Replay(config, trace, 1);
        var options = new ReplayOptions([("vm", trace)], Path.Combine(_folder, "again"), 1, 0) { UsageFolder = Path.Combine(_folder, "usage-1") };
        IOException e = Assert.Throws<IOException>(() => new ReplayRunner(config, options));
        Assert.Contains("has a usage ledger already", e.Message, StringComparison.Ordinal);
    }

    /// <summary>One packet before the hour, 600 at once in it, which is more than the bandwidth, and one two hours after the begin.</summary>
    private string WriteTrace()
    {
        string file = Path.Combine(_folder, "vm.pcap");
        using var writer = new PcapWriter(file);
        void Send(long afterSeconds, int count)
        {
            for (int i = 0; i < count; i++)
            {
                writer.Write(Frame((ushort)(1000 + (i % 50))), StartNs + (afterSeconds * 1_000_000_000));
            }
        }

        Send(0, 1);
        Send(1800, 600);
        Send(7200, 1);
        return file;
    }

    private static byte[] Frame(ushort port) => Frames.Udp(
        new FrameAddresses(
            TestTopologies.Mac("02:00:00:00:01:10"), TestTopologies.Mac("02:76:73:00:00:01"), TestTopologies.Ip("10.0.1.10"), TestTopologies.Ip("192.0.2.9")),
        port, 53, Payload);

    private (string Files, Bill Bill, ReplaySummary Summary) Replay(SwitchConfig config, string trace, int workers)
    {
        string usage = Path.Combine(_folder, $"usage-{workers}");
        var options = new ReplayOptions([("vm", trace)], Path.Combine(_folder, $"out-{workers}"), workers, 0) { UsageFolder = usage };
        ReplaySummary summary;
        using (var runner = new ReplayRunner(config, options))
        {
            summary = runner.Run(CancellationToken.None);
        }

        using var files = new StateFolder(usage);
        var maker = new BillMaker(config.Billing);
        var month = new DateOnly(2017, 8, 1);
        var history = UsageHistory.Of(UsageReader.Read(files, maker.RangeOf(month).From, []));
        return (File.ReadAllText(Path.Combine(usage, "usage-2017-08.jsonl")), maker.Make(history, month, maker.RangeOf(month).To), summary);
    }
}
