using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using VSwitch.Api;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Tables;
using VSwitch.Live;
using Xunit;

namespace VSwitch.Tests.Api;

/// <summary>A running switch without devices, its API on a socket in a temporary folder, and a client that sees everything of an
/// answer.</summary>
internal sealed class ChangeBed : IDisposable
{
    public const string Lab = """
        internet:
          addresses: [198.51.100.1/24]
          routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }]
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16]
            subnets: [{ name: blue-a, cidrs: [10.0.1.0/24] }]
            routeTables: [{ name: main, main: true, routes: [{ destination: 0.0.0.0/0, target: internet }] }]
        securityGroups:
          - name: web
            vpc: blue
            ingress: [{ protocol: tcp, ports: "443", source: 0.0.0.0/0, remark: public }]
          - { name: db, vpc: blue, ingress: [{ protocol: tcp, ports: "5432", source: "sg:web" }], egress: [] }
        enis:
          - { name: vm1, subnet: blue-a, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10, 10.0.1.11], securityGroups: [web] }
          - { name: vm2, subnet: blue-a, mac: "02:00:00:00:01:12", privateIps: [10.0.1.12], securityGroups: [web] }
        elasticIps:
          - { name: eip-1, address: 203.0.113.10, eni: vm1, bandwidth: 100Mbps }
          - { name: eip-2, address: 203.0.113.11 }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-change-").FullName;
    private readonly ApiServer _server;
    private readonly HttpClient _http;

    public ChangeBed(string config = Lab, TimeSpan? waitLimit = null)
    {
        ConfigResult read = ConfigReader.Parse("lab", config);
        Assert.Empty(read.Errors);
        Host = new SwitchHost(read.Config!, 1);
        Control = waitLimit == null ? new SwitchControl(Host) : new SwitchControl(Host) { WaitLimit = waitLimit.Value };
        SocketPath = Path.Combine(_folder, "api.sock");
        _server = ApiServer.Start(ApiListener.Open(ApiAddress.Parse("unix:" + SocketPath), tokenFile: null), Control, NullLoggerFactory.Instance);
        _http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancel) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath), cancel);
                return new NetworkStream(socket, ownsSocket: true);
            },
        })
        { BaseAddress = new Uri("http://localhost") };
    }

    public SwitchHost Host { get; }

    public SwitchControl Control { get; }

    public string SocketPath { get; }

    public string FolderPath(string name) => Path.Combine(_folder, name);

    /// <summary>Sends a request; a body is JSON unless its type says otherwise, and "" is no type.</summary>
    public async Task<Answer> Send(string request, string? body = null, string type = "application/json", string? ifMatch = null)
    {
        string[] words = request.Split(' ');
        using var message = new HttpRequestMessage(new HttpMethod(words[0]), words[1]);
        if (body != null)
        {
            message.Content = new ByteArrayContent(Encoding.Latin1.GetBytes(body));
            message.Content.Headers.ContentType = type.Length == 0 ? null : MediaTypeHeaderValue.Parse(type);
        }

        if (ifMatch != null)
        {
            message.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        }

        using HttpResponseMessage response = await _http.SendAsync(message);
        string text = await response.Content.ReadAsStringAsync();
        return new Answer(
            response.StatusCode, text, response.Headers.ETag?.Tag, response.Headers.Location?.OriginalString, response.Content.Headers.ContentType?.MediaType);
    }

    /// <summary>All that must be as before when a change is refused or rehearsed.</summary>
    public Standing Look() => new(Control.Revision, ConfigWriter.ToJson(Control.Current.Config), Host.Config, Host.Snapshot, Host.Workers.Shared.Snapshot, string.Join(',', Host.Devices.Select(d => d.Port)));

    /// <summary>From here on nobody answers.</summary>
    public void StopServer() => _server.Stop();

    public void Dispose()
    {
        _http.Dispose();
        _server.Dispose();
        Host.Free();
        Directory.Delete(_folder, recursive: true);
    }
}

/// <summary>What is in force.</summary>
internal sealed record Standing(long Revision, string Document, SwitchConfig Config, ForwardingSnapshot Snapshot, ForwardingSnapshot Published, string Devices);

/// <summary>An answer of the API.</summary>
internal sealed record Answer(HttpStatusCode Status, string Text, string? Tag, string? Location, string? Type)
{
    /// <summary>The answer as JSON.</summary>
    public JsonElement Json => JsonDocument.Parse(Text).RootElement;

    /// <summary>A problem's sentence.</summary>
    public string Detail => Json.GetProperty("detail").GetString()!;

    /// <summary>Whether anything changed.</summary>
    public bool Changed => Json.GetProperty("changed").GetBoolean();

    /// <summary>The plan as people read it.</summary>
    public string Plan => string.Join('\n', VSwitch.ControlPlane.Plan.PlanText.Lines(
        VSwitch.Commands.CommandLine.ReadJson<ChangeDocument>(Text).Changes).Select(l => l.Text));
}
