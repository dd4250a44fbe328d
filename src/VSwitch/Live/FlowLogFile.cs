using System.Text;
using VSwitch.ControlPlane.FlowLogs;
using VSwitch.DataPlane.FlowLogs;

namespace VSwitch.Live;

/// <summary>A text file that lines are appended to. It is opened anew for each interval, so a file that was renamed or removed
/// meanwhile (logrotate) is simply made again. What cannot be written is kept for a while and tried again every second.</summary>
/// <param name="path">The file.</param>
/// <param name="format">Its columns.</param>
/// <param name="say">Gets a line when the file can be written no longer, and when it can again.</param>
internal sealed class FlowLogFile(string path, FlowLogFormat format, Action<string> say) : FlowLogTarget
{
    /// <summary>Of lines that wait, beyond those of one interval.</summary>
    private const long MostWaitingBytes = 16 << 20;

    private const long RetryMs = 1000;
    private readonly FlowLogText _text = new(format);
    private readonly Queue<Batch> _waiting = new();
    private long _waitingBytes;
    private long _retryAtMs;

    private sealed record Batch(byte[] Lines, int Records, IReadOnlyList<FlowLogEni> Enis);

    /// <inheritdoc/>
    public override void Write(FlowLogInterval interval, long nowMs, FlowReportLoss lost)
    {
        var text = new StringBuilder();
        _text.Write(interval, text);
        if (text.Length == 0)
        {
            return;
        }

        FlowLogEni[] enis = [.. interval.Records.Select(r => r.Key.Eni).Concat(interval.Incomplete).Distinct()];
        var batch = new Batch(Encoding.UTF8.GetBytes(text.ToString()), interval.Records.Count, enis);
        if (_waiting.Count > 0 && _waitingBytes + batch.Lines.Length > MostWaitingBytes)
        {
            CountLost(batch.Records, enis);
        }
        else
        {
            _waiting.Enqueue(batch);
            _waitingBytes += batch.Lines.Length;
        }

        _retryAtMs = 0;
        Pump(nowMs);
    }

    /// <inheritdoc/>
    public override bool Pump(long nowMs)
    {
        if (_waiting.Count == 0 || nowMs < _retryAtMs)
        {
            return false;
        }

        try
        {
            using var file = new FileStream(
                path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            while (_waiting.TryPeek(out Batch? batch))
            {
                Append(file, batch.Lines);
                _waiting.Dequeue();
                _waitingBytes -= batch.Lines.Length;
                CountWritten(batch.Records, batch.Lines.Length);
            }

            if (TryNoteFailure(null))
            {
                say($"{path} can be written again");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            _retryAtMs = nowMs + RetryMs;
            if (TryNoteFailure(e.Message))
            {
                say($"{path} cannot be written: {e.Message}; it is tried again every second");
            }
        }

        return false;
    }

    /// <summary>What is still waiting is lost.</summary>
    public override void Dispose()
    {
        foreach (Batch batch in _waiting)
        {
            CountLost(batch.Records, []);
        }

        _waiting.Clear();
        base.Dispose();
    }

    /// <summary>All lines, or none: a full disk leaves no half of one.</summary>
    private static void Append(FileStream file, byte[] lines)
    {
        bool isRegular = file.CanSeek;
        long before = isRegular ? file.Length : 0;
        try
        {
            file.Write(lines);
        }
        catch (IOException) when (isRegular)
        {
            file.SetLength(before);
            throw;
        }
    }
}
