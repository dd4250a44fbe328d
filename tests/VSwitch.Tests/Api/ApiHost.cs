using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;
using VSwitch.Api;
using VSwitch.ControlPlane.Billing;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Workers;
using VSwitch.Live;
using VSwitch.Messages;

namespace VSwitch.Tests.Api;

/// <summary>A switch without devices and its API, on a Unix socket in a folder of its own or on loopback TCP.</summary>
internal sealed class ApiHost : IDisposable
{
    public const string Token = "a-token-of-the-tests-0123456789";
    public const string Yaml = """
        internet: { addresses: [198.51.100.1/24], routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }] }
        prefixLists: [{ name: branches, cidrs: [192.0.2.0/25, 192.0.2.128/25] }]
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16]
            subnets:
              - { name: blue-a, cidrs: [10.0.1.0/24] }
              - { name: blue-b, cidrs: [10.0.2.0/24], routeTable: odd }
            routeTables:
              - { name: even, main: true, routes: [{ destination: 0.0.0.0/0, target: internet }] }
              - { name: odd, routes: [{ destination: "prefixList:branches", target: "eni:one" }] }
          - { name: red, cidrs: [10.1.0.0/16], subnets: [{ name: red-a, cidrs: [10.1.1.0/24] }] }
        securityGroups:
          - name: web
            vpc: blue
            liveConnections: keep
            ingress:
              - { protocol: tcp, ports: "80,8000-8100", source: 0.0.0.0/0, remark: "hello" }
              - { protocol: icmp, icmpType: 8, source: "sg:web" }
            egress: [{ protocol: all, destination: "prefixList:branches" }]
          - { name: open, vpc: blue }
        enis:
          - { name: one, subnet: blue-a, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10, 10.0.1.11], securityGroups: [web], mtu: 1400, tcp: loose, sourceDestCheck: false }
          - { name: two, subnet: blue-b, mac: "02:00:00:00:01:20", privateIps: [10.0.2.10], securityGroups: [web, open] }
        elasticIps:
          - { name: e1, address: 203.0.113.10, eni: one, bandwidth: 100Mbps }
          - { name: e2, address: 203.0.113.11, billing: traffic }
        """;

    private readonly StringWriter _log = new();
    private readonly ILoggerFactory _logs;

    public ApiHost(bool overTcp = false, ApiLimits? limits = null, Action<IEndpointRouteBuilder, SwitchControl>? map = null)
    {
        Folder = Directory.CreateTempSubdirectory("vswitch-api-").FullName;
        _logs = LoggerFactory.Create(l => l.AddFilter("Microsoft", LogLevel.Critical)
            .AddProvider(new ErrorStreamLog(_log, asJson: false, withTraces: false, TimeProvider.System)));
        string? tokenFile = overTcp ? WriteToken() : null;
        ApiAddress address = overTcp ? new ApiAddress(null, new IPEndPoint(IPAddress.Loopback, 0)) : ApiAddress.Parse($"unix:{Folder}/api/a.sock");
        var listener = ApiListener.Open(address, tokenFile);
        Address = listener.Address;
        Host = new SwitchHost(Config(Yaml), 2);
        Usage = new UsageService(Host, () => new MemoryLedgerFiles(), null, TimeProvider.System, line => _log.WriteLine(line));
        Control = new SwitchControl(Host) { Usage = Usage };
        Server = ApiServer.Start(listener, Control, _logs, limits, map);
        Client = ApiClient.Connect(Address.ToString(), tokenFile);
    }

    public string Folder { get; }

    public ApiAddress Address { get; }

    public SwitchHost Host { get; }

    public UsageService Usage { get; }

    public SwitchControl Control { get; }

    public ApiServer Server { get; }

    public ApiClient Client { get; }

    /// <summary>What was logged.</summary>
    public string Log => _log.ToString();

    public static SwitchConfig Config(string yaml)
    {
        ConfigResult result = ConfigReader.Parse("test", yaml);
        return result.Config ?? throw new InvalidOperationException(string.Join('\n', result.Errors));
    }

    public JsonElement Get(string path) => Client.Get(path);

    /// <summary>A connection for bytes that no client library would send.</summary>
    public Socket Connect()
    {
        bool isUnix = Address.SocketPath != null;
        var socket = new Socket(isUnix ? AddressFamily.Unix : AddressFamily.InterNetwork, SocketType.Stream, isUnix ? ProtocolType.Unspecified : ProtocolType.Tcp)
        {
            ReceiveTimeout = 60_000,
        };
        socket.Connect(isUnix ? new UnixDomainSocketEndPoint(Address.SocketPath!) : Address.EndPoint!);
        return socket;
    }

    /// <summary>Sends bytes and reads until the server closes.</summary>
    public string Exchange(string request)
    {
        using Socket socket = Connect();
        socket.Send(Encoding.ASCII.GetBytes(request));
        return ReadToEnd(socket);
    }

    public static string ReadToEnd(Socket socket)
    {
        var text = new StringBuilder();
        byte[] buffer = new byte[4096];
        try
        {
            for (int count; (count = socket.Receive(buffer)) > 0;)
            {
                text.Append(Encoding.UTF8.GetString(buffer, 0, count));
            }
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            // Closed while something that was sent was not read.
        }

        return text.ToString();
    }

    /// <summary>Returns once every worker has begun a round since now: none is held up.</summary>
    public void AwaitRoundOfEachWorker()
    {
        for (int worker = 0; worker < Host.WorkerCount; worker++)
        {
            using var errand = new Errand();
            Host.Post(worker, errand);
            Xunit.Assert.True(errand.Done.Wait(TimeSpan.FromSeconds(60)), $"worker {worker} goes on");
        }
    }

    public void Dispose()
    {
        Client.Dispose();
        Server.Stop();
        Host.Dispose();
        Usage.Dispose();
        Host.Free();
        _logs.Dispose();
        _log.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private string WriteToken()
    {
        string file = Path.Combine(Folder, "token");
        File.WriteAllText(file, Token);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        return file;
    }

    private sealed class Errand : IWorkerErrand, IDisposable
    {
        public ManualResetEventSlim Done { get; } = new();

        public bool Step(Worker worker)
        {
            Done.Set();
            return true;
        }

        public void Dispose() => Done.Dispose();
    }
}
