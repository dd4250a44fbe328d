using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using VSwitch.Api;
using VSwitch.Commands;
using VSwitch.ControlPlane.Config;
using VSwitch.Lab;
using VSwitch.Live;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>A bill of real traffic over three lives of a switch: one ended cleanly, one killed, one after that.</summary>
public sealed class BillingTests : IDisposable
{
    private const string Prefix = "vsb-";
    private const int LimitMs = 120_000;
    private const int Payload = 1000;
    private const int PingBytes = 20 + 8 + Payload;

    private const string Yaml = """
        switch: { workers: 2 }
        internet: { device: { tap: vsb-inet }, addresses: [198.51.100.1/24], routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }] }
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16]
            subnets: [{ name: blue-a, cidrs: [10.0.1.0/24] }]
            routeTables: [{ name: m, main: true, routes: [{ destination: 0.0.0.0/0, target: internet }] }]
        securityGroups: [{ name: open, vpc: blue, template: open }]
        enis: [{ name: a, subnet: blue-a, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10], securityGroups: [open], device: { tap: vsb-a, offload: false } }]
        elasticIps: [{ name: e, address: 203.0.113.10, eni: a, billing: traffic }]
        billing: { interval: 1s, prices: { traffic: { perGB: 800, retentionPerDay: 0.48 } } }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-bill-").FullName;
    private readonly LabPlan _plan = new(ConfigReader.Parse("test", Yaml).Config!, Prefix);
    private Process? _switch;

    private string Api => $"unix:{_folder}/api.sock";

    private string State => Path.Combine(_folder, "state");

    public void Dispose()
    {
        if (_switch is { HasExited: false })
        {
            _switch.Kill();
            _switch.WaitForExit();
        }

        LabRunner.Detach(_plan);
        _switch?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [RootFact("ping", "iperf3", "ss")]
    public void Every_byte_is_on_the_bill_once_over_a_clean_end_a_kill_and_a_restart()
    {
        File.WriteAllText(Path.Combine(_folder, "lab.yaml"), Yaml);
        Start();
        Ping(50);
        Terminate();
        Assert.Equal((50, 50 * PingBytes), Sent(Bill("--state", State)));

        Start();
        Assert.Equal((50, 50 * PingBytes), Sent(Bill("--api", Api)));
        Ping(30);
        Assert.Equal((80, 80 * PingBytes), Sent(Bill("--api", Api)));
        Assert.True(SpinWait.SpinUntil(() => Sent(Bill("--state", State)) == (80, 80 * PingBytes), LimitMs), "an interval later it is in the file");
        Ping(20);
        _switch!.Kill();
        _switch.WaitForExit();

        // What was counted in the last second may be lost, what was written not, and nothing is there twice.
        (long packets, long bytes) = Sent(Bill("--state", State));
        Assert.InRange(packets, 80, 100);
        Assert.Equal(packets * PingBytes, bytes);
        Start();
        Ping(10);
        (long received, long out1) = UploadByIperf();
        Terminate();
        JsonElement bill = Bill("--state", State);
        (long allPackets, long allBytes) = Sent(bill);
        Assert.True(allPackets >= packets + 10 + (received / 1500), $"{allPackets} packets");

        // The guest's own count of its device has a few frames of ARP and neighbour discovery more.
        Assert.InRange(allBytes - bytes - (10 * PingBytes) - out1, -4000, 0);
        JsonElement line = bill.GetProperty("eips")[0].GetProperty("lines").EnumerateArray().First(l => l.GetProperty("item").GetString() == "traffic");
        Assert.Equal(Math.Round(allBytes * 800m / 1_000_000_000, 2, MidpointRounding.AwayFromZero), line.GetProperty("amount").GetDecimal());
        Assert.Equal(0.48m * Days(bill), bill.GetProperty("eips")[0].GetProperty("lines")[0].GetProperty("amount").GetDecimal());
    }

    /// <summary>The table of the bill fits into 100 columns, and what is asked wrongly gets exit code 2.</summary>
    [RootFact("ping")]
    public void The_command_has_a_table_for_people_and_exit_codes()
    {
        File.WriteAllText(Path.Combine(_folder, "lab.yaml"), Yaml);
        Start();
        (int exit, string table, string error) = VSwitch("bill", "--api", Api);
        Assert.True(exit == 0, error);

        // Seconds are counted whole: in its first one an EIP has cost nothing yet.
        Assert.True(
            SpinWait.SpinUntil(() => (table = VSwitch("bill", "--api", Api).Output).Contains("retention", StringComparison.Ordinal), LimitMs), table);
        Assert.Contains("* goes on", table, StringComparison.Ordinal);
        Assert.All(table.Split('\n'), l => Assert.True(l.TrimEnd().Length <= 100, l));
        Assert.Equal(2, VSwitch("bill", "--month", "2026", "--api", Api).Exit);
        Assert.Equal(2, VSwitch("bill", "--api", Api, "--state", State).Exit);
        Assert.Equal(2, VSwitch("bill", "--usage", State).Exit);
        (exit, _, error) = VSwitch("bill", "--eip", "nobody", "--api", Api);
        Assert.Equal(1, exit);
        Assert.Contains("there is no elastic IP 'nobody'", error, StringComparison.Ordinal);
        Assert.Equal(1, VSwitch("bill", "--state", Path.Combine(_folder, "nothing")).Exit);
    }

    private static decimal Days(JsonElement bill) => bill.GetProperty("eips")[0].GetProperty("lines")[0].GetProperty("measured").GetInt64();

    private static (long Packets, long Bytes) Sent(JsonElement bill)
    {
        JsonElement sent = bill.GetProperty("eips")[0].GetProperty("sent");
        return (sent.GetProperty("packets").GetInt64(), sent.GetProperty("bytes").GetInt64());
    }

    private void Start()
    {
        LabRunner.Detach(_plan);
        _switch?.Dispose();
        using var ready = new ManualResetEventSlim();
        var log = new List<string>();
        _switch = Launch(["dotnet", typeof(SwitchHost).Assembly.Location, "run", Path.Combine(_folder, "lab.yaml"), "--state", State, "--api", Api]);
        _switch.ErrorDataReceived += (_, line) =>
        {
            lock (log)
            {
                log.Add(line.Data ?? "");
            }

            if (line.Data?.StartsWith(RunCommand.ReadyMark, StringComparison.Ordinal) == true)
            {
                ready.Set();
            }
        };
        _switch.BeginErrorReadLine();
        _switch.BeginOutputReadLine();
        Assert.True(ready.Wait(LimitMs), string.Join('\n', log));
        LabRunner.Attach(_plan);
    }

    private void Terminate()
    {
        using Process kill = Launch(["kill", "-TERM", _switch!.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
        Assert.True(_switch.WaitForExit(LimitMs), "it ends");
        Assert.Equal(0, _switch.ExitCode);
    }

    /// <summary>Fifty take a second, the least that is on a bill.</summary>
    private void Ping(int count)
    {
        (int exit, string output, string error) = Finish(InNamespace("internet", "ping", "-c", $"{count}", "-i", "0.02", "-s", $"{Payload}", "-W", "5", "203.0.113.10"));
        Assert.True(exit == 0 && output.Contains($"{count} received", StringComparison.Ordinal), output + error);
    }

    /// <summary>What the guest's kernel counted on its device meanwhile: packets, and bytes without the Ethernet header.</summary>
    private (long Packets, long Bytes) UploadByIperf()
    {
        using Process server = InNamespace("internet", "iperf3", "-s", "-1");
        Assert.True(SpinWait.SpinUntil(() => Finish(InNamespace("internet", "ss", "-tln")).Output.Contains(":5201 ", StringComparison.Ordinal), LimitMs), "it listens");
        (long packets, long bytes) = Counted();
        (int exit, string output, string error) = Finish(InNamespace("a", "iperf3", "-c", "198.51.100.254", "-n", "5M", "--connect-timeout", "5000"));
        Assert.True(exit == 0, output + error);
        Assert.True(server.WaitForExit(LimitMs), "the server ends");
        (long packetsAfter, long bytesAfter) = Counted();
        return (packetsAfter - packets, bytesAfter - bytes - (14 * (packetsAfter - packets)));
    }

    private (long Packets, long Bytes) Counted()
    {
        using var document = JsonDocument.Parse(Finish(InNamespace("a", "ip", "-j", "-s", "link", "show", "vsb-a")).Output);
        JsonElement sent = document.RootElement[0].GetProperty("stats64").GetProperty("tx");
        return (sent.GetProperty("packets").GetInt64(), sent.GetProperty("bytes").GetInt64());
    }

    private JsonElement Bill(params string[] where)
    {
        (int exit, string output, string error) = VSwitch(["bill", "--json", .. where]);
        Assert.True(exit == 0, error);
        return JsonDocument.Parse(output).RootElement;
    }

    private static (int Exit, string Output, string Error) VSwitch(params string[] words) => Finish(Launch(["dotnet", typeof(SwitchHost).Assembly.Location, .. words]));

    private Process InNamespace(string instance, params string[] words) =>
        Launch(["ip", "netns", "exec", _plan.Names.GetValueOrDefault(instance, Prefix + instance), .. words]);

    private static Process Launch(string[] words) =>
        Process.Start(new ProcessStartInfo(words[0], words[1..]) { RedirectStandardOutput = true, RedirectStandardError = true })!;

    private static (int Exit, string Output, string Error) Finish(Process process)
    {
        using (process)
        {
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            Task<string> error = process.StandardError.ReadToEndAsync();
            Assert.True(process.WaitForExit(LimitMs), "it ends");
            return (process.ExitCode, output.Result, error.Result);
        }
    }
}
