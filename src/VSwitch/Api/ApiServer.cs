using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using VSwitch.Live;
using VSwitch.Messages;

namespace VSwitch.Api;

/// <summary>The API of a running switch: HTTP/JSON on a Unix socket, or on loopback TCP with a bearer token (interface.md section 6).
/// Each subject maps its own routes; README.md beside this file lists them. It is stopped before its switch is freed. A stream that
/// lasts watches <see cref="IHostApplicationLifetime.ApplicationStopping"/>, or is cut off when the switch ends.</summary>
internal sealed class ApiServer : IDisposable
{
    private readonly WebApplication _app;
    private readonly RequestGuard _guard;
    private readonly ApiLimits _limits;
    private bool _stopped;

    private ApiServer(
        ApiListener listener, SwitchControl control, ILoggerFactory logs, ApiLimits limits, Action<IEndpointRouteBuilder, SwitchControl> map)
    {
        _limits = limits;
        _guard = new RequestGuard(listener.Token, logs.CreateLogger("VSwitch.Api"));
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Services.AddSingleton(logs);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddRoutingCore();
        builder.Services.Configure<RouteHandlerOptions>(o => o.ThrowOnBadRequest = true);
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = limits.StopGrace);
        builder.Services.ConfigureHttpJsonOptions(o => ApiJson.ConfigureStrict(o.SerializerOptions));
        ApiDescription.Add(builder.Services);
        builder.WebHost.UseKestrelCore();
        builder.WebHost.UseSockets(o => o.CreateBoundListenSocket = _ => listener.Socket);
        builder.WebHost.ConfigureKestrel(o => Configure(o, listener.Address, limits));
        _app = builder.Build();
        _app.Use(_guard.Invoke);
        _app.UseRouting();
        map(_app, control);
        _app.MapOpenApi("/openapi/{documentName}.json");
    }

    /// <summary>Maps every route.</summary>
    public static void Map(IEndpointRouteBuilder app, SwitchControl control)
    {
        StatusEndpoints.Map(app, control);
        FlowLogEndpoints.Map(app, control);
        PortEndpoints.Map(app, control);
        EniEndpoints.Map(app, control);
        EniLifeEndpoints.Map(app, control);
        InstanceEndpoints.Map(app, control);
        GatewayEndpoints.Map(app, control);
        PolicyEndpoints.Map(app, control);
        PeeringEndpoints.Map(app, control);
        ElasticIpEndpoints.Map(app, control);
        ProtectionEndpoints.Map(app, control);
        LoadBalancerEndpoints.Map(app, control);
        NatGatewayEndpoints.Map(app, control);
        WorkerEndpoints.Map(app, control);
        ConnectionEndpoints.Map(app, control);
        TraceEndpoint.Map(app, control);
        HistoryEndpoints.Map(app, control);
        ChangeEndpoints.Map(app, control);
        DropEndpoints.Map(app, control);
        CaptureEndpoint.Map(app, control);
        MirrorEndpoints.Map(app, control);
        WireEndpoints.Map(app, control);
        BillingEndpoints.Map(app, control);
        MetricsEndpoint.Map(app, control);
    }

    /// <summary>The routes that are mapped, for the test that holds them against their descriptions.</summary>
    internal IEnumerable<RouteEndpoint> Routes =>
        ((IEndpointRouteBuilder)_app).DataSources.SelectMany(s => s.Endpoints).OfType<RouteEndpoint>();

    /// <summary>Begins to answer.</summary>
    /// <param name="listener">Its socket; the server closes it.</param>
    /// <param name="control">The switch.</param>
    /// <param name="logs">Where failures are said.</param>
    /// <param name="limits">What a client may cost; null = the usual.</param>
    /// <param name="map">Maps the routes; null = <see cref="Map"/>.</param>
    public static ApiServer Start(
        ApiListener listener, SwitchControl control, ILoggerFactory logs, ApiLimits? limits = null,
        Action<IEndpointRouteBuilder, SwitchControl>? map = null)
    {
        var server = new ApiServer(listener, control, logs, limits ?? new ApiLimits(), map ?? Map);
        server._app.StartAsync().GetAwaiter().GetResult();
        return server;
    }

    /// <summary>Takes no more requests, lets those under way end, and waits until no code of any request runs: only then may the switch
    /// be freed.</summary>
    public void Stop()
    {
        if (_stopped)
        {
            return;
        }

        _stopped = true;
        using (var limit = new CancellationTokenSource(_limits.StopGrace))
        {
            _app.StopAsync(limit.Token).GetAwaiter().GetResult();
        }

        SpinWait.SpinUntil(() => _guard.UnderWay == 0);
        ((IDisposable)_app).Dispose();
    }

    /// <inheritdoc/>
    public void Dispose() => Stop();

    private static void Configure(KestrelServerOptions options, ApiAddress address, ApiLimits limits)
    {
        options.AddServerHeader = false;
        KestrelServerLimits l = options.Limits;
        l.MaxConcurrentConnections = limits.MaxConnections;
        l.MaxRequestBodySize = limits.MaxBodyBytes;
        l.MaxRequestLineSize = limits.MaxRequestLineBytes;
        l.MaxRequestHeadersTotalSize = limits.MaxHeaderBytes;
        l.MaxRequestHeaderCount = limits.MaxHeaderCount;
        l.RequestHeadersTimeout = limits.HeaderTimeout;
        l.KeepAliveTimeout = limits.IdleTimeout;
        l.MinRequestBodyDataRate = new MinDataRate(limits.MinBytesPerSecond, limits.SlowGrace);
        l.MinResponseDataRate = new MinDataRate(limits.MinBytesPerSecond, limits.SlowGrace);
        if (address.SocketPath is string path)
        {
            options.ListenUnixSocket(path, l => l.Protocols = HttpProtocols.Http1);
        }
        else
        {
            options.Listen(address.EndPoint!, l => l.Protocols = HttpProtocols.Http1);
        }
    }

    /// <summary>Signals are the command's, not the server's.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
