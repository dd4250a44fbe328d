using System.Runtime.InteropServices;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Filters;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Watching;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Pcap;
using VSwitch.Live;

namespace VSwitch.Watching;

/// <summary>What is to be captured.</summary>
/// <param name="Filter">Which packets.</param>
/// <param name="SnapBytes">Bytes of a frame to keep at most.</param>
/// <param name="Count">Packets after which it ends; null = it does not.</param>
internal sealed record CaptureRequest(PacketFilter Filter, int SnapBytes = CaptureReader.MaxRecordBytes, long? Count = null);

/// <summary>A capture of a running switch: takes packets down and writes them as pcapng, whoever reads that. One thread at a time; it
/// never waits.</summary>
internal sealed unsafe class CaptureSession : IDisposable
{
    private readonly SwitchHost _host;
    private readonly PacketTap _tap;
    private readonly CaptureRequest _request;
    private readonly SightingWords _words;
    private readonly long _wallOffsetNs;
    private readonly Dictionary<int, (string Name, int Interface)> _interfaces = [];
    private long _captured;
    private bool _isStopped;
    private bool _isFree;

    private CaptureSession(SwitchHost host, CaptureRequest request, PacketTap tap)
    {
        _host = host;
        _request = request;
        _tap = tap;
        _words = new SightingWords(NameOf);
        _wallOffsetNs = WallNs() - WorkerThread.NowNs();
    }

    /// <summary>Who writes a section.</summary>
    public static PcapngOrigin Origin { get; } = new(
        RuntimeInformation.ProcessArchitecture.ToString(), RuntimeInformation.OSDescription, $"vswitch {Api.StatusEndpoints.ProgramVersion}");

    /// <summary>Packets given to a writer so far.</summary>
    public long Captured => Volatile.Read(ref _captured);

    /// <summary>True when as many were written as were asked for.</summary>
    public bool IsDone => Captured >= _request.Count;

    /// <summary>Packets that were meant and not taken down.</summary>
    public long Lost => Ports().Sum(p => _tap.CountsOf(p.Port).Lost);

    /// <summary>Begins a capture.</summary>
    /// <param name="host">The switch.</param>
    /// <param name="request">What is to be captured.</param>
    /// <param name="isMirror">True for a mirror, which has a place of its own.</param>
    /// <param name="ringBytes">Room of each worker.</param>
    /// <returns>Null when there are <see cref="WatchControl.MaxCaptures"/> already.</returns>
    public static CaptureSession? TryBegin(
        SwitchHost host, CaptureRequest request, bool isMirror = false, int ringBytes = PacketTap.DefaultRingBytes)
    {
        var tap = new PacketTap(host.WorkerCount, host.PortCapacity, request.SnapBytes, ringBytes) { Purpose = isMirror ? "mirror" : "capture" };
        bool isAdded = host.Watch.TryAdd(
            tap, request.Filter, others => isMirror || others.OfType<PacketTap>().Count(t => t.Purpose == "capture") < WatchControl.MaxCaptures);
        if (isAdded)
        {
            return new CaptureSession(host, request, tap);
        }

        tap.Dispose();
        return null;
    }

    /// <summary>Names the ports at the beginning of a section; what was written before belongs to another one.</summary>
    public void WriteInterfaces(PcapngWriter writer)
    {
        _interfaces.Clear();
        foreach ((int port, string name) in Ports().Where(p => _request.Filter.Port == null || p.Name == _request.Filter.Port))
        {
            InterfaceOf(writer, port, name);
        }
    }

    /// <summary>Writes what was taken down since.</summary>
    /// <param name="writer">Where to; it may throw.</param>
    /// <param name="maxBytes">How many bytes of frames at most, and one frame more.</param>
    /// <returns>Packets written.</returns>
    /// <exception cref="IOException">The writer cannot write.</exception>
    public int Drain(PcapngWriter writer, int maxBytes)
    {
        int packets = 0;
        long bytes = 0;
        PacketRecord* record;
        while (!IsDone && bytes < maxBytes && (record = _tap.Peek(out int worker)) != null)
        {
            try
            {
                PacketRecord.CompleteChecksum(record);
                writer.Write(
                    InterfaceOf(writer, record->Port, NameOf(record->Port)),
                    new ReadOnlySpan<byte>(PacketRecord.FrameOf(record), record->CapturedBytes), record->TimeNs + _wallOffsetNs,
                    _words.Of(*record), record->Direction == PacketDirection.In ? CaptureDirection.Inbound : CaptureDirection.Outbound,
                    record->Length, record->LostBefore);
            }
            finally
            {
                bytes += record->CapturedBytes;
                _tap.Release(worker, record);
                packets++;
                Volatile.Write(ref _captured, _captured + 1);
            }
        }

        return packets;
    }

    /// <summary>Throws away what was taken down since: there is nobody to write it for.</summary>
    /// <returns>Packets.</returns>
    public long Discard()
    {
        long packets = 0;
        PacketRecord* record;
        while ((record = _tap.Peek(out int worker)) != null)
        {
            _tap.Release(worker, record);
            packets++;
        }

        return packets;
    }

    /// <summary>Writes what was captured and lost at each port so far.</summary>
    /// <exception cref="IOException">The writer cannot write.</exception>
    public void WriteStatistics(PcapngWriter writer)
    {
        long nowNs = WallNs();
        foreach ((int port, (_, int id)) in _interfaces)
        {
            TapCounts counts = _tap.CountsOf(port);
            writer.WriteStatistics(
                id, nowNs, new PcapngStatistics(counts.Taken + counts.Lost, counts.PassedOver, counts.NoRoom, counts.Taken));
        }
    }

    /// <summary>Nothing more is taken down; what is there can still be written.</summary>
    public void Stop()
    {
        if (!_isStopped)
        {
            _isStopped = true;
            _isFree = _host.Watch.Remove(_tap);
        }
    }

    /// <summary>Ends it: no worker uses it any more.</summary>
    public void Dispose()
    {
        Stop();
        if (_isFree)
        {
            _tap.Dispose();
        }
    }

    private static long WallNs() => (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;

    private string NameOf(int port)
    {
        string[] names = _host.Snapshot.PortNames;
        return port < names.Length ? names[port] : "(removed)";
    }

    private IEnumerable<(int Port, string Name)> Ports()
    {
        ForwardingSnapshot snapshot = _host.Snapshot;
        return snapshot.PortNames.Select((name, port) => (port, name)).Where(p => Exists(snapshot, p.port));
    }

    private static bool Exists(ForwardingSnapshot snapshot, int port) => (snapshot.Enis[port].Flags & EniFlags.Exists) != 0;

    /// <summary>A port that is new, or whose number another one has now, is another interface.</summary>
    private int InterfaceOf(PcapngWriter writer, int port, string name)
    {
        if (!_interfaces.TryGetValue(port, out (string Name, int Interface) known) || known.Name != name)
        {
            known = (name, writer.AddInterface(name, Describe(name), _request.SnapBytes));
            _interfaces[port] = known;
        }

        return known.Interface;
    }

    private string Describe(string port) => _host.Config.Enis.FirstOrDefault(e => e.Name == port) is EniConfig eni
        ? $"ENI {string.Join(", ", eni.PrivateIps)} in subnet {eni.Subnet}" : "the internet side";
}
