using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Live;

namespace VSwitch.Trace;

/// <summary>What happened to a traced packet.</summary>
/// <param name="Frame">The frame.</param>
/// <param name="Steps">What each stage found; the last is the verdict.</param>
/// <param name="Connection">The live connection that it belongs to, as it was before; null when there is none.</param>
internal sealed record TraceResult(byte[] Frame, IReadOnlyList<TraceStep> Steps, LiveConnection? Connection);

/// <summary>Sends one packet through the pipeline in its recording mode: the same code as in a switch at work, in tables of its
/// own.</summary>
internal static class Tracer
{
    /// <summary>The packet's connection, and one that it may begin.</summary>
    private const int Room = 16;

    /// <summary>Explains a packet to a switch that has just been configured.</summary>
    /// <exception cref="ArgumentException">There is no such port, or the frame is too large.</exception>
    public static IReadOnlyList<TraceStep> Explain(SwitchConfig config, string port, ReadOnlySpan<byte> frame)
    {
        const long NowNs = 1_000_000_000;
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(config, new NumberDirectory());
        int number = PortOf(snapshot, port);
        var steps = new List<TraceStep>();
        using var fresh = new SwitchShared(
            snapshot, new FlowBudget(Room, leaseSize: 1, isExact: true), snapshot.MeterEnd, (1, 2));
        using var shadow = new ShadowSwitch<RecordingTracer>(fresh, snapshot, Room, new RecordingTracer(steps), NowNs);
        shadow.Send(frame, number, NowNs);
        return steps;
    }

    /// <summary>Explains a packet to a switch at work: with its live connection, and the neighbours that the switch knows. The packet
    /// does not reach the switch.</summary>
    /// <param name="host">The switch.</param>
    /// <param name="port">The port that it would come in by.</param>
    /// <param name="packet">Makes the frame. Called again with the numbers that the sender would say next when its TCP connection is
    /// known.</param>
    /// <param name="cancel">Ends it early.</param>
    /// <exception cref="ArgumentException">There is no such port, or the frame is too large.</exception>
    /// <exception cref="WorkerUnavailableException">A worker has failed, or the switch stops.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static TraceResult Explain(SwitchHost host, string port, Func<TcpNumbers, byte[]> packet, CancellationToken cancel)
    {
        SwitchShared live = host.Workers.Shared;
        ForwardingSnapshot snapshot = live.Snapshot;
        int number = PortOf(snapshot, port);
        long nowNs = WorkerThread.NowNs();
        byte[] frame = packet(default);
        var steps = new List<TraceStep>();
        using var shadow = new ShadowSwitch<RecordingTracer>(live, snapshot, Room, new RecordingTracer(steps), nowNs);
        LiveConnection? connection = null;
        if (shadow.TryKey(frame, number, nowNs, out ConnectionKey key) && new ConnectionReader(host).Find(key, cancel) is ConnectionRecord record)
        {
            shadow.TryImport(record);
            connection = ConnectionNames.Of(host).Describe(record);
            frame = packet(TcpNumbers.Next(record, key.IsFromHigher));
        }

        shadow.Send(frame, number, WorkerThread.NowNs());
        return new TraceResult(frame, steps, connection);
    }

    private static unsafe int PortOf(ForwardingSnapshot snapshot, string port)
    {
        int number = Array.IndexOf(snapshot.PortNames, port);
        return number >= 0 && (snapshot.Enis[number].Flags & EniFlags.Exists) != 0 ? number
            : throw new ArgumentException($"there is no port '{port}'; ports are {string.Join(", ", Existing(snapshot))}");
    }

    private static unsafe List<string> Existing(ForwardingSnapshot snapshot)
    {
        var names = new List<string>();
        for (int port = 0; port < snapshot.PortNames.Length; port++)
        {
            if ((snapshot.Enis[port].Flags & EniFlags.Exists) != 0)
            {
                names.Add(snapshot.PortNames[port]);
            }
        }

        return names;
    }
}

/// <summary>The numbers of a TCP segment.</summary>
/// <param name="Sequence">Sequence number.</param>
/// <param name="Acknowledgment">Acknowledgment number.</param>
internal readonly record struct TcpNumbers(uint Sequence, uint Acknowledgment)
{
    /// <summary>What an end of a connection would say next; zero of a protocol without numbers.</summary>
    public static unsafe TcpNumbers Next(in ConnectionRecord record, bool isFromHigher)
    {
        FlowEntry entry = record.Entry;
        int own = isFromHigher ? 1 : 0;
        return record.Protocol == (byte)Wire.IpProtocol.Tcp ? new TcpNumbers(entry.End[own], entry.End[own ^ 1]) : default;
    }
}
