using System.Diagnostics;
using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Watching;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Pcap;
using VSwitch.Wire;

namespace VSwitch.Replay;

/// <summary>Feeds captures through the switch on the trace's own time: one frame at a time through the very workers of a switch
/// at work, on one thread, so that the same input gives the same bytes for any number of them (interface.md section 4).</summary>
internal sealed class ReplayRunner : IDisposable
{
    private const string AutoPort = "auto";
    private const long LongestStepNs = 5L * 86_400 * 1_000_000_000;
    private static readonly (ulong, ulong) FixedSecret = (0x5653_7769_7463_6852, 0x6570_6c61_7953_6563);
    private readonly ReplayOptions _options;
    private readonly SwitchConfig _config;
    private readonly ForwardingSnapshot _snapshot;
    private readonly SwitchShared _shared;
    private readonly WorkerSet _workers;
    private readonly ReplayClock _clock = new();
    private readonly ReplayDrops _drops;
    private readonly IPacketDevice?[] _ports;
    private readonly ReplayWires _wires;
    private readonly int[] _inputPorts;
    private readonly bool[] _hasEthernet;
    private readonly int[] _otherLinkTypes;
    private bool _started;

    /// <summary>Prepares a replay: opens the outputs.</summary>
    /// <exception cref="IOException">An output cannot be made.</exception>
    /// <exception cref="ArgumentException">An input names an unknown port.</exception>
    public ReplayRunner(SwitchConfig config, ReplayOptions options)
    {
        _config = config;
        _options = options;
        var numbers = new NumberDirectory();
        _snapshot = SnapshotCompiler.Compile(config, numbers);
        _hasEthernet = new bool[options.Inputs.Count];
        _otherLinkTypes = [.. options.Inputs.Select(_ => -1)];
        _inputPorts = [.. options.Inputs.Select(i => i.Port == AutoPort ? -1 : PortOf(i.Port))];
        Directory.CreateDirectory(options.OutputFolder);
        _drops = new ReplayDrops(new PcapngWriter(Path.Combine(options.OutputFolder, "drops.pcapng"), _snapshot.PortNames), _clock);
        _ports = [.. _snapshot.PortNames.Select((name, port) => Exists(port)
            ? new ReplayPort(name, new PcapWriter(Path.Combine(options.OutputFolder, FileName(name) + ".pcap")), _clock) : null)];
        _shared = new SwitchShared(
            _snapshot, new FlowBudget(config.Switch.ConnectionCapacity, leaseSize: 1, isExact: true), _snapshot.MeterEnd, FixedSecret);
        _wires = new ReplayWires(config, _ports, _snapshot.PortNames, _clock);
        _shared.Publish(_snapshot, _ports);
        var sizes = new WorkerOptions { SmallBuffers = 1024, LargeBuffers = 64, PortCapacity = _snapshot.PortCount };
        _workers = new WorkerSet(options.Workers, _shared, sizes, config.Switch.RssKey);
        _shared.Watch = WatchSet.Of((_drops, ReplayDrops.Match));
    }

    /// <summary>Runs to the end of the inputs.</summary>
    /// <exception cref="IOException">An input cannot be opened or an output not be written.</exception>
    public ReplaySummary Run(CancellationToken stop)
    {
        var summary = new ReplaySummary();
        using (var inputs = new ReplayInputs(_options.Inputs))
        {
            var pace = Stopwatch.StartNew();
            long firstNs = 0;
            while (!stop.IsCancellationRequested && inputs.TryReadNext(out ReplayFrame frame, out ReadOnlySpan<byte> bytes))
            {
                firstNs = summary.Read == 0 ? frame.TimestampNs : firstNs;
                Pace(pace, frame.TimestampNs - firstNs, stop);
                summary.Read++;
                MoveClock(frame.TimestampNs);
                Note(frame);
                Feed(_inputPorts[frame.Input], frame.LinkType, bytes);
            }

            summary.Errors.AddRange(inputs.Errors);
            summary.Errors.AddRange(RefusedInputs());
        }

        for (long dueNs = _wires.NextDueNs; dueNs != long.MaxValue; dueNs = _wires.NextDueNs)
        {
            MoveClock(dueNs);
        }

        _workers.DropHeld();
        Sum(summary);
        return summary;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IPacketDevice? port in _ports)
        {
            port?.Dispose();
        }

