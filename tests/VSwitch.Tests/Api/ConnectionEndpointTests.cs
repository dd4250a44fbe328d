using System.Net.Http;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Flows;
using VSwitch.Live;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.Api;

/// <summary>GET and DELETE /v1/connections on a switch at work with two workers.</summary>
public sealed class ConnectionEndpointTests
{
    private const string Path = "/v1/connections";

    [Fact]
    public async Task A_page_shows_connections_in_words()
    {
        await using InspectHost host = await InspectHost.Start(TestTopologies.Rich());
        SwitchConfig config = host.Switch.Config;
        EniConfig loose = config.Enis.Single(e => e.Name == "loose");
        host.Send("loose", Frames.Udp(new FrameAddresses(loose.Mac, config.Switch.GatewayMac, loose.PrivateIps[0], TestTopologies.Ip("203.0.113.5")), 4000, 53));
        host.WaitFor(() => host.Switch.Workers.ConnectionCount == 1);

        (int status, JsonElement body) = await host.Ask(HttpMethod.Get, Path);
        Assert.Equal(200, status);
        Assert.False(body.TryGetProperty("next", out _));
        JsonElement c = Assert.Single(body.GetProperty("connections").EnumerateArray());
        Assert.Equal(
            "blue udp udp 10.0.2.11 4000 203.0.113.5 53 198.51.100.12 loose-ip loose internet",
            string.Join(' ', ((string[])["vpc", "protocol", "state", "source", "sourcePort", "destination", "destinationPort", "translatedSource", "sourceEip", "openerPort", "otherPort"]).Select(n => c.GetProperty(n).ToString())));
        Assert.Equal(1, c.GetProperty("packetsOut").GetInt64());
        Assert.Equal(0, c.GetProperty("packetsIn").GetInt64());
        Assert.InRange(c.GetProperty("idleTimeoutSeconds").GetDouble(), 0.001, 30);
        Assert.StartsWith("group open, egress default", c.GetProperty("egressRule").GetString(), StringComparison.Ordinal);
        Assert.False(c.TryGetProperty("ingressRule", out _));
    }

    [Fact]
    public async Task Pages_hold_each_connection_once_also_when_others_go_and_come()
    {
        await using InspectHost host = await InspectHost.Start(TestTopologies.Small());
        host.Open(120);
        var seen = new List<int>();
        string? next = null;
        do
        {
            (int status, JsonElement body) = await host.Ask(HttpMethod.Get, $"{Path}?limit=7{(next == null ? "" : "&cursor=" + next)}");
            Assert.Equal(200, status);
            int[] ports = [.. body.GetProperty("connections").EnumerateArray().Select(c => c.GetProperty("sourcePort").GetInt32())];
            seen.AddRange(ports);
            next = body.TryGetProperty("next", out JsonElement cursor) ? cursor.GetString() : null;
            Assert.True(ports.Length == 7 || next == null);

            // One that was listed goes.
            await host.Ask(HttpMethod.Delete, $"{Path}?filter=sport%20{ports[0]}");
        }
        while (next != null);

        Assert.Equal(Enumerable.Range(1, 120), seen.Order());
    }

