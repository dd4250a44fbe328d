using System.Security.Cryptography;
using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Faults;
using VSwitch.Devices.Linux;
using VSwitch.Watching;

namespace VSwitch.Live;

/// <summary>A switch at work: its devices, workers and threads, made of a configuration; takes a changed one without losing a
/// packet of what stays.</summary>
internal sealed class SwitchHost : IDisposable
{
    private const int SparePorts = 1024;
    private const int SpareEips = 16384;
    private const int LargestLease = 256;
    private readonly RestingNumbers _resting;
    private readonly Dictionary<string, (DeviceConfig Config, IPacketDevice Device)> _open = new(StringComparer.Ordinal);
    private readonly SwitchShared _shared;
    private readonly WorkerThread[] _threads;
    private readonly PollWaiter[] _waiters;
    private readonly FlowLogService _flowLogs;
    private readonly QueueChanges _queues = new();
    private readonly int _portCapacity;
    private readonly int _processors;
    private NumberDirectory _numbers = new();
    private PolicyInForce _inForce;
    private volatile bool _stopped;

    /// <summary>Opens the devices and starts the workers.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="workers">Worker threads; null = as configured, else one a processor.</param>
    /// <param name="time">Says how long numbers have rested; null = the system's.</param>
    /// <param name="ownsProcess">True for <c>vswitch run</c>: the process's other threads keep off the workers' processors.</param>
    /// <param name="say">Gets what goes wrong with flow logs, a line each, from their thread; null = standard error.</param>
    /// <exception cref="DeviceException">A device cannot be opened; nothing stays open.</exception>
    public SwitchHost(SwitchConfig config, int? workers, TimeProvider? time = null, bool ownsProcess = false, Action<string>? say = null)
    {
        _resting = new RestingNumbers(time ?? TimeProvider.System);
        int[] cpus = CpuAffinity.Allowed();
        _processors = cpus.Length;
        WorkerCount = workers ?? config.Switch.Workers ?? _processors;
        Placement = new WorkerPlacement(WorkerCount, cpus);
        StartedAt = (time ?? TimeProvider.System).GetUtcNow().UtcDateTime;
        _portCapacity = config.Enis.Count + (2 * config.Gateways.Count) + 1 + SparePorts;
        try
        {
            OpenDevices(config);
            _inForce = new PolicyInForce(config, SnapshotCompiler.Compile(config, _numbers, MtuOf), OpenDevicesByName());
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
            Eip.OutMeterOf(_numbers.EipCount + SpareEips), (BitConverter.ToUInt64(secret), BitConverter.ToUInt64(secret[8..])));
        _shared.Publish(Snapshot, DevicesByPort());
        var sizes = new WorkerOptions { PortCapacity = _portCapacity };
        Workers = new WorkerSet(WorkerCount, _shared, sizes, config.Switch.RssKey, config.Switch.RssIndirection);
        _threads = new WorkerThread[WorkerCount];
        _waiters = [.. Enumerable.Range(0, WorkerCount).Select(w => new PollWaiter(HandlesOf(_open.Values.Select(o => o.Device), w)))];
        for (int i = 0; i < WorkerCount; i++)
        {
            int? cpu = Placement.ProcessorOf(i);
            _threads[i] = new WorkerThread(Workers.Workers[i], _threads, _waiters[i], cpu is int own ? () => CpuAffinity.Pin(own) : null);
        }

        _flowLogs = new FlowLogService(Workers, Post, config, Snapshot, time ?? TimeProvider.System, say);
        if (ownsProcess)
        {
            Placement.KeepOthersOff();
        }

        Watch = new WatchControl(_shared, () => Snapshot, WaitForRound);
        foreach (WorkerThread thread in _threads)
        {
            thread.Start();
        }

        Mirrors = new MirrorSet(this);
        Mirrors.Use(config.Mirrors);
    }

    /// <summary>No worker keeps so much of a small capacity that another one goes without.</summary>
    private int LeaseOf(SwitchConfig config) =>
        Math.Clamp(config.Switch.ConnectionCapacity / (4 * WorkerCount), 1, LargestLease);

