using System.Net;
using System.Net.Sockets;
using VSwitch.ControlPlane.FlowLogs;
using VSwitch.DataPlane.FlowLogs;

namespace VSwitch.Live;

/// <summary>An IPFIX collector over UDP. What it refuses (nothing listens there) is counted, and the rest is sent all the same. Sent
/// in small groups with pauses, so that a collector's socket buffer does not overflow.</summary>
/// <param name="collector">Its address.</param>
/// <param name="say">Gets a line when the collector refuses, and when it does so no longer.</param>
internal sealed class FlowLogCollector(IPEndPoint collector, Action<string> say) : FlowLogTarget
{
    private const int MessagesAtOnce = 16;
    private const int MostWaiting = 1 << 16;
    private const uint Domain = 1;
    private readonly IpfixExporter _exporter = new(Domain);
    private readonly Queue<(byte[] Message, int Records)> _waiting = new();
    private Socket? _socket;
    private int _lastRecords;
    private bool _isRefused;

    /// <inheritdoc/>
    public override void Write(FlowLogInterval interval, long nowMs, FlowReportLoss lost)
    {
        _isRefused = false;
        _exporter.Export(interval.Records, (uint)(nowMs / 1000), lost, Enqueue);
        Pump(nowMs);
    }

    /// <inheritdoc/>
    public override bool Pump(long nowMs)
    {
        for (int i = 0; i < MessagesAtOnce && _waiting.TryDequeue(out (byte[] Message, int Records) next); i++)
        {
            string? failure = Send(next.Message, next.Records);
            _isRefused |= failure != null;
            if (failure != null && TryNoteFailure(failure))
            {
                say($"the collector at {collector} cannot be reached: {failure}; records go there all the same");
            }
        }

        if (_waiting.Count == 0 && !_isRefused && TryNoteFailure(null))
        {
            say($"the collector at {collector} can be reached again");
        }

        return _waiting.Count > 0;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _socket?.Dispose();
        base.Dispose();
    }

    private void Enqueue(ReadOnlyMemory<byte> message, int records)
    {
        if (_waiting.Count >= MostWaiting)
        {
            CountLost(records, []);
            return;
        }

        _waiting.Enqueue((message.ToArray(), records));
    }

    /// <summary>The kernel tells of an ICMP refusal with the next message, which it then does not send: that one is sent again.</summary>
    private string? Send(byte[] message, int records)
    {
        string? failure = null;
        for (int attempt = 0; attempt < 2; attempt++)
        {
            try
            {
                _socket ??= Connect();
                _socket.Send(message);
                _lastRecords = records;
                CountWritten(records, message.Length);
                return failure;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
            {
                failure = e.Message;
                CountWritten(-_lastRecords, 0);
                CountLost(_lastRecords, []);
                _lastRecords = 0;
            }
            catch (SocketException e)
            {
                failure = e.Message;
            }
        }

        CountLost(records, []);
        return failure;
    }

    private Socket Connect()
    {
        var socket = new Socket(collector.AddressFamily, SocketType.Dgram, ProtocolType.Udp) { SendTimeout = 100 };
        try
        {
            socket.Connect(collector);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
