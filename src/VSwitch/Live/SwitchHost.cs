using System.Security.Cryptography;
using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Linux;

namespace VSwitch.Live;

/// <summary>A switch at work: its devices, workers and threads, made of a configuration; takes a changed one without losing a
/// packet of what stays.</summary>
internal sealed class SwitchHost : IDisposable
{
    private const int SparePorts = 1024;
    private const int SpareBuckets = 4096;
    private const int LeaseSize = 256;
    private readonly NumberDirectory _numbers = new();
    private readonly Dictionary<string, (DeviceConfig Config, IPacketDevice Device)> _open = new(StringComparer.Ordinal);
    private readonly SwitchShared _shared;
    private readonly WorkerThread[] _threads;
    private readonly PollWaiter[] _waiters;
    private readonly int _portCapacity;
    private bool _stopped;

    /// <summary>Opens the devices and starts the workers.</summary>
    /// <exception cref="DeviceException">A device cannot be opened; nothing stays open.</exception>
    public SwitchHost(SwitchConfig config, int? workers)
    {
        int[] cpus = CpuAffinity.Allowed();
        WorkerCount = workers ?? config.Switch.Workers ?? cpus.Length;
        Config = config;
        _portCapacity = config.Enis.Count + 1 + SparePorts;
        try
        {
            OpenDevices(config);
            Snapshot = SnapshotCompiler.Compile(config, _numbers, MtuOf);
        }
        catch
        {
            CloseDevices();
            throw;
        }

        Span<byte> secret = stackalloc byte[16];
        RandomNumberGenerator.Fill(secret);
        _shared = new SwitchShared(
            Snapshot, new FlowBudget(config.Switch.ConnectionCapacity, Math.Min(LeaseSize, Math.Max(1, config.Switch.ConnectionCapacity / (4 * WorkerCount)))),
            _numbers.BucketCount + SpareBuckets, (BitConverter.ToUInt64(secret), BitConverter.ToUInt64(secret[8..])));
        _shared.Publish(Snapshot, DevicesByPort());
        var sizes = new WorkerOptions { PortCapacity = _portCapacity };
        Workers = new WorkerSet(WorkerCount, _shared, sizes, config.Switch.RssKey, drops: null);
        _threads = new WorkerThread[WorkerCount];
        _waiters = [.. Enumerable.Range(0, WorkerCount).Select(w => new PollWaiter(HandlesOf(_open.Values.Select(o => o.Device), w)))];
        for (int i = 0; i < WorkerCount; i++)
        {
            int cpu = cpus[i % cpus.Length];
            _threads[i] = new WorkerThread(Workers.Workers[i], _threads, _waiters[i], () => CpuAffinity.Pin(cpu));
        }

        foreach (WorkerThread thread in _threads)
        {
            thread.Start();
        }
    }

    /// <summary>Worker threads.</summary>
    public int WorkerCount { get; }

    /// <summary>The workers, for their counters.</summary>
    public WorkerSet Workers { get; }

    /// <summary>The configuration in force.</summary>
    public SwitchConfig Config { get; private set; }

    /// <summary>The snapshot in force.</summary>
    public ForwardingSnapshot Snapshot { get; private set; }

    /// <summary>The error that ended a worker; null while all are well.</summary>
    public Exception? Failure => _threads.Select(t => t.Failure).FirstOrDefault(f => f != null);

    /// <summary>Open devices by port name.</summary>
    public IEnumerable<(string Port, IPacketDevice Device)> Devices => _open.Select(o => (o.Key, o.Value.Device));

    /// <summary>Puts a changed configuration in force. Devices that stay as they were stay open; when a new one cannot be opened,
    /// nothing changes.</summary>
    /// <exception cref="DeviceException">A new device cannot be opened.</exception>
    public void Apply(SwitchConfig config)
    {
        var added = new List<string>();
        List<IPacketDevice> removed;
        try
        {
            removed = Exchange(config, added);
        }
        catch
        {
            foreach (string port in added)
            {
                _open[port].Device.Dispose();
                _open.Remove(port);
            }

            throw;
        }

        Config = config;
        Snapshot = SnapshotCompiler.Compile(config, _numbers, MtuOf);
        if (Snapshot.PortCount > _portCapacity)
        {
            throw new InvalidOperationException($"the switch was started for {_portCapacity} ports; restart it for more");
        }

        _shared.Publish(Snapshot, DevicesByPort());
        for (int i = 0; i < WorkerCount; i++)
        {
            foreach (int handle in HandlesOf(added.Select(p => _open[p].Device), i))
            {
                _waiters[i].Add(handle);
            }

            foreach (int handle in HandlesOf(removed, i))
            {
                _waiters[i].Remove(handle);
            }
        }

        WaitForRound();
        removed.ForEach(d => d.Dispose());
    }

