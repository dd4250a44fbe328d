using VSwitch.Testing;

namespace VSwitch.SystemTests.BlackBox;

/// <summary>Every frame that the switch sent to one port, in order, with a mark up to where the test has
/// looked.</summary>
internal sealed class PortRecorder
{
    private readonly List<byte[]> _frames = [];
    private readonly object _gate = new();
    private int _read;

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _frames.Count;
            }
        }
    }

    /// <summary>Frames that no <see cref="Next"/> has given yet.</summary>
    public int UnreadCount
    {
        get
        {
            lock (_gate)
            {
                return _frames.Count - _read;
            }
        }
    }

    public void Add(ReadOnlySpan<byte> frame)
    {
        lock (_gate)
        {
            _frames.Add(frame.ToArray());
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>The next frame, waited for; null when none came in time.</summary>
    public byte[]? Next(TimeSpan limit)
    {
        long end = Environment.TickCount64 + (long)limit.TotalMilliseconds;
        lock (_gate)
        {
            while (_read == _frames.Count)
            {
                long left = end - Environment.TickCount64;
                if (left <= 0 || !Monitor.Wait(_gate, (int)left))
                {
                    return null;
                }
            }

            return _frames[_read++];
        }
    }

    /// <summary>All frames so far.</summary>
    public IReadOnlyList<byte[]> Frames
    {
        get
        {
            lock (_gate)
            {
                return [.. _frames];
            }
        }
    }

    /// <summary>All frames so far that have a field of a value.</summary>
    public IReadOnlyList<PacketFields> Where(string field, string value) =>
        [.. Frames.Select(f => PacketFields.Of(f)).Where(f => f[field] == value)];
}
