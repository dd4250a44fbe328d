using System.Globalization;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.Bench;

/// <summary>Compares the frames that leave with those that must, byte by byte and in order a port.</summary>
internal sealed unsafe class OutputCheck : IFrameObserver
{
    private readonly Dictionary<int, Queue<byte[]>> _expected = [];

    /// <summary>The first difference in words; null while there is none.</summary>
    public string? Fault { get; private set; }

    /// <summary>Frames that were as they had to be.</summary>
    public int GoodCount { get; private set; }

    /// <summary>Frames that have not come yet.</summary>
    public int MissingCount => _expected.Values.Sum(queue => queue.Count);

    /// <summary>The next frame that must leave by a port.</summary>
    public void Expect(int port, byte[] frame)
    {
        if (!_expected.TryGetValue(port, out Queue<byte[]>? queue))
        {
            _expected[port] = queue = new Queue<byte[]>();
        }

        queue.Enqueue(frame);
    }

    /// <inheritdoc/>
    public void OnSent(int port, PacketBuffer** packets, int count)
    {
        for (int i = 0; i < count; i++)
        {
            var sent = new ReadOnlySpan<byte>(packets[i]->Data, packets[i]->Length);
            string? fault = !_expected.TryGetValue(port, out Queue<byte[]>? queue) || !queue.TryDequeue(out byte[]? wanted)
                ? $"port {port} sent a frame that it should not" : Difference(port, wanted, sent);
            Fault ??= fault;
            GoodCount += fault == null ? 1 : 0;
        }
    }

    /// <summary>Sends bursts of every source and looks at all that comes out.</summary>
    /// <param name="bed">The switch; its connections must be established.</param>
    /// <param name="bursts">Bursts of each source.</param>
    /// <exception cref="BenchException">A frame is not what it has to be, or does not come.</exception>
    public static int Run(BenchBed bed, int bursts)
    {
        var check = new OutputCheck();
        PacketBuffer** list = stackalloc PacketBuffer*[BenchBed.Burst];
        bed.Observe(check);
        for (int i = 0; i < bursts; i++)
        {
            foreach (FrameSource source in bed.Sources[0])
            {
                int count = source.Receive(bed.Workers.Workers[0].Pool, list, BenchBed.Burst);
                for (int k = 0; k < count; k++)
                {
                    byte[] frame = new ReadOnlySpan<byte>(list[k]->Data, list[k]->Length).ToArray();
                    bed.Lab.RewriteAsExpected(frame, source.Group, source.IsReply);
                    check.Expect(bed.Lab.OutPort(source.Group, source.IsReply), frame);
                }

                bed.Process(bed.Workers.Workers[0], list, count, source.Port);
            }
        }

        bed.Observe(null);
        return check.Fault == null && check.MissingCount == 0 ? check.GoodCount
            : throw new BenchException(check.Fault ?? $"{check.MissingCount} frames did not come out");
    }

    private static string? Difference(int port, byte[] wanted, ReadOnlySpan<byte> sent)
    {
        if (sent.Length != wanted.Length)
        {
            return $"port {port} sent a frame of {sent.Length} bytes instead of {wanted.Length}";
        }

        int at = sent.CommonPrefixLength(wanted);
        return at == sent.Length ? null : string.Create(CultureInfo.InvariantCulture,
            $"port {port} sent a frame whose byte {at} is {sent[at]:x2} instead of {wanted[at]:x2}");
    }
}
