namespace VSwitch.DataPlane.Limits;

/// <summary>The generic cell rate algorithm on one 64-bit word that many threads share: the time at which the bucket will be full
/// again. Whoever takes moves it by the duration of what it takes with one compare-and-swap, so a rate is exact whatever the number
/// of workers.</summary>
internal static class CellRate
{
    /// <summary>Takes from a bucket; false, and nothing is taken, when it holds too little.</summary>
    /// <param name="fullAtNs">The bucket's word, nanoseconds.</param>
    /// <param name="costNs">How long the bucket takes to gain what is taken.</param>
    /// <param name="burstNs">How long an empty bucket takes to be full.</param>
    /// <param name="nowNs">The time.</param>
    public static bool TryTake(ref long fullAtNs, long costNs, long burstNs, long nowNs)
    {
        while (true)
        {
            long old = Volatile.Read(ref fullAtNs);
            long start = Math.Max(old, nowNs);
            if (start - nowNs + costNs > burstNs)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref fullAtNs, start + costNs, old) == old)
            {
                return true;
            }
        }
    }

    /// <summary>As <see cref="TryTake"/>, but what costs more than the bucket ever holds passes when it is full, and leaves it in debt:
    /// a super-packet is worth many packets, and never to let it pass would stop its connection.</summary>
    public static bool TryTakeInDebt(ref long fullAtNs, long costNs, long burstNs, long nowNs)
    {
        while (true)
        {
            long old = Volatile.Read(ref fullAtNs);
            long start = Math.Max(old, nowNs);
            if (start - nowNs + Math.Min(costNs, burstNs) > burstNs)
            {
                return false;
            }

            if (Interlocked.CompareExchange(ref fullAtNs, start + costNs, old) == old)
            {
                return true;
            }
        }
    }
}
