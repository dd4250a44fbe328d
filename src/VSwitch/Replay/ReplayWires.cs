using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Faults;
using VSwitch.Devices.Pcap;
using VSwitch.Live;

namespace VSwitch.Replay;

/// <summary>Wires with faults in a replay: on the trace's clock, in the order of time and of ports, so that the same seed gives the same
/// bytes.</summary>
internal sealed class ReplayWires
{
    private readonly ReplayClock _clock;
    private readonly FaultyWire?[] _byPort;
    private readonly byte[] _frame = new byte[CaptureReader.MaxRecordBytes];

    /// <summary>Puts ports behind their wires.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="ports">The ports; those with a wire are replaced by it.</param>
    /// <param name="names">Their names.</param>
    /// <param name="clock">The clock.</param>
    public ReplayWires(SwitchConfig config, IPacketDevice?[] ports, string[] names, ReplayClock clock)
    {
        _clock = clock;
        _byPort = new FaultyWire?[ports.Length];
        for (int port = 0; port < ports.Length; port++)
        {
            if (ports[port] is IPacketDevice bare && Wires.Of(config, names[port]) is WireConfig wire)
            {
                _byPort[port] = Wires.Around(bare, wire, () => clock.NowNs);
                ports[port] = _byPort[port];
            }
        }
    }

    /// <summary>When the next delayed frame comes out, nanoseconds; <see cref="long.MaxValue"/> when none is on its way.</summary>
    public long NextDueNs
    {
        get
        {
            long due = long.MaxValue;
            foreach (FaultyWire? wire in _byPort)
            {
                due = Math.Min(due, wire?.NextDueNs ?? long.MaxValue);
            }

            return due;
        }
    }

    /// <summary>True when frames to the switch by that port go through a wire.</summary>
    public bool Has(int port) => _byPort[port] != null;

    /// <summary>Puts a frame in that comes to the switch.</summary>
    /// <returns>False when the wire lost it.</returns>
    public bool TryPutIn(int port, ReadOnlySpan<byte> frame)
    {
        FaultyWire wire = _byPort[port]!;
        LineCounts before = wire.InCounts;
        wire.PutIn(frame);
        LineCounts after = wire.InCounts;
        return after.Lost == before.Lost && after.Overflowed - before.Overflowed <= after.Duplicated - before.Duplicated;
    }

    /// <summary>Brings what is due to where it goes.</summary>
    /// <param name="feed">Takes a frame into the switch: port, bytes.</param>
    public void Deliver(ReplayFeed feed)
    {
        while (NextDueNs <= _clock.NowNs)
        {
            for (int port = 0; port < _byPort.Length; port++)
            {
                _byPort[port]?.Deliver();
                while (_byPort[port] is FaultyWire wire && wire.TryTakeIn(_frame, out int length))
                {
                    feed(port, _frame.AsSpan(0, length));
                }
            }
        }
    }

    /// <summary>What each wire did, by port name; null where there is no wire at all.</summary>
    public IReadOnlyDictionary<string, WireSummary>? Summary(string[] names)
    {
        var sums = new SortedDictionary<string, WireSummary>(StringComparer.Ordinal);
        for (int port = 0; port < _byPort.Length; port++)
        {
            if (_byPort[port] is FaultyWire wire)
            {
                sums[names[port]] = new WireSummary(wire.InCounts, wire.OutCounts);
            }
        }

        return sums.Count == 0 ? null : sums;
    }
}

/// <summary>Takes a frame into the switch.</summary>
internal delegate void ReplayFeed(int port, ReadOnlySpan<byte> frame);
