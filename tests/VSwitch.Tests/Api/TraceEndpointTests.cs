using System.Net.Http;
using System.Text;
using System.Text.Json;
using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.Api;

/// <summary>POST /v1/trace on a switch at work: it knows the live connections and neighbours, and the switch notices nothing.</summary>
public sealed class TraceEndpointTests
{
    private const string Syn = """{ "from": "a", "packet": "tcp 10.0.1.10:40000 > 10.0.1.11:443 syn" }""";
    private const string Ack = """{ "from": "a", "packet": "tcp 10.0.1.10:40000 > 10.0.1.11:443 ack" }""";
    private const string Answer = """{ "from": "b", "packet": "tcp 10.0.1.11:443 > 10.0.1.10:40000 ack" }""";

    [Fact]
    public async Task It_says_what_the_live_connection_makes_of_a_packet()
    {
        await using InspectHost host = await InspectHost.Start(TestTopologies.Small());
        Assert.Equal("no known connection, and this packet may not open one", (await Steps(host, Ack))[^2]);
        Assert.Contains("a new connection is tracked in state syn-sent", await Steps(host, Syn));
        Assert.Equal(0, host.Switch.Workers.ConnectionCount);

        Establish(host);
        JsonElement traced = await Trace(host, Ack);
        Assert.Equal(54, traced.GetProperty("bytes").GetInt32());
        Assert.Equal("established", traced.GetProperty("connection").GetProperty("state").GetString());
        Assert.Contains("known connection in state established, opened by a; the packet is the opener's", Words(traced));
        Assert.Equal("forwarded to b", Words(traced)[^1]);
        Assert.Contains("known connection in state established, opened by a; the packet is a reply", await Steps(host, Answer));
        Assert.Equal("forwarded to a", (await Steps(host, Answer))[^1]);

        // It is a copy that was asked: the live one counts its three packets.
        Assert.Equal(2, (await Trace(host, Ack)).GetProperty("connection").GetProperty("packetsOut").GetInt64());
    }

    [Fact]
    public async Task A_frame_is_taken_as_it_is()
    {
        await using InspectHost host = await InspectHost.Start(TestTopologies.Small());
        Establish(host);
        byte[] old = Frames.Tcp(Ends(host), 40_000, 443, TcpBits.Ack, payload: 0, sequence: 900_000, ack: 1);
        List<string> steps = await Steps(host, $$"""{ "from": "a", "frame": "{{Convert.ToHexString(old)}}" }""");
        Assert.Contains("the packet does not fit the connection", steps);
        Assert.StartsWith("dropped: connection-invalid", steps[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_a_change_it_says_what_the_new_rules_make_of_the_old_connection()
    {
        await using InspectHost host = await InspectHost.Start(TestTopologies.Small());
        Establish(host);
        SwitchConfig config = host.Switch.Config;
        host.Switch.Apply(config with { SecurityGroups = [.. config.SecurityGroups.Select(g => g with { Ingress = [] })] });
        Assert.StartsWith("dropped: security-group-ingress", (await Steps(host, Ack))[^1], StringComparison.Ordinal);
        Assert.Equal(1, host.Switch.Workers.ConnectionCount);
    }

    [Theory]
    [InlineData("{}", "'from' is missing")]
    [InlineData("""{ "from": "a" }""", "either 'packet', in words, or 'frame'")]
    [InlineData("""{ "from": "a", "packet": "udp", "frame": "00" }""", "either 'packet', in words, or 'frame'")]
    [InlineData("""{ "from": "a", "packet": "hello" }""", "'hello' is no packet")]
    [InlineData("""{ "from": "a", "frame": "0" }""", "hexadecimal digits")]
    [InlineData("""{ "from": "a", "frame": "zz" }""", "hexadecimal digits")]
    [InlineData("""{ "from": "nobody", "frame": "00" }""", "there is no port 'nobody'; ports are a, b")]
    [InlineData("""{ "from": "internet", "frame": "00" }""", "there is no port 'internet'")]
    [InlineData("""{ "from": "a", "packat": "x" }""", "packat")]
    [InlineData("""{ "from": 1 }""", "the body is not")]
    [InlineData("[]", "the body is not")]
    [InlineData("{", "the body is not")]
    [InlineData("null", "the body is null")]
    [InlineData("", "the body is not")]
    public async Task What_is_not_understood_is_said(string body, string sentence)
    {
        await using InspectHost host = await InspectHost.Start(TestTopologies.Small(), workers: 1);
        (int status, JsonElement problem) = await host.Ask(HttpMethod.Post, "/v1/trace", body);
        Assert.Equal(400, status);
        Assert.Contains(sentence, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_frame_that_is_too_long_and_a_body_that_is_no_json_are_refused()
    {
        await using InspectHost host = await InspectHost.Start(TestTopologies.Small(), workers: 1);
        (int status, JsonElement problem) = await host.Ask(HttpMethod.Post, "/v1/trace", $$"""{ "from": "a", "frame": "{{new string('0', 140_000)}}" }""");
        Assert.Equal(400, status);
        Assert.Contains("larger than any buffer", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        using var text = new StringContent(Syn, Encoding.UTF8, "text/plain");
        using HttpResponseMessage response = await host.Client.PostAsync(new Uri("/v1/trace", UriKind.Relative), text);
        Assert.Equal(415, (int)response.StatusCode);
    }

    private static void Establish(InspectHost host)
    {
        FrameAddresses ends = Ends(host);
        host.Send("a", Frames.Tcp(ends, 40_000, 443, TcpBits.Syn));
        host.Send("b", Frames.Tcp(ends.Reverse(), 443, 40_000, TcpBits.Syn | TcpBits.Ack));
        host.Send("a", Frames.Tcp(ends, 40_000, 443, TcpBits.Ack));
        host.WaitFor(() => host.Switch.Workers.Sum(1).Dropped + host.Switch.Workers.Sum(2).Dropped == 3);
        Assert.Equal(1, host.Switch.Workers.ConnectionCount);
    }

    private static FrameAddresses Ends(InspectHost host)
    {
        EniConfig a = host.Switch.Config.Enis[0];
        EniConfig b = host.Switch.Config.Enis[1];
        return new FrameAddresses(a.Mac, b.Mac, a.PrivateIps[0], b.PrivateIps[0]);
    }

    private static async Task<JsonElement> Trace(InspectHost host, string body)
    {
        (int status, JsonElement answer) = await host.Ask(HttpMethod.Post, "/v1/trace", body);
        Assert.True(status == 200, answer.ToString());
        return answer;
    }

    private static async Task<List<string>> Steps(InspectHost host, string body) => Words(await Trace(host, body));

    private static List<string> Words(JsonElement answer) =>
        [.. answer.GetProperty("steps").EnumerateArray().Select(step => step.GetProperty("text").GetString()!)];
}
