using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;

namespace VSwitch.DataPlane.Routing;

/// <summary>A learnt neighbour that was not heard of for long.</summary>
/// <param name="Address">Its address, raw; of IPv4 in the low half.</param>
/// <param name="IsV6">The family.</param>
/// <param name="Mac">The raw MAC to ask it by whether it is still there; 0 when it did not answer and is forgotten.</param>
/// <param name="Port">The port on whose link it is.</param>
public readonly record struct OverdueNeighbor(RawIp6 Address, bool IsV6, ulong Mac, int Port);

/// <summary>Who has which address on the internet side, and on the link of each gateway: learnt by ARP and ND, shared by all workers, asked on first packets
/// only. Open addressing in native memory; a slot is claimed by one compare-and-swap, its MAC is one 64-bit word, and its address
/// stays, so readers need no lock. A full table learns nothing new. Static entries come with the snapshot.
/// <para>What was learnt ages (RFC 1122 section 2.3.2.1; order of checks, section 5): who was not learnt again for long is asked by
/// unicast, and forgotten when it does not answer. One worker at a time looks after those; one that is heard of in the same
/// moment may be asked or forgotten all the same, and is then learnt anew.</para></summary>
public sealed unsafe class NeighborTable : IDisposable
{
    /// <summary>How long a neighbour is believed without being heard of, milliseconds.</summary>
    public const long BelievedMs = 20 * 60 * 1000;

    /// <summary>How often it is asked then before it is forgotten (RFC 4861 section 10, MAX_UNICAST_SOLICIT).</summary>
    public const int MaxQuestions = 3;

    private const int SlotCount = 8192;
    private const int MaxSteps = 64;
    private const long AskEveryMs = 1000;
    private const int Claimed = 1;
    private const int Ready = 2;
    private readonly HugeMemory _memory;
    private readonly Slot* _slots;
    private readonly int[] _overdue = new int[SlotCount];
    private readonly long[] _turns = new long[SlotCount];
    private int _overdueCount;
    private int _overdueAt;
    private int _isAging;
    private long _turn;
    private readonly Alarm _due = new();
    private readonly Alarm? _alarm;
    private int _version;

    /// <summary>Makes an empty table.</summary>
    /// <param name="alarm">Is brought forward with <see cref="NextDueMs"/>; may be null.</param>
    public NeighborTable(Alarm? alarm = null)
    {
        _alarm = alarm;
        _memory = new HugeMemory(SlotCount * (nuint)sizeof(Slot));
        _slots = (Slot*)_memory.Address;
    }

    private struct Slot
    {
        public RawIp6 Address;
        public ulong Mac;
        public long AskAgainMs;
        public int State;

        /// <summary>Port and family (<see cref="ScopeOf"/>).</summary>
        public int Scope;

        /// <summary>When it is to be asked, or forgotten, milliseconds.</summary>
        public long DueMs;

        /// <summary>Questions since it was heard of.</summary>
        public int Questions;

        /// <summary>Grows with each time that a neighbour is heard of or asked.</summary>
        public long Turn;
    }

    /// <summary>When a neighbour is due for <see cref="TryBeginAging"/>, milliseconds; not before, and perhaps a little after.</summary>
    public long NextDueMs => _due.NextDueMs;

    /// <summary>Grows after each MAC that is learnt or changes: whoever waits for one looks again when it has grown.</summary>
    public int Version => Volatile.Read(ref _version);

    /// <summary>Neighbours that are known. Looks at every slot: for who counts now and then.</summary>
    public int CountKnown()
    {
        int count = 0;
        for (int i = 0; i < SlotCount; i++)
        {
            count += Volatile.Read(ref _slots[i].Mac) != 0 ? 1 : 0;
        }

        return count;
    }

    /// <summary>The raw MAC of an IPv4 neighbour, 0 = not known.</summary>
    public ulong Lookup(uint address, int port = 0) => LookupIn(new RawIp6(address, 0), ScopeOf(port, isV6: false));

    /// <summary>The raw MAC of an IPv6 neighbour, 0 = not known.</summary>
    public ulong Lookup(RawIp6 address, int port = 0) => LookupIn(address, ScopeOf(port, isV6: true));

    /// <summary>Learns a neighbour, or hears of it again.</summary>
    /// <param name="address">Its address, raw.</param>
    /// <param name="isV6">The family.</param>
    /// <param name="mac">Its raw MAC.</param>
    /// <param name="nowMs">The time, milliseconds.</param>
    /// <param name="port">The port on whose link it is.</param>
    /// <returns>True when a known MAC changed, so that actions made with the old one must be made again.</returns>
    public bool Learn(RawIp6 address, bool isV6, ulong mac, long nowMs, int port = 0)
    {
        Slot* slot = Find(address, ScopeOf(port, isV6), claim: true);
        if (slot == null)
        {
            return false;
        }

        slot->Questions = 0;
        slot->Turn = Interlocked.Increment(ref _turn);
        slot->DueMs = nowMs + BelievedMs;
        ulong old = Interlocked.Exchange(ref slot->Mac, mac);

        // After the MAC: whoever looks at all slots since has seen this one, or looks again at this time.
        BringForward(nowMs + BelievedMs);
        if (old != mac)
        {
            Interlocked.Increment(ref _version);
        }

        return old != 0 && old != mac;
    }