    /// <summary>Ends the workers and closes the devices, which removes what they made.</summary>
    public void Dispose()
    {
        if (_stopped)
        {
            return;
        }

        _stopped = true;
        foreach (WorkerThread thread in _threads)
        {
            thread.Stop();
        }

        Workers.DropHeld();
        CloseDevices();
        foreach (PollWaiter waiter in _waiters)
        {
            waiter.Dispose();
        }
    }

    /// <summary>Frees the tables; counters cannot be read after it.</summary>
    public void Free()
    {
        Dispose();
        Workers.Dispose();
        _shared.Dispose();
    }

    private static IEnumerable<(string Port, DeviceConfig Device)> Wanted(SwitchConfig config) =>
        config.Enis.Select(e => (e.Name, e.Device)).Append(("internet", config.Internet?.Device))
            .Where(d => d.Device != null).Select(d => (d.Item1, d.Device!));

    private void OpenDevices(SwitchConfig config)
    {
        foreach ((string port, DeviceConfig device) in Wanted(config))
        {
            _open[port] = (device, DeviceFactory.Open(device, WorkerCount));
        }
    }

    private List<IPacketDevice> Exchange(SwitchConfig config, List<string> added)
    {
        var wanted = Wanted(config).ToDictionary(w => w.Port, w => w.Device, StringComparer.Ordinal);
        foreach ((string port, DeviceConfig device) in wanted)
        {
            bool stays = _open.TryGetValue(port, out (DeviceConfig Config, IPacketDevice) old) &&
                old.Config with { Position = default } == device with { Position = default };
            if (!stays && !_open.ContainsKey(port))
            {
                _open[port] = (device, DeviceFactory.Open(device, WorkerCount));
                added.Add(port);
            }
            else if (!stays)
            {
                throw new DeviceException($"the device of port '{port}' cannot change while it runs: remove the port, apply, and add it again");
            }
        }

        var removed = new List<IPacketDevice>();
        foreach (string port in _open.Keys.Where(p => !wanted.ContainsKey(p)).ToList())
        {
            removed.Add(_open[port].Device);
            _open.Remove(port);
        }

        return removed;
    }

    /// <summary>Waits until every worker has begun a round since now: none uses the old devices any more.</summary>
    private void WaitForRound()
    {
        long[] before = [.. _threads.Select(t => t.Rounds)];
        for (int i = 0; i < _threads.Length; i++)
        {
            _waiters[i].Wake();
            SpinWait.SpinUntil(() => _threads[i].Rounds > before[i] + 1 || _threads[i].Failure != null);
        }
    }

    private int? MtuOf(string port) => _open.TryGetValue(port, out (DeviceConfig, IPacketDevice Device) o)
        ? Math.Min(o.Device.Capabilities.MtuBytes, ushort.MaxValue) : null;

    private IPacketDevice?[] DevicesByPort()
    {
        var devices = new IPacketDevice?[_numbers.PortCount];
        foreach ((string port, (_, IPacketDevice device)) in _open)
        {
            devices[port == "internet" ? 0 : _numbers.PortOf(port)] = device;
        }

        return devices;
    }

    private IEnumerable<int> HandlesOf(IEnumerable<IPacketDevice> devices, int worker) => devices.SelectMany(d =>
        Enumerable.Range(0, d.Capabilities.QueueCount).Where(q => q % WorkerCount == worker).Select(d.PollHandle));

    private void CloseDevices()
    {
        foreach ((_, IPacketDevice device) in _open.Values)
        {
            device.Dispose();
        }
    }
}
