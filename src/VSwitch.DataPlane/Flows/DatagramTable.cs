using System.Numerics;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Flows;

/// <summary>What a fragment means for its datagram.</summary>
public enum FragmentVerdict
{
    /// <summary>It fits.</summary>
    Fits,

    /// <summary>It fits, and nothing is missing any more.</summary>
    Completes,

    /// <summary>Exactly this one was seen before.</summary>
    Repeats,

    /// <summary>It contradicts what was seen: no fragment of the datagram passes any more.</summary>
    Poisons,
}

/// <summary>Which parts of which datagrams have been seen (order of checks, section 9), at the worker where a datagram's
/// fragments meet. Fixed size: sets of eight by a keyed hash of what names the datagram; the set also says which worker it is,
/// so a set holds the same whatever the number of workers. A full set gives up the oldest datagram of the port that has most
/// of them in it: a flood costs its sender first. Owner: one worker.</summary>
public sealed unsafe class DatagramTable : IDisposable
{
    /// <summary>Datagrams at most.</summary>
    public const int Capacity = SetCount * Ways;

    /// <summary>How long a datagram may take from its first seen fragment on, nanoseconds.</summary>
    public const long LifetimeNs = 5_000_000_000;

    private const int SetCount = 1 << SetBits;
    private const int SetBits = 10;
    private const int Ways = 8;
    private readonly HugeMemory _memory;
    private readonly Datagram* _datagrams;
    private bool _wasUsed;

    /// <summary>Makes an empty table; memory is taken as datagrams come.</summary>
    public DatagramTable()
    {
        _memory = new HugeMemory(Capacity * (nuint)sizeof(Datagram));
        _datagrams = (Datagram*)_memory.Address;
    }

    /// <summary>The set of a key's hash: the worker (set mod workers) is where the fragments meet.</summary>
    public static int SetOf(uint hash) => (int)(hash >> (32 - SetBits));

    /// <summary>The datagram in a slot.</summary>
    public Datagram* At(int slot) => _datagrams + slot;

    /// <summary>The slot of a datagram that is known and not too old; -1 when there is none.</summary>
    public int Find(in FragmentKey key, uint hash, long nowNs)
    {
        int first = SetOf(hash) * Ways;
        for (int slot = first; slot < first + Ways; slot++)
        {
            Datagram* d = _datagrams + slot;
            if ((d->Flags & DatagramFlags.Used) != 0 && d->Key == key && nowNs < d->DeadlineNs)
            {
                return slot;
            }
        }

        return -1;
    }

    /// <summary>The slot that a new datagram will take: a free one, one that is too old, or the one that must give way. The
    /// caller lets go of what is held there before it calls <see cref="Begin"/>.</summary>
    public int Choose(uint hash, long nowNs)
    {
        int first = SetOf(hash) * Ways;
        int victim = -1;
        int mostOfPort = 0;
        for (int slot = first; slot < first + Ways; slot++)
        {
            Datagram* d = _datagrams + slot;
            if ((d->Flags & DatagramFlags.Used) == 0 || nowNs >= d->DeadlineNs)
            {
                return slot;
            }

            int ofPort = 0;
            for (int other = first; other < first + Ways; other++)
            {
                ofPort += _datagrams[other].Key.Port == d->Key.Port ? 1 : 0;
            }

            if (ofPort > mostOfPort || (ofPort == mostOfPort && d->DeadlineNs < _datagrams[victim].DeadlineNs))
            {
                victim = slot;
                mostOfPort = ofPort;
            }
        }

        return victim;
    }

    /// <summary>Datagrams of which fragments may still come. Looks at every slot, from any thread: for who counts now and then.</summary>
    public int CountAt(long nowNs)
    {
        int count = 0;
        for (int slot = 0; Volatile.Read(ref _wasUsed) && slot < Capacity; slot++)
        {
            Datagram* d = _datagrams + slot;
            count += (d->Flags & DatagramFlags.Used) != 0 && nowNs < Volatile.Read(ref d->DeadlineNs) ? 1 : 0;
        }

        return count;
    }

    /// <summary>Begins a datagram in a slot.</summary>
    public Datagram* Begin(int slot, in FragmentKey key, long nowNs)
    {
        Datagram* d = _datagrams + slot;
        _wasUsed = true;
        *d = default;
        d->Key = key;
        d->DeadlineNs = nowNs + LifetimeNs;
        d->Flags = DatagramFlags.Used;
        return d;
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}

/// <summary>What is known of a datagram.</summary>
[Flags]
public enum DatagramFlags : byte
{
    /// <summary>An empty slot.</summary>
    None = 0,

    /// <summary>A datagram.</summary>
    Used = 1,

    /// <summary>Its first fragment was let through.</summary>
    FirstSeen = 2,

    /// <summary>Its first fragment was lost on the way to its connection's worker.</summary>
    FirstLost = 4,

    /// <summary>A fragment contradicted another one.</summary>
    Poisoned = 8,
}

/// <summary>A datagram of which some fragments have been seen.</summary>
public unsafe struct Datagram
{
    /// <summary>Separate ranges that are kept at most; ranges that touch are one.</summary>
    public const int MaxRanges = 32;

