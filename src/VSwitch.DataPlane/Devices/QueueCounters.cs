using System.Runtime.CompilerServices;

namespace VSwitch.DataPlane.Devices;

/// <summary>What passed each queue of a device, as the device saw it: a super-packet is one frame. Added to once a burst; readers take whole
/// words.</summary>
public sealed class QueueCounters
{
    private const int Stride = 8;
    private const int ReceivedAt = 0;
    private const int ReceivedBytesAt = 1;
    private const int SentAt = 2;
    private const int SentBytesAt = 3;

    /// <summary>A queue has a cache line: its worker writes it.</summary>
    private readonly long[] _counts;

    /// <summary>Makes counters, all 0.</summary>
    /// <param name="queues">Queues.</param>
    public QueueCounters(int queues)
    {
        _counts = GC.AllocateArray<long>((queues + 1) * Stride, pinned: true);
    }

    /// <summary>Frames that came in by a queue.</summary>
    public long Received(int queue) => Read(queue, ReceivedAt);

    /// <summary>Bytes of them.</summary>
    public long ReceivedBytes(int queue) => Read(queue, ReceivedBytesAt);

    /// <summary>Frames that were sent on a queue.</summary>
    public long Sent(int queue) => Read(queue, SentAt);

    /// <summary>Bytes of them.</summary>
    public long SentBytes(int queue) => Read(queue, SentBytesAt);

    /// <summary>Adds a burst that came in; the one worker that polls the queue.</summary>
    public void NoteReceived(int queue, int frames, long bytes)
    {
        ref long counts = ref _counts[(queue + 1) * Stride];
        Unsafe.Add(ref counts, ReceivedAt) += frames;
        Unsafe.Add(ref counts, ReceivedBytesAt) += bytes;
    }

    /// <summary>Adds a burst that was sent; any worker, for several may have one queue.</summary>
    public void NoteSent(int queue, int frames, long bytes)
    {
        ref long counts = ref _counts[(queue + 1) * Stride];
        Interlocked.Add(ref Unsafe.Add(ref counts, SentAt), frames);
        Interlocked.Add(ref Unsafe.Add(ref counts, SentBytesAt), bytes);
    }

    private long Read(int queue, int what) => Volatile.Read(ref _counts[((queue + 1) * Stride) + what]);
}
