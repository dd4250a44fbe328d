using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using VSwitch.Api;
using VSwitch.Live;
using Xunit;

namespace VSwitch.Tests.Api;

/// <summary>Malformed, oversized, half-sent, slow and unauthorised requests: each gets its answer, and the workers go on.</summary>
public sealed class ApiRobustnessTests
{
    /// <summary>Kestrel looks once a second, so no shorter grace makes sense.</summary>
    private static readonly ApiLimits Tight = new()
    {
        MaxBodyBytes = 4096,
        HeaderTimeout = TimeSpan.FromSeconds(2),
        SlowGrace = TimeSpan.FromSeconds(2),
        IdleTimeout = TimeSpan.FromSeconds(2),
        StopGrace = TimeSpan.FromMilliseconds(100),
    };

    private static readonly SemaphoreSlim Gate = new(0);

    private sealed record Body(string Name, int Count);

    [Theory]
    [InlineData("GET", "/nope", null, null, 404, "there is nothing at /nope; GET /openapi/v1.json lists what there is")]
    [InlineData("GET", "/", null, null, 404, "there is nothing at /;")]
    [InlineData("POST", "/v1/ports", null, null, 405, "/v1/ports does not take POST, but GET")]
    [InlineData("HEAD", "/v1/status", null, null, 405, "")]
    [InlineData("POST", "/echo", "text/plain", "{}", 415, "'text/plain' is not taken here; write application/json")]
    [InlineData("POST", "/echo", null, "{}", 415, "the body's Content-Type is missing; write application/json")]
    [InlineData("POST", "/echo", "application/json", "{", 400, "the body is not the JSON that is expected here: ")]
    [InlineData("POST", "/echo", "application/json", "", 400, "")]
    [InlineData("POST", "/echo", "application/json", "null", 400, "")]
    [InlineData("POST", "/echo", "application/json", "[]", 400, "the body is not the JSON that is expected here: ")]
    [InlineData("POST", "/echo", "application/json", """{"name":"a","count":"1"}""", 400, "$.count")]
    [InlineData("POST", "/echo", "application/json", """{"name":"a","count":1,"extra":2}""", 400, "extra")]
    [InlineData("GET", "/number?n=x", null, null, 400, "n")]
    [InlineData("GET", "/fails", null, null, 500, "the switch made an error; its log says more")]
    public void What_is_wrong_is_said_as_a_problem(string method, string path, string? type, string? body, int status, string detail)
    {
        using var api = new ApiHost(limits: Tight, map: WithTestRoutes);
        string headers = (type != null ? $"Content-Type: {type}\r\n" : "") + (body != null ? $"Content-Length: {body.Length}\r\n" : "");
        string answer = api.Exchange($"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n{body}");
        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
        Assert.Contains("Content-Type: application/problem+json", answer, StringComparison.Ordinal);
        if (method != "HEAD")
        {
            JsonElement problem = ProblemOf(answer);
            Assert.Equal(status, problem.GetProperty("status").GetInt32());
            Assert.StartsWith("urn:vswitch:problem:", problem.GetProperty("type").GetString(), StringComparison.Ordinal);
            Assert.Contains(detail, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        }

        Assert.DoesNotContain("   at ", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", answer, StringComparison.Ordinal);
        Assert.Equal(status == 500, api.Log.Contains("error: GET /fails failed, which is an error of ours: the secret", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("nonsense\r\n\r\n", "HTTP/1.1 400 ")]
    [InlineData("GET /v1/ports HTTP/9.9\r\nHost: x\r\n\r\n", "HTTP/1.1 505 ")]
    [InlineData("GET /v1/ports HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ")]
    [InlineData("GET /v1/ports HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400 ")]
    [InlineData("GET /v1/ports HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 ")]
    [InlineData("\0\u0001\u0002\u0003\r\n\r\n", "HTTP/1.1 400 ")]
    public void What_is_no_request_is_refused_and_the_next_one_is_answered(string bytes, string status)
    {
        using var api = new ApiHost(limits: Tight);
        Assert.StartsWith(status, api.Exchange(bytes), StringComparison.Ordinal);
        Assert.Equal("ok\n", api.Client.GetText("/healthz"));
        Assert.Equal("", api.Log);
    }

    [Fact]
    public void What_is_too_large_is_refused()
    {
        using var api = new ApiHost(limits: Tight, map: WithTestRoutes);
        string body = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n";
        Assert.Contains("HTTP/1.1 413 ", api.Exchange($"{body}Content-Length: 4097\r\n\r\n{new string(' ', 4097)}"), StringComparison.Ordinal);
        Assert.Contains("HTTP/1.1 413 ", api.Exchange($"{body}Transfer-Encoding: chunked\r\n\r\n2000\r\n{new string(' ', 0x2000)}\r\n0\r\n\r\n"), StringComparison.Ordinal);
        Assert.Contains("HTTP/1.1 431 ", api.Exchange($"GET /healthz HTTP/1.1\r\nHost: x\r\nA: {new string('a', 20_000)}\r\n\r\n"), StringComparison.Ordinal);
        Assert.Contains("HTTP/1.1 414 ", api.Exchange($"GET /{new string('a', 9000)} HTTP/1.1\r\nHost: x\r\n\r\n"), StringComparison.Ordinal);
        string many = string.Concat(Enumerable.Range(0, 100).Select(i => $"A{i}: b\r\n"));
        Assert.Contains("HTTP/1.1 431 ", api.Exchange($"GET /healthz HTTP/1.1\r\nHost: x\r\n{many}\r\n"), StringComparison.Ordinal);
        Assert.Equal("ok\n", api.Client.GetText("/healthz"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("GET /heal")]
    [InlineData("GET /healthz HTTP/1.1\r\nHost: x\r\nA: ")]
    [InlineData("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")]
    [InlineData("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{")]
    public void Who_sends_half_a_request_is_not_waited_for_longer_than_the_limit(string half)
    {
        using var api = new ApiHost(limits: Tight, map: WithTestRoutes);
        using Socket socket = api.Connect();
        socket.Send(Encoding.ASCII.GetBytes(half));
        Assert.Equal("ok\n", api.Client.GetText("/healthz"));
        api.AwaitRoundOfEachWorker();
        // Comes back only because the server closes.
        string answer = ApiHost.ReadToEnd(socket);
        Assert.True(answer.Length == 0 || answer.StartsWith("HTTP/1.1 408 ", StringComparison.Ordinal), answer);
    }

    [Fact]
    public void Who_reads_no_answer_is_cut_off_and_nobody_waits_for_it()
    {
        // A write may take as long as its bytes do at the rate asked for: a high one, so that the test need not wait a minute.
        using var api = new ApiHost(limits: Tight with { MinBytesPerSecond = 1_000_000 }, map: WithTestRoutes);
        using Socket socket = api.Connect();
        socket.Send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n"u8);
        // The route says when it was cut off.
        Assert.True(Gate.Wait(TimeSpan.FromSeconds(60)), "the server gives up");
        Assert.Equal("ok\n", api.Client.GetText("/healthz"));
        api.AwaitRoundOfEachWorker();
    }

    [Fact]
    public void Many_idle_connections_hold_up_nobody_and_too_many_are_closed()
    {
        using var api = new ApiHost(limits: Tight with { MaxConnections = 150, IdleTimeout = TimeSpan.FromMinutes(5) });
        var idle = new List<Socket>();
        try
        {
            for (int i = 0; i < 140; i++)
            {
                idle.Add(api.Connect());
            }

            for (int i = 0; i < 20; i++)
            {
                api.AwaitRoundOfEachWorker();
                Assert.Equal("ok\n", api.Client.GetText("/healthz"));
            }

            while (idle.Count < 200)
            {
                idle.Add(api.Connect());
            }

            // At least the last one is beyond the limit: the server closes it without a word.
            Assert.Equal("", ApiHost.ReadToEnd(idle[^1]));
            api.AwaitRoundOfEachWorker();
        }
        finally
        {
            idle.ForEach(s => s.Dispose());
        }

        Assert.Equal("", api.Log);
    }

    [Fact]
    public void Without_the_token_nothing_is_learnt()
    {
        using var api = new ApiHost(overTcp: true);
        var answers = new HashSet<string>();
        foreach (string path in (string[])["/healthz", "/v1/ports", "/metrics", "/openapi/v1.json", "/nope", "/v1/enis/one"])
        {
            foreach (string header in (string[])["", "Authorization: Bearer wrong-token-0123456789\r\n", $"Authorization: Basic {ApiHost.Token}\r\n"])
            {
                foreach (string method in (string[])["GET", "POST", "DELETE"])
                {
                    string answer = api.Exchange($"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{header}\r\n");
                    answers.Add(string.Join('\n', answer.Split("\r\n").Where(line => !line.StartsWith("Date:", StringComparison.Ordinal))));
                }
            }
        }

        string only = Assert.Single(answers);
        Assert.StartsWith("HTTP/1.1 401 ", only, StringComparison.Ordinal);
        Assert.Contains("WWW-Authenticate: Bearer\n", only, StringComparison.Ordinal);
        Assert.Equal("ok\n", api.Client.GetText("/healthz"));
    }

    [Theory]
    [InlineData("127.0.0.1", 200)]
    [InlineData("127.0.0.1:8080", 200)]
    [InlineData("localhost:1", 200)]
    [InlineData("[::1]:1", 200)]
    [InlineData("example.org", 421)]
    [InlineData("127.0.0.1.example.org", 421)]
    public void A_page_of_another_name_gets_nothing_even_with_the_token(string name, int status)
    {
        using var api = new ApiHost(overTcp: true);
        string answer = api.Exchange($"GET /healthz HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\nAuthorization: Bearer {ApiHost.Token}\r\n\r\n");
        Assert.StartsWith($"HTTP/1.1 {status} ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stopping_waits_for_the_code_of_every_request()
    {
        using var release = new ManualResetEventSlim();
        using var entered = new ManualResetEventSlim();
        bool isDone = false;
        using var api = new ApiHost(limits: Tight, map: (routes, _) => routes.MapGet("/slow", () =>
        {
            entered.Set();
            release.Wait();
            Volatile.Write(ref isDone, true);
            return "done";
        }));
        using Socket socket = api.Connect();
        socket.Send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"u8);
        Assert.True(entered.Wait(TimeSpan.FromSeconds(60)));
        var stopping = Task.Run(api.Server.Stop);
        // The grace is over when the connection is cut.
        ApiHost.ReadToEnd(socket);
        Assert.False(stopping.IsCompleted, "code of a request still runs");
        release.Set();
        await stopping;
        Assert.True(Volatile.Read(ref isDone));
        Assert.False(Path.Exists(api.Address.SocketPath), "the socket's file is gone");
    }

    [Fact]
    public void The_client_says_in_one_line_why_there_is_no_answer()
    {
        string nowhere = Path.Combine(Path.GetTempPath(), "vswitch-nobody.sock");
        using (var client = ApiClient.Connect($"unix:{nowhere}", null))
        {
            var refusal = Assert.Throws<ApiException>(() => client.GetText("/healthz"));
            Assert.Equal($"no switch answers at unix:{nowhere}: is 'vswitch run' running, by this user, with this --api?", refusal.Message);
        }

        using var api = new ApiHost(overTcp: true);
        using var stranger = ApiClient.Connect(api.Address.ToString(), null);
        Assert.Contains("--token-file", Assert.Throws<ApiException>(() => stranger.GetText("/healthz")).Message, StringComparison.Ordinal);
    }

    private static JsonElement ProblemOf(string answer)
    {
        string body = answer[answer.IndexOf('{', StringComparison.Ordinal)..(answer.LastIndexOf('}') + 1)];
        using var document = JsonDocument.Parse(body);
        return document.RootElement.Clone();
    }

    private static void WithTestRoutes(IEndpointRouteBuilder routes, SwitchControl control)
    {
        ApiServer.Map(routes, control);
        routes.MapPost("/echo", (Body body) => body);
        routes.MapGet("/number", (int n) => n);
        routes.MapGet("/fails", string () => throw new InvalidOperationException("the secret"));
        routes.MapGet("/endless", async (Microsoft.AspNetCore.Http.HttpContext http) =>
        {
            byte[] block = new byte[64 << 10];
            try
            {
                while (true)
                {
                    await http.Response.Body.WriteAsync(block, http.RequestAborted);
                }
            }
            finally
            {
                Gate.Release();
            }
        });
    }
}