    /// <summary>Worker threads.</summary>
    public int WorkerCount { get; }

    /// <summary>Where they run.</summary>
    public WorkerPlacement Placement { get; }

    /// <summary>The workers, for their counters.</summary>
    public WorkerSet Workers { get; }

    /// <summary>Who looks at packets.</summary>
    public WatchControl Watch { get; }

    /// <summary>The mirrors at work.</summary>
    public MirrorSet Mirrors { get; }

    /// <summary>How often EIPs have moved.</summary>
    public EipMoves Moves { get; } = new();

    /// <summary>Ports that can ever exist.</summary>
    public int PortCapacity => _portCapacity;

    /// <summary>When it started.</summary>
    public DateTime StartedAt { get; }

    /// <summary>The configuration and the snapshot in force, one reference: who reads both reads it once.</summary>
    public PolicyInForce InForce => Volatile.Read(ref _inForce);

    /// <summary>The configuration in force.</summary>
    public SwitchConfig Config => InForce.Config;

    /// <summary>The snapshot in force.</summary>
    public ForwardingSnapshot Snapshot => InForce.Snapshot;

    /// <summary>How the flow logs fare.</summary>
    public IReadOnlyList<FlowLogStatus> FlowLogs => _flowLogs.Status;

    /// <summary>The error that ended a worker; null while all are well.</summary>
    public Exception? Failure => _threads.Select(t => t.Failure).FirstOrDefault(f => f != null);

    /// <summary>Open devices by port name.</summary>
    public IEnumerable<(string Port, IPacketDevice Device)> Devices => InForce.Devices.Select(o => (o.Key, o.Value));

    /// <summary>Raised at the end of each change, when no worker uses what was in force before; a handler is quick and does not throw.
    /// </summary>
    public event Action<PolicyInForce, PolicyInForce>? Committed;

    /// <summary>Puts a changed configuration in force: <see cref="Prepare"/> and <see cref="Commit"/>.</summary>
    /// <exception cref="DeviceException">As <see cref="Prepare"/>.</exception>
    /// <exception cref="IOException">As <see cref="Prepare"/>.</exception>
    /// <exception cref="InvalidOperationException">As <see cref="Prepare"/>.</exception>
    public void Apply(SwitchConfig config)
    {
        using PreparedChange change = Prepare(config);
        Commit(change);
    }

