using System.Diagnostics;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using VSwitch.Api;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Metrics;
using VSwitch.ControlPlane.State;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Workers;
using VSwitch.Live;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.Api;

/// <summary>GET /metrics of a switch at work, without devices: its workers take frames by errand.</summary>
public sealed class MetricsEndpointTests(ITestOutputHelper output) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-metrics-").FullName;

    [Fact]
    public async Task A_scrape_is_right_and_counters_never_fall()
    {
        using var host = new SwitchHost(TestTopologies.Rich(), workers: 2);
        var control = new SwitchControl(host);
        await using WebApplication app = await Serve(control);
        using HttpClient client = Client();
        PrometheusText before = PrometheusText.Parse(await client.GetStringAsync(new Uri("http://switch/metrics")));
        Send(host, 300);
        PrometheusText after = PrometheusText.Parse(await client.GetStringAsync(new Uri("http://switch/metrics")));
        Assert.Empty(after.FallenSince(before));
        Assert.Equal(300, after.Sum("vswitch_port_received_packets_total", "port=\"green\"") - before.Sum("vswitch_port_received_packets_total"));
        Assert.Equal(300, after.Sum("vswitch_port_dropped_packets_total") + after.Sum("vswitch_port_forwarded_packets_total"));
        Assert.Equal(after.Sum("vswitch_port_dropped_packets_total"), after.Sum("vswitch_drops_total"));
        Assert.Equal(300, after.Samples["vswitch_drops_total{port=\"green\",reason=\"port-down\"}"]);
        Assert.Equal(300, after.Samples["vswitch_eip_sent_packets_total{address=\"198.51.100.20\",eip=\"green-ip\"}"]);
        Assert.Equal(300 * 128, after.Samples["vswitch_eip_sent_bytes_total{address=\"198.51.100.20\",eip=\"green-ip\"}"]);
        Assert.Equal(1, after.Samples["vswitch_eip_info{address=\"198.51.100.20\",eip=\"green-ip\",eni=\"green\"}"]);
        Assert.Equal(1, after.Samples["vswitch_eip_info{address=\"198.51.100.30\",eip=\"spare\"}"]);
        Assert.Equal(25_000_000, after.Samples["vswitch_eip_bandwidth_bytes_per_second{address=\"198.51.100.10\",direction=\"out\",eip=\"web-ip\"}"]);
        Assert.Equal(1, after.Sum("vswitch_connections"));
        Assert.Equal(host.Config.Switch.ConnectionCapacity, after.Sum("vswitch_connections_capacity"));
        Assert.Equal((1, 1), (after.Sum("vswitch_configuration_revision"), after.Sum("vswitch_build_info")));
        host.Free();
    }

    [Fact]
    public async Task A_change_shows_with_the_next_scrape()
    {
        SwitchConfig config = TestTopologies.Rich();
        using var host = new SwitchHost(config, workers: 1);
        var control = new SwitchControl(host);
        await using WebApplication app = await Serve(control);
        using HttpClient client = Client();
        Send(host, 10);
        PrometheusText before = PrometheusText.Parse(await client.GetStringAsync(new Uri("http://switch/metrics")));
        control.Apply(config with { ElasticIps = [.. config.ElasticIps.Select(e => e.Name == "green-ip" ? e with { Eni = "twin" } : e)] }, ChangeOrigin.Api);
        PrometheusText moved = PrometheusText.Parse(await client.GetStringAsync(new Uri("http://switch/metrics")));
        Assert.Equal(2, moved.Sum("vswitch_configuration_revision"));
        Assert.Equal(1, moved.Samples["vswitch_eip_info{address=\"198.51.100.20\",eip=\"green-ip\",eni=\"twin\"}"]);
        Assert.Equal(10, moved.Sum("vswitch_eip_sent_packets_total", "green-ip"));
        Assert.True(
            moved.Sum("vswitch_configuration_last_change_timestamp_seconds") >= before.Sum("vswitch_configuration_last_change_timestamp_seconds"));

        // Taken away and brought back, it is another one, though it has the same number.
        control.Apply(config with { ElasticIps = [.. config.ElasticIps.Where(e => e.Name != "green-ip")] }, ChangeOrigin.Api);
        Assert.DoesNotContain("green-ip", await client.GetStringAsync(new Uri("http://switch/metrics")), StringComparison.Ordinal);
        control.Apply(config, ChangeOrigin.Api);
        PrometheusText back = PrometheusText.Parse(await client.GetStringAsync(new Uri("http://switch/metrics")));
        Assert.Equal(0, back.Samples["vswitch_eip_sent_packets_total{address=\"198.51.100.20\",eip=\"green-ip\"}"]);
        Send(host, 3);
        PrometheusText again = PrometheusText.Parse(await client.GetStringAsync(new Uri("http://switch/metrics")));
        Assert.Equal(3, again.Samples["vswitch_eip_sent_packets_total{address=\"198.51.100.20\",eip=\"green-ip\"}"]);
        host.Free();
    }

    [Fact]
    public async Task A_thousand_enis_with_every_reason_are_one_scrape()
    {
        SwitchConfig config = Large(1000);
        using var host = new SwitchHost(config, workers: 2);
        await using WebApplication app = await Serve(new SwitchControl(host));
        using HttpClient client = Client();
        byte[] frame = new byte[60];
        Do(host, 1, worker =>
        {
            foreach (DropReason reason in DropReasons.All[1..])
            {
                for (int port = 1; port <= 1000; port++)
                {
                    worker.Refuse(port, frame, reason, 1);
                }
            }
        });
        await client.GetStringAsync(new Uri("http://switch/metrics"));
        long allocated = GC.GetTotalAllocatedBytes();
        var clock = Stopwatch.StartNew();
        using HttpResponseMessage response = await client.GetAsync(new Uri("http://switch/metrics"));
        string text = await response.Content.ReadAsStringAsync();
        output.WriteLine($"{text.Length} bytes in {clock.ElapsedMilliseconds} ms, {GC.GetTotalAllocatedBytes() - allocated} bytes allocated by both ends");
        PrometheusText read = PrometheusText.Parse(text);
        Assert.Equal(1000 * (DropReasons.Count - 1), read.Samples.Keys.Count(k => k.StartsWith("vswitch_drops_total{", StringComparison.Ordinal)));
        Assert.Equal(read.Sum("vswitch_port_dropped_packets_total"), read.Sum("vswitch_drops_total"));
        host.Free();
    }

    [Theory]
    [InlineData("", MetricsFormat.Prometheus)]
    [InlineData("*/*", MetricsFormat.Prometheus)]
    [InlineData("nonsense;;", MetricsFormat.Prometheus)]
    [InlineData("application/openmetrics-text", MetricsFormat.OpenMetrics)]
    [InlineData("application/openmetrics-text;version=0.0.1", MetricsFormat.Prometheus)]
    [InlineData("application/openmetrics-text;version=1.0.0;q=0,text/plain", MetricsFormat.Prometheus)]
    [InlineData("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.9", MetricsFormat.Prometheus)]
    [InlineData("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", MetricsFormat.OpenMetrics)]
    public void The_client_chooses_the_format(string accept, object format) =>
        Assert.Equal((MetricsFormat)format, MetricsEndpoint.FormatFor(accept.Length == 0 ? [] : [accept]));

    [Fact]
    public async Task OpenMetrics_is_given_to_who_asks_for_it()
    {
        using var host = new SwitchHost(TestTopologies.Small(), workers: 1);
        await using WebApplication app = await Serve(new SwitchControl(host));
        using HttpClient client = Client();
        using HttpResponseMessage plain = await client.GetAsync(new Uri("http://switch/metrics"));
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", plain.Content.Headers.ContentType!.ToString());
        client.DefaultRequestHeaders.Add("Accept", "application/openmetrics-text;version=1.0.0");
        using HttpResponseMessage open = await client.GetAsync(new Uri("http://switch/metrics"));
        Assert.Equal("application/openmetrics-text; version=1.0.0; charset=utf-8", open.Content.Headers.ContentType!.ToString());
        Assert.True(PrometheusText.Parse(await open.Content.ReadAsStringAsync(), isOpen: true).Types.Count > 40, "all families");
        host.Free();
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Packets of one connection from green to the world, by its EIP; its port there has no device.</summary>
    private static void Send(SwitchHost host, int packets)
    {
        EniConfig green = host.Config.Enis.Single(e => e.Name == "green");
        byte[] frame = Frames.Udp(
            new FrameAddresses(green.Mac, host.Config.Switch.GatewayMac, green.PrivateIps[0], TestTopologies.Ip("192.0.2.9")), 4000, 5000, payload: 100);
        int port = Array.IndexOf(host.Snapshot.PortNames, green.Name);
        long before = host.Workers.Sum(port).Dropped;
        Do(host, 0, worker =>
        {
            for (int i = 0; i < packets; i++)
            {
                worker.Inject(frame, port, WorkerThread.NowNs());
            }
        });
        Assert.True(SpinWait.SpinUntil(() => host.Workers.Sum(port).Dropped == before + packets, TimeSpan.FromSeconds(30)), "every packet has an end");
    }

    private static void Do(SwitchHost host, int worker, Action<Worker> act)
    {
        using var done = new ManualResetEventSlim();
        host.Post(worker, new Errand(act, done));
        Assert.True(done.Wait(TimeSpan.FromSeconds(30)), "the worker did it");
    }

    private static SwitchConfig Large(int enis)
    {
        SwitchConfig small = TestTopologies.Small();
        return small with
        {
            Enis = [.. Enumerable.Range(1, enis).Select(i => new EniConfig
            {
                Name = $"eni-{i:0000}",
                Subnet = "blue-a",
                Mac = new MacAddress(0x0200_0000_0000UL + (uint)i),
                SecurityGroups = ["open"],
                PrivateIps = [IpAddress.V6(TestTopologies.Ip("fd00:b:0:1::100").Bits + (uint)i)],
            })],
        };
    }

    private async Task<WebApplication> Serve(SwitchControl control)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(SocketPath));
        WebApplication app = builder.Build();
        MetricsEndpoint.Map(app, control);
        await app.StartAsync();
        return app;
    }

    private HttpClient Client() => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, stop) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath), stop);
            return new NetworkStream(socket, ownsSocket: true);
        },
    });

    private string SocketPath => Path.Combine(_folder, "api.sock");

    private sealed class Errand(Action<Worker> act, ManualResetEventSlim done) : IWorkerErrand
    {
        public bool Step(Worker worker)
        {
            act(worker);
            done.Set();
            return true;
        }
    }
}
