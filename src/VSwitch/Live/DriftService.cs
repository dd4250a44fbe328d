using Microsoft.Extensions.Logging;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Drift;
using VSwitch.ControlPlane.State;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Probes;
using VSwitch.DataPlane.Workers;
using VSwitch.Messages;

namespace VSwitch.Live;

/// <summary>Moves EIPs to their standbys when the health checks say so, by the way of every change, and has EIPs announced when the internet
/// side comes up (while there is none of these, nobody announces anything). A thread of its own looks at two numbers now and then; it never
/// touches a packet.</summary>
internal sealed class DriftService : IDisposable
{
    /// <summary>While EIPs have standbys: so much later than its health check says an EIP moves, at most.</summary>
    private const int LookMs = 20;

    /// <summary>While none has.</summary>
    private const int RestMs = 250;

    /// <summary>A change that was refused is tried again after so long.</summary>
    private const int RetryMs = 1000;

    private readonly SwitchControl _control;
    private readonly ILogger _log;
    private readonly ManualResetEvent _stop = new(initialState: false);
    private readonly Thread _thread;
    private readonly HashSet<string> _stranded = new(StringComparer.Ordinal);
    private int _seenVersion = -1;
    private SwitchConfig? _seenConfig;
    private IPacketDevice? _internet;
    private bool _wasUp;
    private bool _ended;
    private long _retryAtMs;

    /// <summary>Begins to look.</summary>
    public DriftService(SwitchControl control, ILogger log)
    {
        _control = control;
        _log = log;
        SwitchShared shared = control.Host.Workers.Shared;
        shared.Announcements.Enable(shared.Buckets.Capacity / 2);
        _internet = InternetDevice;
        _wasUp = _internet?.Status.IsUp == true;
        _thread = new Thread(Run) { Name = "elastic IPs", IsBackground = true };
        _thread.Start();
    }

    private IPacketDevice? InternetDevice => _control.Host.Workers.Shared.Devices is [IPacketDevice device, ..] ? device : null;

    /// <summary>Ends, and waits for a change under way.</summary>
    public void Dispose()
    {
        if (_ended)
        {
            return;
        }

        _ended = true;
        _stop.Set();
        _thread.Join();
        _stop.Dispose();
    }

    private void Run()
    {
        int waitMs = 0;
        while (!_stop.WaitOne(waitMs))
        {
            LookAtInternet();
            SwitchConfig config = _control.Host.Config;
            waitMs = config.ElasticIps.Any(e => e.Standby.Count > 0) ? LookMs : RestMs;
            int version = _control.Host.Workers.Shared.Probes.Version;
            bool isNews = version != _seenVersion || !ReferenceEquals(config, _seenConfig);
            if (isNews && Environment.TickCount64 >= _retryAtMs)
            {
                (_seenVersion, _seenConfig) = (version, config);
                LookAtHealth(config);
            }
        }
    }

    private void LookAtInternet()
    {
        IPacketDevice? device = InternetDevice;
        bool isUp = device?.Status.IsUp == true;
        if (isUp && (!_wasUp || !ReferenceEquals(device, _internet)))
        {
            _control.Host.Workers.Shared.Announcements.AnnounceAll();
        }

        (_internet, _wasUp) = (device, isUp);
    }

    private void LookAtHealth(SwitchConfig config)
    {
        foreach (ElasticIpConfig eip in config.ElasticIps.Where(e => e.Standby.Count > 0 && e.HealthCheck != null))
        {
            ElasticIpConfig? next = NextOf(config, eip.Name, out bool isStranded);
            if (next != null)
            {
                Move(eip);
            }
            else if (isStranded && _stranded.Add(eip.Name))
            {
                _log.EipStranded(eip.Name, eip.Holder!);
            }

            if (!isStranded)
            {
                _stranded.Remove(eip.Name);
            }
        }
    }

    /// <summary>Where an EIP goes by what is known now; null when it stays.</summary>
    private ElasticIpConfig? NextOf(SwitchConfig config, string name, out bool isStranded)
    {
        isStranded = false;
        ElasticIpConfig? eip = config.ElasticIps.FirstOrDefault(e => e.Name == name);
        if (eip?.Eni == null)
        {
            return null;
        }

        var health = new EipHealth(_control.Host.Snapshot, _control.Host.Workers.Shared.Probes);
        var enis = config.Enis.ToDictionary(e => e.Name, StringComparer.Ordinal);
        var taken = config.ElasticIps.Where(e => e.Eni != null && e.Name != name)
            .Select(e => new EipPlaceConfig(e.Eni!, e.PrivateIp).On(enis)).ToHashSet();
        ElasticIpConfig? next = EipDrift.Next(eip, enis, place => health.Of(eip, place), taken.Contains);
        isStranded = next == null && health.Of(eip, eip.Places(enis).First()) == ProbeHealth.Unhealthy;
        return next;
    }

    private void Move(ElasticIpConfig eip)
    {
        ElasticIpConfig? to = null;
        try
        {
            // Asked again when it is the change's turn: an earlier change may have moved the EIP meanwhile.
            ChangeOutcome outcome = _control.ChangeAsync(new ChangeRequest(c =>
            {
                to = NextOf(c, eip.Name, out _);
                return to == null ? c : c with { ElasticIps = [.. c.ElasticIps.Select(e => e.Name == eip.Name ? to : e)] };
            })
            { By = ChangeOrigin.HealthCheck }).GetAwaiter().GetResult();
            if (outcome.Changed)
            {
                _log.EipMoved(eip.Name, eip.Address.ToString(), eip.Holder!, to!.Holder!, eip.Home != null && to.Home == null ? "failed back" : "its health check failed");
            }
        }
        catch (ChangeRefusedException e)
        {
            _log.EipNotMoved(eip.Name, e.Message);
            _seenVersion = -1;
            _retryAtMs = Environment.TickCount64 + RetryMs;
        }
    }
}
