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
    private const int LargestLease = 256;
    private readonly RestingNumbers _resting;
    private readonly Dictionary<string, (DeviceConfig Config, IPacketDevice Device)> _open = new(StringComparer.Ordinal);
    private readonly SwitchShared _shared;
    private readonly WorkerThread[] _threads;
    private readonly PollWaiter[] _waiters;
    private readonly FlowLogService _flowLogs;
    private readonly int _portCapacity;
    private NumberDirectory _numbers = new();
    private bool _stopped;

    /// <summary>Opens the devices and starts the workers.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="workers">Worker threads; null = as configured, else one a processor.</param>
    /// <param name="time">Says how long numbers have rested; null = the system's.</param>
    /// <exception cref="DeviceException">A device cannot be opened; nothing stays open.</exception>
    public SwitchHost(SwitchConfig config, int? workers, TimeProvider? time = null)
    {
        _resting = new RestingNumbers(time ?? TimeProvider.System);
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
            Snapshot, new FlowBudget(config.Switch.ConnectionCapacity, LeaseOf(config)),
            _numbers.BucketCount + SpareBuckets, (BitConverter.ToUInt64(secret), BitConverter.ToUInt64(secret[8..])));
        _shared.Publish(Snapshot, DevicesByPort());
        var sizes = new WorkerOptions { PortCapacity = _portCapacity };
        Workers = new WorkerSet(WorkerCount, _shared, sizes, config.Switch.RssKey, drops: null);
        _threads = new WorkerThread[WorkerCount];
        _waiters = [.. Enumerable.Range(0, WorkerCount).Select(w => new PollWaiter(HandlesOf(_open.Values.Select(o => o.Device), w)))];
        for (int i = 0; i < WorkerCount; i++)
        {
            int cpu = cpus[i % cpus.Length];
            _threads[i] = new WorkerThread(
                Workers.Workers[i], _threads, _waiters[i], IsRoomy(cpus.Length) ? () => CpuAffinity.Pin(cpu) : null);
        }

        _flowLogs = new FlowLogService(Workers, Post, config, Snapshot, time ?? TimeProvider.System);
        foreach (WorkerThread thread in _threads)
        {
            thread.Start();
        }
    }

    /// <summary>No worker keeps so much of a small capacity that another one goes without.</summary>
    private int LeaseOf(SwitchConfig config) =>
        Math.Clamp(config.Switch.ConnectionCapacity / (4 * WorkerCount), 1, LargestLease);

    /// <summary>Worker threads.</summary>
    public int WorkerCount { get; }

    /// <summary>The workers, for their counters.</summary>
    public WorkerSet Workers { get; }

    /// <summary>The configuration in force.</summary>
    public SwitchConfig Config { get; private set; }

    /// <summary>The snapshot in force.</summary>
    public ForwardingSnapshot Snapshot { get; private set; }

    /// <summary>How the flow logs fare.</summary>
    public IReadOnlyList<FlowLogStatus> FlowLogs => _flowLogs.Status;

    /// <summary>The error that ended a worker; null while all are well.</summary>
    public Exception? Failure => _threads.Select(t => t.Failure).FirstOrDefault(f => f != null);

    /// <summary>Open devices by port name.</summary>
    public IEnumerable<(string Port, IPacketDevice Device)> Devices => _open.Select(o => (o.Key, o.Value.Device));

    /// <summary>Puts a changed configuration in force: <see cref="Prepare"/> and <see cref="Commit"/>.</summary>
    /// <exception cref="DeviceException">A new device cannot be opened, or one would have to change.</exception>
    /// <exception cref="InvalidOperationException">It needs more ports or rate limits than the switch was started for.</exception>
    public void Apply(SwitchConfig config)
    {
        using PreparedChange change = Prepare(config);
        Commit(change);
    }

    /// <summary>Does all of a change that may fail, and none that a packet sees: checks, compiles, opens new devices. Devices that
    /// stay as they were stay open. One change at a time: prepared, then committed or disposed.</summary>
    /// <exception cref="DeviceException">A new device cannot be opened, or one would have to change.</exception>
    /// <exception cref="InvalidOperationException">It needs more ports or rate limits than the switch was started for.</exception>
    public PreparedChange Prepare(SwitchConfig config)
    {
        Dictionary<string, DeviceConfig> wanted = Wanted(config).ToDictionary(w => w.Port, w => w.Device, StringComparer.Ordinal);
        RequireUnchangedDevices(wanted);
        NumberDirectory numbers = _numbers.Copy();
        IReadOnlyList<int> freeBuckets = _resting.Release(numbers);
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(config, numbers, MtuOf);
        RequireCapacity(snapshot);

        Dictionary<string, IPacketDevice> added = OpenAdded(wanted);
        var change = new PreparedChange(config, numbers, freeBuckets, wanted, added) { Snapshot = snapshot };
        try
        {
            if (added.Count > 0)
            {
                // Once more, now that the MTUs of the new devices are known.
                change.Snapshot = SnapshotCompiler.Compile(config, numbers, port =>
                    added.TryGetValue(port, out IPacketDevice? device) ? MtuOf(device) : MtuOf(port));
                RequireCapacity(change.Snapshot);
            }

            return change;
        }
        catch
        {
            change.Dispose();
            throw;
        }
    }

    /// <summary>Puts what was prepared in force; cannot fail.</summary>
    public void Commit(PreparedChange change)
    {
        List<IPacketDevice> removed = Exchange(change.Wanted, change.Added);
        RebaseCounters(change.Snapshot);
        foreach (int bucket in change.FreeBuckets)
        {
            _shared.Buckets.Clear(bucket);
        }

        _resting.Commit(Config, change.Config);
        (_numbers, Config, Snapshot) = (change.Numbers, change.Config, change.Snapshot);
        _flowLogs.Use(Config, Snapshot);
        _shared.Publish(Snapshot, DevicesByPort());
        for (int i = 0; i < WorkerCount; i++)
        {
            foreach (int handle in HandlesOf(change.Added.Values, i))
            {
                _waiters[i].Add(handle);
            }

            foreach (int handle in HandlesOf(removed, i))
            {
                _waiters[i].Remove(handle);
            }
        }

        change.MarkCommitted();
        WaitForRound();
        removed.ForEach(d => d.Dispose());
    }

    /// <summary>Hands an errand to a worker, which carries it out between two bursts.</summary>
    public void Post(int worker, IWorkerErrand errand) => _threads[worker].Post(errand);

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
        _flowLogs.Dispose();
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

    private void RequireUnchangedDevices(Dictionary<string, DeviceConfig> wanted)
    {
        foreach ((string port, DeviceConfig device) in wanted)
        {
            bool changes = _open.TryGetValue(port, out (DeviceConfig Config, IPacketDevice) old) &&
                old.Config with { Position = default } != device with { Position = default };
            if (changes)
            {
                throw new DeviceException($"the device of port '{port}' cannot change while it runs: remove the port, apply, and add it again");
            }
        }
    }

    private void RequireCapacity(ForwardingSnapshot snapshot)
    {
        if (snapshot.PortCount > _portCapacity)
        {
            throw new InvalidOperationException(
                $"the switch was started for {_portCapacity} ports and the change needs {snapshot.PortCount}, those that it removes included: " +
                "apply the removals first, or restart it");
        }

        int buckets = snapshot.BucketRates.Select(rate => rate.Bucket + 1).DefaultIfEmpty(0).Max();
        if (buckets > _shared.Buckets.Capacity)
        {
            throw new InvalidOperationException(
                $"the switch was started for {_shared.Buckets.Capacity} EIP rate limits and the change needs {buckets}, those that it removes " +
                "included: apply the removals first, or restart it");
        }
    }

    private Dictionary<string, IPacketDevice> OpenAdded(Dictionary<string, DeviceConfig> wanted)
    {
        var added = new Dictionary<string, IPacketDevice>(StringComparer.Ordinal);
        try
        {
            foreach ((string port, DeviceConfig device) in wanted.Where(w => !_open.ContainsKey(w.Key)))
            {
                added.Add(port, DeviceFactory.Open(device, WorkerCount));
            }
        }
        catch
        {
            DisposeAll(added.Values);
            throw;
        }

        return added;
    }

    /// <summary>Cannot fail. Returns the devices that are wanted no longer.</summary>
    private List<IPacketDevice> Exchange(Dictionary<string, DeviceConfig> wanted, Dictionary<string, IPacketDevice> added)
    {
        foreach ((string port, IPacketDevice device) in added)
        {
            _open[port] = (wanted[port], device);
        }

        var removed = new List<IPacketDevice>();
        foreach (string port in _open.Keys.Where(p => !wanted.ContainsKey(p)).ToList())
        {
            removed.Add(_open[port].Device);
            _open.Remove(port);
        }

        return removed;
    }

    /// <summary>A port that is new begins to count at 0, whoever had its number.</summary>
    private void RebaseCounters(ForwardingSnapshot snapshot)
    {
        for (int port = 1; port < snapshot.PortCount; port++)
        {
            if (snapshot.PortSince(port) > Snapshot.Version)
            {
                Workers.Rebase(port);
            }
        }
    }

    private static void DisposeAll(IEnumerable<IPacketDevice> devices)
    {
        foreach (IPacketDevice device in devices)
        {
            device.Dispose();
        }
    }

    /// <summary>Waits until every worker has begun a round since now: none uses the old devices any more.</summary>
    /// <summary>Workers have processors of their own only where enough are left for the guests: a worker that may not move waits for
    /// a guest that fills its processor while the other one idles (bench/README.md).</summary>
    private bool IsRoomy(int cpus) => cpus > 2 * WorkerCount;

    private void WaitForRound()
    {
        long[] before = [.. _threads.Select(t => t.Rounds)];
        for (int i = 0; i < _threads.Length; i++)
        {
            // An idle worker sleeps again after the round that it was woken for.
            var spin = default(SpinWait);
            while (_threads[i].Rounds <= before[i] + 1 && _threads[i].Failure == null)
            {
                _threads[i].WakeIfAsleep();
                spin.SpinOnce(sleep1Threshold: -1);
            }
        }
    }

    private int? MtuOf(string port) =>
        _open.TryGetValue(port, out (DeviceConfig, IPacketDevice Device) o) ? MtuOf(o.Device) : null;

    private static int? MtuOf(IPacketDevice device) => Math.Min(device.Capabilities.MtuBytes, ushort.MaxValue);

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
        DisposeAll(_open.Values.Select(o => o.Device));
    }
}
