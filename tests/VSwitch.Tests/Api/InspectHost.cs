using System.Net.Http;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using VSwitch.Api;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Workers;
using VSwitch.Live;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.Api;

/// <summary>A switch at work without devices, whose frames an errand puts in, and its endpoints for connections on a Unix
/// socket.</summary>
internal sealed class InspectHost : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-inspect-").FullName;
    private readonly WebApplication _app;

    private InspectHost(SwitchConfig config, int workers)
    {
        Switch = new SwitchHost(config, workers);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(SocketPath));
        _app = builder.Build();
        var control = new SwitchControl(Switch);
        ConnectionEndpoints.Map(_app, control);
        TraceEndpoint.Map(_app, control);
        Client = new HttpClient(new SocketsHttpHandler
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

    public SwitchHost Switch { get; }

    public HttpClient Client { get; }

    public string SocketPath => Path.Combine(_folder, "api.sock");

    public static async Task<InspectHost> Start(SwitchConfig config, int workers = 2)
    {
        var host = new InspectHost(config, workers);
        await host._app.StartAsync();
        return host;
    }

    /// <summary>Sends a frame in. No port has a device, so what is forwarded is dropped behind its connection.</summary>
    public void Send(string port, byte[] frame)
    {
        var inject = new Inject(frame, Array.IndexOf(Switch.Snapshot.PortNames, port));
        Switch.Post(0, inject);
        WaitFor(() => inject.IsDone);
    }

    public void WaitFor(Func<bool> condition) =>
        Assert.True(SpinWait.SpinUntil(() => condition() || Switch.Failure != null, TimeSpan.FromMinutes(1)) && Switch.Failure == null, $"it did not come to that: {Switch.Failure}");

    /// <summary>Opens a UDP connection within the subnet for each number from 1 on.</summary>
    public void Open(int count, int payload = 16)
    {
        EniConfig a = Switch.Config.Enis[0];
        EniConfig b = Switch.Config.Enis[1];
        var ends = new FrameAddresses(a.Mac, b.Mac, a.PrivateIps[0], b.PrivateIps[0]);
        for (int i = 1; i <= count; i++)
        {
            Send(a.Name, Frames.Udp(ends, (ushort)i, 9, payload));
        }

        WaitFor(() => Switch.Workers.ConnectionCount == count);
    }

    public async Task<(int Status, JsonElement Body)> Ask(HttpMethod method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Content = body == null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await Client.SendAsync(request);
        string text = await response.Content.ReadAsStringAsync();
        return ((int)response.StatusCode, JsonDocument.Parse(text).RootElement);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
        Switch.Free();
        Directory.Delete(_folder, recursive: true);
    }

    private sealed class Inject(byte[] frame, int port) : IWorkerErrand
    {
        private volatile bool _isDone;

        public bool IsDone => _isDone;

        public bool Step(Worker worker)
        {
            worker.Inject(frame, port, WorkerThread.NowNs());
            _isDone = true;
            return true;
        }
    }
}