    /// <summary>True when the switch should ask for the address now: the first time, and then at most once a second.</summary>
    public bool ShouldAsk(RawIp6 address, bool isV6, long nowMs, int port = 0)
    {
        Slot* slot = Find(address, ScopeOf(port, isV6), claim: true);
        if (slot == null)
        {
            return false;
        }

        long again = Volatile.Read(ref slot->AskAgainMs);
        return nowMs >= again && Interlocked.CompareExchange(ref slot->AskAgainMs, nowMs + AskEveryMs, again) == again;
    }

    /// <summary>Begins to look after the neighbours that are due, in the order in which they were heard of or asked last. What
    /// began here ends when <see cref="TryNextOverdue"/> says so.</summary>
    /// <param name="nowMs">The time, milliseconds.</param>
    /// <returns>False when none is due, or another worker looks after them.</returns>
    public bool TryBeginAging(long nowMs)
    {
        if (NextDueMs > nowMs || Interlocked.CompareExchange(ref _isAging, 1, 0) != 0)
        {
            return false;
        }

        // Before the slots are read: who is learnt from here on brings the time forward again.
        _due.Clear();
        _overdueCount = 0;
        _overdueAt = 0;
        for (int i = 0; i < SlotCount; i++)
        {
            Slot* slot = _slots + i;
            if (Volatile.Read(ref slot->Mac) == 0)
            {
                continue;
            }

            if (slot->DueMs > nowMs)
            {
                BringForward(slot->DueMs);
                continue;
            }

            _turns[_overdueCount] = slot->Turn;
            _overdue[_overdueCount++] = i;
        }

        Array.Sort(_turns, _overdue, 0, _overdueCount);
        return true;
    }

    /// <summary>The next neighbour that is to be asked now, or was asked in vain and is forgotten.</summary>
    /// <param name="nowMs">The time, milliseconds.</param>
    /// <param name="overdue">The neighbour.</param>
    /// <returns>False when there are no more.</returns>
    public bool TryNextOverdue(long nowMs, out OverdueNeighbor overdue)
    {
        overdue = default;
        if (_overdueAt == _overdueCount)
        {
            Volatile.Write(ref _isAging, 0);
            return false;
        }

        Slot* slot = _slots + _overdue[_overdueAt++];
        ulong mac = slot->Mac;
        if (slot->Questions == MaxQuestions)
        {
            mac = 0;
            Volatile.Write(ref slot->Mac, 0);
        }
        else
        {
            slot->Questions++;
            slot->Turn = Interlocked.Increment(ref _turn);
            slot->DueMs = nowMs + AskEveryMs;
            BringForward(nowMs + AskEveryMs);
        }

        overdue = new OverdueNeighbor(slot->Address, (slot->Scope & 1) != 0, mac, slot->Scope >> 1);
        return true;
    }

    /// <summary>Lets another table learn all that is known here, as if it were heard of now; any thread.</summary>
    /// <param name="other">The table; nobody else writes it.</param>
    /// <param name="nowMs">The time, milliseconds.</param>
    public void CopyTo(NeighborTable other, long nowMs)
    {
        for (int i = 0; i < SlotCount; i++)
        {
            Slot* slot = _slots + i;
            ulong mac = Volatile.Read(ref slot->State) == Ready ? Volatile.Read(ref slot->Mac) : 0;
            if (mac != 0)
            {
                other.Learn(slot->Address, (slot->Scope & 1) != 0, mac, nowMs, slot->Scope >> 1);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private void BringForward(long dueMs)
    {
        _due.BringForward(dueMs);
        _alarm?.BringForward(dueMs);
    }

    private static int ScopeOf(int port, bool isV6) => (port << 1) | (isV6 ? 1 : 0);

    private ulong LookupIn(RawIp6 address, int scope)
    {
        Slot* slot = Find(address, scope, claim: false);
        return slot == null ? 0 : Volatile.Read(ref slot->Mac);
    }

    private Slot* Find(RawIp6 address, int scope, bool claim)
    {
        ulong hash = RawHash.Of(address, (uint)scope) >> 48;
        for (uint i = 0; i < MaxSteps; i++)
        {
            Slot* slot = _slots + ((hash + i) % SlotCount);
            int state = Volatile.Read(ref slot->State);
            if (state == 0)
            {
                if (!claim)
                {
                    return null;
                }

                if (Interlocked.CompareExchange(ref slot->State, Claimed, 0) == 0)
                {
                    slot->Address = address;
                    slot->Scope = scope;
                    Volatile.Write(ref slot->State, Ready);
                    return slot;
                }

                state = Volatile.Read(ref slot->State);
            }

            // Another worker is writing the address: it takes some stores, and happens once per neighbour.
            while (state == Claimed)
            {
                Thread.SpinWait(1);
                state = Volatile.Read(ref slot->State);
            }

            if (slot->Address == address && slot->Scope == scope)
            {
                return slot;
            }
        }

        return null;
    }
}