        _drops.Dispose();
        _workers.Dispose();
        _shared.Dispose();
    }

    private void Feed(int port, int linkType, ReadOnlySpan<byte> bytes)
    {
        port = port >= 0 ? port : OwnerOf(bytes, linkType);
        if (linkType != CaptureReader.LinkTypeEthernet)
        {
            Refuse(port, bytes, DropReason.UnsupportedLinkType);
        }
        else if (!_wires.Has(port))
        {
            Inject(port, bytes);
        }
        else if (_wires.TryPutIn(port, bytes))
        {
            _wires.Deliver(Inject);
        }
        else
        {
            Refuse(port, bytes, DropReason.WireLoss);
        }
    }

    private void Inject(int port, ReadOnlySpan<byte> bytes)
    {
        if (!_workers.InjectAndSettle(bytes, port, _clock.NowNs))
        {
            Refuse(port, bytes, DropReason.BufferExhausted);
        }
    }

    private void Note(in ReplayFrame frame)
    {
        if (frame.LinkType == CaptureReader.LinkTypeEthernet)
        {
            _hasEthernet[frame.Input] = true;
        }
        else
        {
            _otherLinkTypes[frame.Input] = frame.LinkType;
        }
    }

    /// <summary>An input without one Ethernet frame is a mistake of its user, not traffic.</summary>
    private IEnumerable<string> RefusedInputs()
    {
        for (int i = 0; i < _options.Inputs.Count; i++)
        {
            if (!_hasEthernet[i] && _otherLinkTypes[i] >= 0)
            {
                yield return $"{_options.Inputs[i].File}: link type {_otherLinkTypes[i]} is not Ethernet (1); no frame of it was replayed";
            }
        }
    }

    private void Refuse(int port, ReadOnlySpan<byte> bytes, DropReason reason)
    {
        _workers.Workers[0].Refuse(port, bytes, reason, _clock.NowNs);
        _drops.Write(port, bytes, reason);
    }

    /// <summary>The ENI that has the frame's source MAC, else the internet side.</summary>
    private int OwnerOf(ReadOnlySpan<byte> frame, int linkType) =>
        linkType != CaptureReader.LinkTypeEthernet || frame.Length < 12 ? 0
            : _snapshot.MacToPort.Lookup(Raw.Mac(MacAddress.Read(frame[6..])), 0);

    /// <summary>Time never runs backwards, and never so far at once that a timer could wrap.</summary>
    private void MoveClock(long timestampNs)
    {
        if (!_started)
        {
            _started = true;
            _clock.NowNs = timestampNs;
            return;
        }

        for (long dueNs = NextDueNs; dueNs <= timestampNs; dueNs = NextDueNs)
        {
            _clock.NowNs = Math.Max(_clock.NowNs, dueNs);
            _workers.SettleHeld(_clock.NowNs);
            _wires.Deliver(Inject);
        }

        while (timestampNs - _clock.NowNs > LongestStepNs)
        {
            _clock.NowNs += LongestStepNs;
            foreach (Worker worker in _workers.Workers)
            {
                worker.RunHandedOver(_clock.NowNs);
            }
        }

        _clock.NowNs = Math.Max(_clock.NowNs, timestampNs);
    }

    private long NextDueNs => Math.Min(_workers.HeldDeadlineNs, _wires.NextDueNs);

    private void Pace(Stopwatch clock, long traceNs, CancellationToken stop)
    {
        if (_options.Speed > 0)
        {
            double aheadMs = (traceNs / _options.Speed / 1e6) - clock.Elapsed.TotalMilliseconds;
            if (aheadMs >= 1)
            {
                stop.WaitHandle.WaitOne((int)Math.Min(aheadMs, int.MaxValue));
            }
        }
    }

    private void Sum(ReplaySummary summary)
    {
        for (int port = 0; port < _snapshot.PortCount; port++)
        {
            PortCounters c = _workers.Sum(port);
            if (!Exists(port) && c.ReceivedPackets == 0)
            {
                continue;
            }

            summary.Forwarded += c.Forwarded;
            summary.Answered += c.Answered;
            summary.Consumed += c.Consumed;
            summary.Dropped += c.Dropped;
            summary.Generated += c.Generated;
            summary.Ports[_snapshot.PortNames[port]] = new PortSummary(
                c.ReceivedPackets, c.ReceivedBytes, c.SentPackets, c.SentBytes, c.Forwarded, c.Answered, c.Consumed, c.Dropped,
                c.Generated);
            foreach (DropReason reason in DropReasons.All)
            {
                long count = _workers.SumDrops(port, reason);
                if (count > 0)
                {
                    summary.Drops[reason.Name()] = summary.Drops.GetValueOrDefault(reason.Name()) + count;
                }
            }
        }

        summary.Wires = _wires.Summary(_snapshot.PortNames);
        summary.Flows = new FlowSummary(
            _workers.Workers.Sum(w => w.Counters.FlowsCreated), _workers.Workers.Sum(w => w.Counters.FlowsRemoved),
            _workers.Workers.Sum(w => w.Counters.FlowsEvicted),
            _workers.ConnectionCount);
    }

    private int PortOf(string name)
    {
        int port = Array.IndexOf(_snapshot.PortNames, name);
        bool known = port == 0 ? _config.Internet != null : port > 0;
        return known ? port
            : throw new ArgumentException($"there is no port '{name}'; ports are {string.Join(", ", _snapshot.PortNames)}, or auto");
    }

    private unsafe bool Exists(int port) => (_snapshot.Enis[port].Flags & EniFlags.Exists) != 0;

    private static string FileName(string port) => string.Concat(port.Select(c => c is '/' or '\\' or '\0' ? '_' : c));
}
