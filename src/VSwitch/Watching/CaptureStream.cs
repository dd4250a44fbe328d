using VSwitch.Devices.Pcap;

namespace VSwitch.Watching;

/// <summary>Carries a capture to a client: at least every tenth of a second what there is. A client that stalls holds up only this: the
/// workers' rings fill, what finds no room is lost and counted, and after a time the client is given up.</summary>
internal static class CaptureStream
{
    private const int StepBytes = 1 << 20;
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan StatisticsEvery = TimeSpan.FromSeconds(1);

    /// <summary>How long a client may take nothing.</summary>
    public static readonly TimeSpan StallLimit = TimeSpan.FromSeconds(60);

    /// <summary>Runs until the client goes, has stalled for too long, has what it asked for, or the switch ends.</summary>
    /// <param name="session">The capture.</param>
    /// <param name="client">Where the bytes go.</param>
    /// <param name="stallLimit">How long one write may take.</param>
    /// <param name="time">Says when statistics are due.</param>
    /// <param name="ended">The switch ends: the rest is written.</param>
    /// <param name="gone">The client is gone.</param>
    /// <exception cref="OperationCanceledException">The client went or stalled.</exception>
    public static async Task Run(
        CaptureSession session, Stream client, TimeSpan stallLimit, TimeProvider time, CancellationToken ended, CancellationToken gone)
    {
        var bytes = new MemoryStream();
        using var writer = new PcapngWriter("capture", bytes, [], CaptureSession.Origin);
        session.WriteInterfaces(writer);
        long toldAt = time.GetTimestamp();
        while (true)
        {
            bool isLast = ended.IsCancellationRequested || session.IsDone;
            if (isLast)
            {
                session.Stop();
            }

            int count = session.Drain(writer, StepBytes);
            isLast &= count == 0;
            if (isLast || time.GetElapsedTime(toldAt) >= StatisticsEvery)
            {
                session.WriteStatistics(writer);
                toldAt = time.GetTimestamp();
            }

            writer.Flush();
            await Send(bytes, client, stallLimit, gone);
            if (isLast)
            {
                return;
            }

            if (count == 0 && !session.IsDone)
            {
                await Rest(ended, gone);
            }
        }
    }

    private static async Task Send(MemoryStream bytes, Stream client, TimeSpan stallLimit, CancellationToken gone)
    {
        if (bytes.Length == 0)
        {
            return;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(gone);
        limit.CancelAfter(stallLimit);
        await client.WriteAsync(bytes.GetBuffer().AsMemory(0, (int)bytes.Length), limit.Token);
        await client.FlushAsync(limit.Token);
        bytes.SetLength(0);
    }

    private static async Task Rest(CancellationToken ended, CancellationToken gone)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ended, gone);
        await Task.Delay(LookEvery, either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        gone.ThrowIfCancellationRequested();
    }
}