    /// <summary>Does all of a change that may fail, and none that a packet sees: checks, compiles, opens new devices. Devices that
    /// stay as they were stay open. One change at a time: prepared, then committed or disposed.</summary>
    /// <exception cref="DeviceException">A new device cannot be opened.</exception>
    /// <exception cref="IOException">A capture file of a new device cannot be opened.</exception>
    /// <exception cref="InvalidOperationException">It needs more ports or EIPs than the switch was started for, or changes what
    /// cannot change while it runs.</exception>
    public PreparedChange Prepare(SwitchConfig config)
    {
        PreparedChange change = Rehearse(config);
        try
        {
            OpenAdded(change);
            if (change.Added.Count > 0)
            {
                // Once more, now that the MTUs of the new devices are known.
                change.Snapshot = SnapshotCompiler.Compile(config, change.Numbers, port =>
                    change.Added.TryGetValue(port, out IPacketDevice? device) ? MtuOf(device) : MtuOf(port));
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

    /// <summary>The part of <see cref="Prepare"/> that touches nothing outside this process: checks and compiles, and leaves new devices
    /// closed, so that their MTU is the usual one. The result is for looking at, not for <see cref="Commit"/>.</summary>
    /// <exception cref="InvalidOperationException">As <see cref="Prepare"/>.</exception>
    public PreparedChange Rehearse(SwitchConfig config)
    {
        RequireUnchangedSettings(config.Switch);
        Dictionary<string, DeviceConfig> wanted = config.PortDevices().ToDictionary(w => w.Port, w => w.Device, StringComparer.Ordinal);
        RequireUnchangedDevices(wanted);
        QueueChanges.Require(config, _open.Where(o => wanted.ContainsKey(o.Key)).Select(o => (o.Key, o.Value.Device)), WorkerCount);
        NumberDirectory numbers = _numbers.Copy();
        IReadOnlyList<int> freeEips = _resting.Release(numbers, number => _shared.Balancing?.Backends.LiveOf(number) > 0);
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(config, numbers, MtuOf);
        RequireCapacity(snapshot);
        return new PreparedChange(config, numbers, freeEips, wanted) { Snapshot = snapshot };
    }

    /// <summary>Puts what was prepared in force; cannot fail.</summary>
    public void Commit(PreparedChange change)
    {
        PolicyInForce before = InForce;
        List<IPacketDevice> removed = Exchange(change.Wanted, change.Added);
        List<IPacketDevice> bare = PutBehindWires(change);
        RebaseCounters(change);
        foreach (int eip in change.FreeEips)
        {
            _shared.Buckets.Clear(Eip.OutMeterOf(eip));
            _shared.Buckets.Clear(Eip.InMeterOf(eip));
        }

        _resting.Commit(Config, change.Config);
        _flowLogs.Use(change.Config, change.Snapshot);
        _numbers = change.Numbers;
        Volatile.Write(ref _inForce, new PolicyInForce(change.Config, change.Snapshot, OpenDevicesByName()));
        _shared.Publish(Snapshot, DevicesByPort());
        for (int i = 0; i < WorkerCount; i++)
        {
            foreach (int handle in HandlesOf(change.Added.Values.Concat(change.Wired.Values), i))
            {
                _waiters[i].Add(handle);
            }

            foreach (int handle in HandlesOf(removed.Concat(bare), i).Except(HandlesOf(change.Wired.Values, i)))
            {
                _waiters[i].Remove(handle);
            }
        }

        change.MarkCommitted();
        Mirrors.Use(change.Config.Mirrors);
        Watch.Refresh();
        WaitForRound();
        Moves.Note(before.Config, change.Config);
        _queues.Use(change.Config, Devices, WorkerCount);
        _queues.Forget(removed);
        removed.ForEach(d => d.Dispose());
        Committed?.Invoke(before, InForce);
    }

    /// <summary>Hands an errand to a worker, which carries it out between two bursts.</summary>
    public void Post(int worker, IWorkerErrand errand) => _threads[worker].Post(errand);

    /// <summary>Says whether an errand that was posted can still be carried out.</summary>
    /// <exception cref="WorkerUnavailableException">The worker has failed, or the switch stops.</exception>
    public void RequireAtWork(int worker)
    {
        if (_threads[worker].Failure is Exception failure)
        {
            throw new WorkerUnavailableException($"worker {worker} has failed: {failure.Message}");
        }

        if (_stopped)
        {
            throw new WorkerUnavailableException("the switch is stopping");
        }
    }

    /// <summary>Ends the workers and closes the devices, which removes what they made.</summary>
    public void Dispose()
    {
        if (_stopped)
        {
            return;
        }

        Mirrors.Dispose();
        _queues.Dispose();
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

    private void OpenDevices(SwitchConfig config)
    {
        foreach ((string port, DeviceConfig device) in config.PortDevices())
        {
            _open[port] = (device, DeviceFactory.Open(device, WorkerCount, PortQueues.Of(config, port, WorkerCount), Wires.Of(config, port)));
        }
    }

    /// <summary>Threads, tables and steering are made once.</summary>
    private void RequireUnchangedSettings(SwitchSettings asked)
    {
        SwitchSettings now = Config.Switch;
        var refused = new List<string>();
        int workers = asked.Workers ?? _processors;
        if (asked.Workers != now.Workers && workers != WorkerCount)
        {
            refused.Add($"switch.workers from {WorkerCount} to {workers}");
        }

        if (asked.ConnectionCapacity != now.ConnectionCapacity)
        {
            refused.Add($"switch.connections.capacity from {now.ConnectionCapacity} to {asked.ConnectionCapacity}");
        }

        if (!asked.RssKey.AsSpan().SequenceEqual(now.RssKey))
        {
            refused.Add("switch.rss.key");
        }

        if (!(asked.RssIndirection ?? []).SequenceEqual(now.RssIndirection ?? []))
        {
            // Another worker would own connections that live in this one's table.
            refused.Add("switch.rss.indirection");
        }

        if (refused.Count > 0)
        {
            throw new InvalidOperationException($"{string.Join(" and ", refused)} cannot change while the switch runs: restart it with the new configuration");
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
                throw new InvalidOperationException($"the device of port '{port}' cannot change while it runs: remove the port, apply, and add it again");
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

        if (snapshot.MeterEnd > _shared.Buckets.Capacity)
        {
            throw new InvalidOperationException(
                $"the switch was started for {NumbersOf(_shared.Buckets.Capacity)} EIPs and the change needs {NumbersOf(snapshot.MeterEnd)}, those that " +
                "it removes included: apply the removals first, or restart it");
        }

        static int NumbersOf(int meters) => (meters / 2) - 1;
    }

    /// <summary>What was opened before one that cannot be is closed with the change.</summary>
    private void OpenAdded(PreparedChange change)
    {
        foreach ((string port, DeviceConfig device) in change.Wanted.Where(w => !_open.ContainsKey(w.Key)))
        {
            change.Added.Add(port, DeviceFactory.Open(
                device, WorkerCount, PortQueues.Of(change.Config, port, WorkerCount), Wires.Of(change.Config, port)));
        }

        foreach ((string port, IPacketDevice device) in Wires.Bare(change.Config, change.Wanted.Keys.Where(_open.ContainsKey), p => _open[p].Device))
        {
            change.Wired.Add(port, Wires.Around(device, Wires.Of(change.Config, port)!));
        }
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

    /// <summary>Ports that get a wire keep their device behind it. Cannot fail. Returns the devices that are asked by way of their wire from
    /// now on.</summary>
    private List<IPacketDevice> PutBehindWires(PreparedChange change)
    {
        var bare = new List<IPacketDevice>();
        foreach ((string port, FaultyWire wire) in change.Wired)
        {
            bare.Add(_open[port].Device);
            _open[port] = (_open[port].Config, wire);
        }

        Wires.Use(change.Config, _open.Select(o => (o.Key, o.Value.Device)));
        return bare;
    }

    /// <summary>A port or EIP that is new begins to count at 0, whoever had its number.</summary>
    private void RebaseCounters(PreparedChange change)
    {
        ForwardingSnapshot snapshot = change.Snapshot;
        foreach (EniConfig eni in change.Config.Enis)
        {
            if (change.Numbers.PortSince(eni.Name) > Snapshot.Version)
            {
                Workers.Rebase(change.Numbers.PortOf(eni.Name));
            }
        }

        for (int i = 1; i < snapshot.EipCount; i++)
        {
            Eip eip = snapshot.EipAt(i);
            if (eip.Since > Snapshot.Version)
            {
                Workers.Eips.Rebase(eip.Number);
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
    /// <returns>False when the workers are being ended meanwhile.</returns>
    private bool WaitForRound()
    {
        long[] before = [.. _threads.Select(t => t.Rounds)];
        for (int i = 0; i < _threads.Length; i++)
        {
            // An idle worker sleeps again after the round that it was woken for.
            var spin = default(SpinWait);
            while (_threads[i].Rounds <= before[i] + 1 && _threads[i].Failure == null && !_stopped)
            {
                _threads[i].WakeIfAsleep();
                spin.SpinOnce(sleep1Threshold: -1);
            }
        }

        return !_stopped;
    }

    private Dictionary<string, IPacketDevice> OpenDevicesByName() =>
        _open.ToDictionary(o => o.Key, o => o.Value.Device, StringComparer.Ordinal);

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