    [Fact]
    public async Task The_largest_come_first()
    {
        await using InspectHost host = await InspectHost.Start(TestTopologies.Small());
        EniConfig a = host.Switch.Config.Enis[0];
        EniConfig b = host.Switch.Config.Enis[1];
        var ends = new FrameAddresses(a.Mac, b.Mac, a.PrivateIps[0], b.PrivateIps[0]);
        for (int port = 1; port <= 9; port++)
        {
            for (int i = 0; i < port; i++)
            {
                host.Send("a", Frames.Udp(ends, (ushort)port, 9, payload: 1000 / port / port));
            }
        }

        host.WaitFor(() => host.Switch.Workers.ConnectionCount == 9);
        host.WaitFor(() => host.Switch.Workers.Sum(1).ReceivedPackets == 45);
        Assert.Equal([9, 8, 7], await Ports(host, "sort=packets&limit=3"));
        Assert.Equal(1, (await Ports(host, "sort=bytes&limit=1"))[0]);
        Assert.Equal(9, (await Ports(host, "sort=age")).Count);
        (int status, JsonElement body) = await host.Ask(HttpMethod.Get, $"{Path}?sort=age&cursor=0-0");
        Assert.Equal(400, status);
        Assert.Contains("no further page", body.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("protocol=udp", 3)]
    [InlineData("protocol=tcp", 0)]
    [InlineData("address=10.0.1.10", 3)]
    [InlineData("address=10.0.1.0/24&port=2", 1)]
    [InlineData("eni=b&vpc=blue&state=udp", 3)]
    [InlineData("filter=udp%20and%20sport%202", 1)]
    [InlineData("filter=udp&port=3", 1)]
    public async Task Parameters_are_words_of_the_filter(string parameters, int expected)
    {
        await using InspectHost host = await InspectHost.Start(TestTopologies.Small());
        host.Open(3);
        Assert.Equal(expected, (await Ports(host, parameters)).Count);
    }

    [Theory]
    [InlineData("prot=udp", "there is no parameter 'prot'")]
    [InlineData("protocol=udb", "is no IP protocol")]
    [InlineData("protocol=udp&filter=tcp", "the protocol stands there twice")]
    [InlineData("address=10.0.0", "is no IPv4 or IPv6 address")]
    [InlineData("address=10.0.0.1/8", "write 10.0.0.0/8")]
    [InlineData("port=http", "is no port")]
    [InlineData("port=", "is no value for 'l4port'")]
    [InlineData("eni=a%20and%20tcp", "is no value for 'eni'")]
    [InlineData("eni=nobody", "there is no ENI 'nobody'")]
    [InlineData("vpc=red", "there is no VPC 'red'")]
    [InlineData("state=open", "the states are")]
    [InlineData("filter=verdict%20dropped", "is asked of packets")]
    [InlineData("eni=a&eni=b", "'eni' stands there 2 times")]
    [InlineData("sort=size", "sort=bytes")]
    [InlineData("limit=0", "from 1 to 10000")]
    [InlineData("limit=10001", "from 1 to 10000")]
    [InlineData("limit=many", "from 1 to 10000")]
    [InlineData("cursor=x", "'next' of the page before")]
    [InlineData("cursor=2-0", "'next' of the page before")]
    [InlineData("cursor=0--1", "'next' of the page before")]
    [InlineData("all=true", "there is no parameter 'all'")]
    public async Task What_is_not_understood_is_said(string parameters, string sentence)
    {
        await using InspectHost host = await InspectHost.Start(TestTopologies.Small());
        await Refuses(host, HttpMethod.Get, $"{Path}?{parameters}", sentence);
    }

    [Fact]
    public async Task Clearing_needs_a_filter_or_the_word_that_all_are_meant()
    {
        await using InspectHost host = await InspectHost.Start(TestTopologies.Small());
        host.Open(40);
        await Refuses(host, HttpMethod.Delete, Path, "all=true for every one");
        await Refuses(host, HttpMethod.Delete, Path + "?filter=%20", "all=true for every one");
        await Refuses(host, HttpMethod.Delete, Path + "?all=false", "all=true for every one");
        await Refuses(host, HttpMethod.Delete, Path + "?all=yes", "neither all=true nor all=false");
        await Refuses(host, HttpMethod.Delete, Path + "?all=true&eni=a", "contradict");
        await Refuses(host, HttpMethod.Delete, Path + "?enni=a", "there is no parameter 'enni'");
        Assert.Equal(40, host.Switch.Workers.ConnectionCount);

        Assert.Equal(1, await Clear(host, "port=5"));
        Assert.Equal(0, await Clear(host, "port=5"));
        Assert.Equal(39, await Clear(host, "all=true"));
        Assert.Equal(0, host.Switch.Workers.ConnectionCount);
    }

    [Fact]
    public async Task All_of_them_come_as_lines()
    {
        await using InspectHost host = await InspectHost.Start(TestTopologies.Small());
        host.Open(600);
        Assert.Equal(Enumerable.Range(1, 600), (await Lines(host, "")).Order());
        Assert.Equal(5, (await Lines(host, "?limit=5")).Count);
        Assert.Empty(await Lines(host, "?port=601"));
        Assert.Equal(2, (await Lines(host, "?sort=age&limit=2")).Count);
    }

    [Fact]
    public async Task A_client_that_stalls_or_goes_away_leaves_the_workers_nothing_to_do()
    {
        await using InspectHost host = await InspectHost.Start(TestTopologies.Small());
        host.Open(4000);
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            // More than the buffers of both ends take, and only the first bytes are read.
            socket.ReceiveBufferSize = 4096;
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(host.SocketPath));
            await socket.SendAsync(Encoding.ASCII.GetBytes($"GET {Path} HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n\r\n"));
            Assert.True(await socket.ReceiveAsync(new byte[64]) > 0);
            host.WaitFor(() => host.Switch.Workers.Workers.All(w => !w.HasErrand));

            // Others are served meanwhile, and a change is no matter.
            Assert.Equal(100, (await Ports(host, "")).Count);
            host.Switch.Apply(host.Switch.Config);
        }

