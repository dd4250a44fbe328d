using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using VSwitch.Api;
using VSwitch.Live;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>GET /metrics of a switch under real traffic, by curl and Prometheus' own checker.</summary>
public sealed class MetricsTests : IDisposable
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
          - { name: b, subnet: blue-a, mac: "02:00:00:00:01:11", privateIps: [10.0.1.11], securityGroups: [open], device: { tap: vst-b } }
        elasticIps: [{ name: e-a, address: 203.0.113.10, eni: a }]
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-metrics-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [RootFact("ping", "curl", "iperf3", "ss", "promtool", "bash")]
    public async Task Promtool_finds_nothing_wrong_and_an_eip_counts_every_byte()
    {
        const int Pings = 50;
        const int PingBytes = 20 + 8 + 1000;
        using var lab = new LabFixture(Yaml);
        await using WebApplication app = await Serve(new SwitchControl(lab.Host));
        PrometheusText before = Scrape();
        (int exit, string output) = lab.Run("internet", "ping", "-c", $"{Pings}", "-i", "0.01", "-s", "1000", "-W", "2", "203.0.113.10");
        Assert.True(exit == 0, output);
        using (Process server = lab.Start("b", "iperf3", "-s", "-1"))
        {
            lab.WaitForListener("b", 5201);
            (exit, output) = lab.Run("a", "iperf3", "-c", "10.0.1.11", "-n", "50M", "--connect-timeout", "5000");
            Assert.True(exit == 0, output);
            server.WaitForExit(10_000);
        }

        PrometheusText after = Scrape();
        Assert.Empty(after.FallenSince(before));
        foreach (string way in (string[])["sent", "received"])
        {
            Assert.Equal(Pings, after.Sum($"vswitch_eip_{way}_packets_total", "e-a"));
            Assert.Equal(Pings * PingBytes, after.Sum($"vswitch_eip_{way}_bytes_total", "e-a"));
        }

        Assert.InRange(after.Sum("vswitch_port_received_bytes_total", "port=\"a\""), 50e6, 100e6);
        Assert.InRange(after.Sum("vswitch_worker_busy_seconds_total"), 1e-6, 60);
        Assert.Equal(
            after.Sum("vswitch_packet_latency_seconds_bucket", "le=\"+Inf\""), after.Sum("vswitch_packet_latency_seconds_count"));
        Assert.True(after.Sum("vswitch_packet_latency_seconds_count") >= after.Sum("vswitch_eip_sent_packets_total"), "each packet had a round");
        Assert.Equal(3, after.Sum("vswitch_device_up"));
        Assert.Equal(0, after.Sum("vswitch_device_transmit_errors_total"));
        (exit, output) = Shell($"curl -sS --unix-socket {Socket} http://switch/metrics | promtool check metrics");
        Assert.True(exit == 0 && output.Length == 0, $"promtool: {exit} {output}");
    }

    private string Socket => Path.Combine(_folder, "api.sock");

    private PrometheusText Scrape()
    {
        (int exit, string text) = Shell($"curl -sS --unix-socket {Socket} http://switch/metrics");
        Assert.True(exit == 0, text);
        return PrometheusText.Parse(text);
    }

    private static (int Exit, string Output) Shell(string command)
    {
        using Process process = Process.Start(new ProcessStartInfo("bash", ["-o", "pipefail", "-c", command])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        process.WaitForExit();
        return (process.ExitCode, output.Result + error.Result);
    }

    private async Task<WebApplication> Serve(SwitchControl control)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(Socket));
        WebApplication app = builder.Build();
        MetricsEndpoint.Map(app, control);
        await app.StartAsync();
        return app;
    }
}