    private const int UnitShift = 3;
    private const int UnitWords = (ushort.MaxValue >> UnitShift >> 6) + 1;

    /// <summary>Its name.</summary>
    public FragmentKey Key;

    /// <summary>When it is forgotten.</summary>
    public long DeadlineNs;

    /// <summary>First of its held fragments among the held packets, 0 = none.</summary>
    public int HeldHead;

    /// <summary>Last of them.</summary>
    public int HeldTail;

    /// <summary>Bytes of the whole payload, 0 = not known yet.</summary>
    public int EndBytes;

    /// <summary>Ranges in use.</summary>
    public ushort RangeCount;

    /// <summary>Worker of the first fragment's connection.</summary>
    public byte Worker;

    /// <summary>What is known.</summary>
    public DatagramFlags Flags;

    /// <summary>Seen ranges in order: first byte in the high half, byte behind the last in the low half.</summary>
    private fixed uint _ranges[MaxRanges];

    /// <summary>One bit for each unit of 8 bytes at which a fragment began: tells a repeated fragment from one that overlaps
    /// several, although touching ranges are merged.</summary>
    private fixed ulong _starts[UnitWords];

    /// <summary>Takes a fragment in: bytes <paramref name="start"/> to <paramref name="end"/> (at most 65535, not empty) of the
    /// payload.</summary>
    public FragmentVerdict See(int start, int end, bool isLast)
    {
        // The ranges before `at` end before the fragment begins.
        int at = 0;
        while (at < RangeCount && (_ranges[at] & 0xFFFF) < start)
        {
            at++;
        }

        bool touchesBefore = at < RangeCount && (_ranges[at] & 0xFFFF) == start;
        int next = touchesBefore ? at + 1 : at;
        if (next < RangeCount && _ranges[next] >> 16 < end)
        {
            return IsRepeat(next, start, end) ? FragmentVerdict.Repeats : FragmentVerdict.Poisons;
        }

        int seenEnd = RangeCount == 0 ? 0 : (int)(_ranges[RangeCount - 1] & 0xFFFF);
        bool contradictsEnd = EndBytes != 0 ? end > EndBytes || (isLast && end != EndBytes) : isLast && seenEnd > end;
        bool touchesAfter = next < RangeCount && _ranges[next] >> 16 == end;
        if (contradictsEnd || (!touchesBefore && !touchesAfter && RangeCount == MaxRanges))
        {
            return FragmentVerdict.Poisons;
        }

        _starts[start >> UnitShift >> 6] |= 1UL << ((start >> UnitShift) & 63);
        EndBytes = isLast ? end : EndBytes;
        Merge(at, start, end, touchesBefore, touchesAfter);
        return EndBytes != 0 && RangeCount == 1 && _ranges[0] == (uint)EndBytes ? FragmentVerdict.Completes : FragmentVerdict.Fits;
    }

    private void Merge(int at, int start, int end, bool touchesBefore, bool touchesAfter)
    {
        if (touchesBefore && touchesAfter)
        {
            _ranges[at] = (_ranges[at] & 0xFFFF_0000) | (_ranges[at + 1] & 0xFFFF);
            RangeCount--;
            for (int i = at + 1; i < RangeCount; i++)
            {
                _ranges[i] = _ranges[i + 1];
            }
        }
        else if (touchesBefore)
        {
            _ranges[at] = (_ranges[at] & 0xFFFF_0000) | (uint)end;
        }
        else if (touchesAfter)
        {
            _ranges[at] = ((uint)start << 16) | (_ranges[at] & 0xFFFF);
        }
        else
        {
            for (int i = RangeCount; i > at; i--)
            {
                _ranges[i] = _ranges[i - 1];
            }

            _ranges[at] = ((uint)start << 16) | (uint)end;
            RangeCount++;
        }
    }

    /// <summary>True when one fragment that was seen had just these bounds: it lies in one range, a fragment began where it
    /// begins, none began within it, and at its end another one began or the range ends.</summary>
    private readonly bool IsRepeat(int range, int start, int end)
    {
        int rangeStart = (int)(_ranges[range] >> 16);
        int rangeEnd = (int)(_ranges[range] & 0xFFFF);
        if (start < rangeStart || end > rangeEnd || !Began(start >> UnitShift))
        {
            return false;
        }

        int unit = (start >> UnitShift) + 1;
        int endUnit = (end + 7) >> UnitShift;
        while (unit < endUnit)
        {
            ulong rest = _starts[unit >> 6] >> (unit & 63);
            if (rest == 0)
            {
                unit = (unit | 63) + 1;
                continue;
            }

            unit += BitOperations.TrailingZeroCount(rest);
            if (unit < endUnit)
            {
                return false;
            }
        }

        return end == rangeEnd || (end % 8 == 0 && Began(end >> UnitShift));
    }

    private readonly bool Began(int unit) => (_starts[unit >> 6] & (1UL << (unit & 63))) != 0;
}