        host.WaitFor(() => host.Switch.Workers.Workers.All(w => !w.HasErrand));
        Assert.Equal(4000, await Clear(host, "all=true"));
    }

    [Fact]
    public async Task A_switch_that_stops_ends_the_answer()
    {
        await using InspectHost host = await InspectHost.Start(TestTopologies.Small());
        host.Open(10);
        host.Switch.Dispose();
        (int status, JsonElement body) = await host.Ask(HttpMethod.Get, Path);
        Assert.Equal(503, status);
        Assert.Equal("the switch is stopping", body.GetProperty("detail").GetString());
        Assert.Throws<WorkerUnavailableException>(() => new ConnectionReader(host.Switch).Clear(ConnectionFilter.All, CancellationToken.None));
    }

    [Fact]
    public async Task A_reader_may_give_up_at_any_time()
    {
        await using InspectHost host = await InspectHost.Start(TestTopologies.Small());
        host.Open(300);
        var reader = new ConnectionReader(host.Switch);
        Assert.Equal(3, reader.Read(ConnectionFilter.All, default, CancellationToken.None).Take(3).Count());
        Assert.Throws<OperationCanceledException>(() => reader.Read(ConnectionFilter.All, default, new CancellationToken(canceled: true)).Count());
        host.WaitFor(() => host.Switch.Workers.Workers.All(w => !w.HasErrand));
        Assert.Equal(300, reader.Read(ConnectionFilter.All, default, CancellationToken.None).Count());
    }

    [Fact]
    public async Task A_dry_run_asks_the_connections_of_a_switch_at_work()
    {
        await using InspectHost host = await InspectHost.Start(TestTopologies.Small());
        host.Open(50);
        SwitchConfig config = host.Switch.Config;
        SwitchConfig closed = config with { SecurityGroups = [.. config.SecurityGroups.Select(g => g with { Ingress = [] })] };
        using (PreparedChange change = host.Switch.Prepare(closed))
        {
            FlowImpact impact = FlowImpact.Judge(host.Switch, change.Snapshot, named: 3);
            Assert.Equal((0, 50, 3), (impact.Kept, impact.Lost, impact.Affected.Count));
            Assert.Equal(50, impact.LostByReason["security-group-ingress"]);
        }

        using PreparedChange same = host.Switch.Prepare(config);
        Assert.Equal(50, FlowImpact.Judge(host.Switch, same.Snapshot).Kept);
        Assert.Equal(50, host.Switch.Workers.ConnectionCount);
    }

    private static async Task Refuses(InspectHost host, HttpMethod method, string path, string sentence)
    {
        (int status, JsonElement body) = await host.Ask(method, path);
        Assert.Equal(400, status);
        Assert.Contains(sentence, body.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    private static async Task<long> Clear(InspectHost host, string parameters)
    {
        (int status, JsonElement body) = await host.Ask(HttpMethod.Delete, $"{Path}?{parameters}");
        Assert.Equal(200, status);
        return body.GetProperty("cleared").GetInt64();
    }

    private static async Task<List<int>> Ports(InspectHost host, string parameters)
    {
        (int status, JsonElement body) = await host.Ask(HttpMethod.Get, $"{Path}?{parameters}");
        Assert.True(status == 200, body.ToString());
        return [.. body.GetProperty("connections").EnumerateArray().Select(c => c.GetProperty("sourcePort").GetInt32())];
    }

    private static async Task<List<int>> Lines(InspectHost host, string parameters)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, Path + parameters);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/x-ndjson"));
        using HttpResponseMessage response = await host.Client.SendAsync(request);
        Assert.Equal("application/x-ndjson", response.Content.Headers.ContentType?.MediaType);
        string text = await response.Content.ReadAsStringAsync();
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("sourcePort").GetInt32())];
    }
}
