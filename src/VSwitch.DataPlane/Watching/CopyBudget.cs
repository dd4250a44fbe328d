namespace VSwitch.DataPlane.Watching;

/// <summary>How much of a worker's time a capture may take. While packets to be copied cost more, only one in N is taken, at random
/// distances, so that no pattern of the traffic decides which; N doubles while the account is overdrawn and halves when it has
/// recovered. Costs are calculated from sizes, because asking the clock for each packet would cost as much as a copy. One worker
/// uses it.</summary>
internal sealed class CopyBudget
{
    /// <summary>Of a worker's time, for all captures together: one part in so many.</summary>
    private const int ShareOneIn = 33;

    /// <summary>What a record costs beside its bytes, and bytes copied in a nanosecond (bench/README.md, capture).</summary>
    private const int RecordNs = 100;
    private const int BytesPerNs = 8;

    /// <summary>The account holds so much at most: a burst after a rest is taken whole.</summary>
    private const long MostCreditNs = 3_000_000;
    private const long MostDebtNs = -1_000_000;
    private const long StepNs = 1_000_000;
    private const int MostOneIn = 1 << 16;
    private readonly bool _isUnlimited;
    private long _creditNs = MostCreditNs;
    private long _seenNs = long.MinValue;
    private long _steppedNs;
    private int _skip;
    private uint _random = 0x9E37_79B9;

    /// <summary>Makes an account.</summary>
    /// <param name="isUnlimited">True for one that takes everything.</param>
    public CopyBudget(bool isUnlimited)
    {
        _isUnlimited = isUnlimited;
    }

    /// <summary>How many captures share the time; set by whoever begins and ends them.</summary>
    public volatile int Sharers = 1;

    /// <summary>One packet in so many is taken at the time, on average.</summary>
    public int OneIn { get; private set; } = 1;

    /// <summary>True when the packet at hand is to be taken.</summary>
    public bool Take(long nowNs)
    {
        if (_isUnlimited)
        {
            return true;
        }

        bool isSolvent = MaySpend(nowNs);
        if (_skip > 0)
        {
            _skip--;
            return false;
        }

        if (isSolvent && OneIn > 1)
        {
            // Marsaglia's xorshift; 0 to 2N - 2 are passed over, N - 1 on average.
            _random ^= _random << 13;
            _random ^= _random >> 17;
            _random ^= _random << 5;
            _skip = (int)(_random % (uint)((2 * OneIn) - 1));
        }

        return isSolvent;
    }

    /// <summary>False while so much was copied that nothing more may be, sampled or not.</summary>
    public bool MaySpend(long nowNs)
    {
        if (nowNs != _seenNs)
        {
            Refill(nowNs);
        }

        return _isUnlimited || _creditNs >= MostDebtNs;
    }

    /// <summary>A packet was copied.</summary>
    public void Spend(int bytes) => _creditNs -= RecordNs + (bytes / BytesPerNs);

    private void Refill(long nowNs)
    {
        if (_seenNs == long.MinValue)
        {
            _seenNs = nowNs;
            _steppedNs = nowNs;
            return;
        }

        _creditNs = Math.Min(MostCreditNs, _creditNs + Math.Max(0, (nowNs - _seenNs) / (ShareOneIn * Sharers)));
        _seenNs = nowNs;
        if (nowNs - _steppedNs < StepNs)
        {
            return;
        }

        _steppedNs = nowNs;
        if (_creditNs < 0)
        {
            OneIn = Math.Min(OneIn * 2, MostOneIn);
        }
        else if (_creditNs > MostCreditNs / 2 && OneIn > 1)
        {
            OneIn /= 2;
            _skip = Math.Min(_skip, 2 * OneIn);
        }
    }
}
