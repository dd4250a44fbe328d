namespace VSwitch.DataPlane.Watching;

/// <summary>How much of a worker's time a capture may take. While all packets that are meant would cost more, only one in N is taken, at
/// random distances, so that no pattern of the traffic decides which. N is calculated anew for each window of time: from what there was to
/// copy in the last one, what a copy cost, and what the account holds. Costs are calculated from sizes, because asking the clock for each
/// packet would cost as much as a copy. One worker uses it.</summary>
internal sealed class CopyBudget
{
    /// <summary>Of a worker's time, for all captures together: one part in so many.</summary>
    private const int ShareOneIn = 33;

    /// <summary>What a record costs beside its bytes, and bytes copied in a nanosecond: estimates, not measured.</summary>
    private const int RecordNs = 100;
    private const int BytesPerNs = 8;

    /// <summary>The account holds so much at most: a burst after a rest is taken whole.</summary>
    private const long MostCreditNs = 3_000_000;
    private const long MostDebtNs = -1_000_000;
    private const long WindowNs = 5_000_000;

    /// <summary>Over so many windows what the account holds, or lacks, is spread.</summary>
    private const int SpreadWindows = 16;
    private const int MostOneIn = 1 << 16;
    private readonly bool _isUnlimited;
    private long _creditNs = MostCreditNs;
    private long _seenNs = long.MinValue;
    private long _windowStartNs;
    private long _offered;
    private long _taken;
    private long _spentNs;
    private long _meanNs = RecordNs;
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
        _offered++;
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
    public void Spend(int bytes)
    {
        long costNs = RecordNs + (bytes / BytesPerNs);
        _creditNs -= costNs;
        _spentNs += costNs;
        _taken++;
    }

    private void Refill(long nowNs)
    {
        if (_seenNs == long.MinValue)
        {
            _seenNs = nowNs;
            _windowStartNs = nowNs;
            return;
        }

        _creditNs = Math.Min(MostCreditNs, _creditNs + Math.Max(0, (nowNs - _seenNs) / (ShareOneIn * Sharers)));
        _seenNs = nowNs;
        if (nowNs - _windowStartNs >= WindowNs)
        {
            EndWindow(nowNs);
        }
    }

    private void EndWindow(long nowNs)
    {
        long incomeNs = Math.Max(1, (nowNs - _windowStartNs) / (ShareOneIn * Sharers));
        long mayNs = Math.Max(Math.Max(1, incomeNs / 4), incomeNs + (_creditNs / SpreadWindows));
        _meanNs = _taken > 0 ? Math.Max(1, _spentNs / _taken) : _meanNs;
        OneIn = (int)Math.Clamp(((_offered * _meanNs) + mayNs - 1) / mayNs, 1, MostOneIn);
        _skip = Math.Min(_skip, 2 * (OneIn - 1));
        (_windowStartNs, _offered, _taken, _spentNs) = (nowNs, 0, 0, 0);
    }
}
