using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Limits;

/// <summary>Which EIPs are under attack (order of checks, section 18). Rates are counted over all workers in intervals of a second on the
/// packets' clock. What opens connections is counted as it is admitted, never on the fast path, and begins scrubbing with the very packet
/// that is over; bits and packets are read off the EIPs' meters ten times a second by whichever worker comes first.</summary>
public sealed unsafe class Scrubber : IDisposable
{
    /// <summary>Length of an interval, nanoseconds.</summary>
    public const long IntervalNs = 1_000_000_000;

    /// <summary>How often meters are read, milliseconds: scrubbing begins so late at most.</summary>
    public const int LookEveryMs = 100;

    /// <summary>New flows a second other than TCP that an EIP is let have while it is attacked, where it has no threshold for them.
    /// </summary>
    public const int UsualFlowsPerSecond = 1000;

    /// <summary>Of those, what one /24 of sources may have: a tenth.</summary>
    public const int PrefixShare = 10;

    /// <summary>A rate is low from four fifths of its threshold down, so that one at the threshold does not begin and end all the time.
    /// </summary>
    private const int LowOf5 = 4;
    private const int PrefixBuckets = 1 << 12;
    private const uint Prefix24Mask = 0x00FF_FFFF;
    private const long NsPerMs = 1_000_000;
    private readonly (ulong Low, ulong High) _key;
    private readonly HugeMemory _memory;
    private readonly State* _states;
    private readonly int _capacity;
    private readonly long* _prefixes;
    private WorkerCounters[] _counters = [];
    private long _nextDueMs = long.MaxValue;
    private long _intervalStartNs;
    private int _isLooking;

    /// <summary>Nobody is under attack.</summary>
    /// <param name="capacity">Behind the highest number of an EIP.</param>
    /// <param name="key">Of the hashes.</param>
    public Scrubber(int capacity, (ulong Low, ulong High) key)
    {
        _key = key;
        _capacity = capacity;
        _memory = new HugeMemory(((nuint)capacity * (nuint)sizeof(State)) + (PrefixBuckets * sizeof(long)));
        _prefixes = (long*)_memory.Address;
        _states = (State*)(_memory.Address + (PrefixBuckets * sizeof(long)));
        Proven = new ProvenSources(key);
    }

    /// <summary>One EIP. What any worker counts is interlocked; the rest is written by the worker that looks.</summary>
    private struct State
    {
        public long Syns;
        public long NewConnections;
        public long ScrubbedPackets;
        public long ScrubbedBytes;
        public long Challenges;
        public long Proofs;

        /// <summary>When scrubbing began; 0 while it is calm.</summary>
        public long BeganNs;
        public long Episodes;
        public long Trigger;
        public long NotCalmNs;
        public long FlowsFullAtNs;

        /// <summary>0 until the meters were read once.</summary>
        public long IsKnown;
        public long StartBytes;
        public long StartPackets;
        public long StartSyns;
        public long StartNewConnections;
        public InboundRates Rates;
        public InboundRates Peak;
    }

    /// <summary>Who proved his address.</summary>
    public ProvenSources Proven { get; }

    /// <summary>When <see cref="Look"/> is due, milliseconds; <see cref="long.MaxValue"/> while no EIP is protected.</summary>
    public long NextDueMs => Volatile.Read(ref _nextDueMs);

    /// <summary>Says whose meters are the EIPs'.</summary>
    public void Read(WorkerCounters[] counters) => Volatile.Write(ref _counters, counters);

    /// <summary>Takes a configuration: an EIP that is new or no longer protected begins anew. Control thread.</summary>
    public void Use(ForwardingSnapshot snapshot)
    {
        for (int i = 1; i < snapshot.EipCount; i++)
        {
            Eip eip = snapshot.EipAt(i);
            if (snapshot.Protections.Length == 0 || !snapshot.Protections[i].IsThere || eip.Since == snapshot.Version)
            {
                _states[eip.Number] = default;
            }
        }

        if (snapshot.Protections.Length == 0)
        {
            Volatile.Write(ref _nextDueMs, long.MaxValue);
        }
        else
        {
            Interlocked.CompareExchange(ref _nextDueMs, 0, long.MaxValue);
        }
    }

    /// <summary>True while the EIP counts as attacked.</summary>
    /// <param name="number"><see cref="Eip.Number"/>.</param>
    public bool IsScrubbing(int number) => Volatile.Read(ref _states[number].BeganNs) != 0;

    /// <summary>Counts a first packet from outside that rules allow; begins scrubbing with the one that is over a threshold.</summary>
    public void NoteOpening(int number, bool isSyn, in EipProtection protection, long nowNs)
    {
        State* s = _states + number;
        long openings = Interlocked.Increment(ref s->NewConnections) - Volatile.Read(ref s->StartNewConnections);
        if (protection.NewConnectionsPerSecond != 0 && openings > protection.NewConnectionsPerSecond)
        {
            Begin(s, ScrubbingTrigger.NewConnections, nowNs);
        }

        if (!isSyn)
        {
            return;
        }

        long syns = Interlocked.Increment(ref s->Syns) - Volatile.Read(ref s->StartSyns);
        if (protection.SynsPerSecond != 0 && syns > protection.SynsPerSecond)
        {
            Begin(s, ScrubbingTrigger.Syns, nowNs);
        }
    }

    /// <summary>Takes a new flow other than TCP to an EIP under attack from what its sources' /24 may have, then from what the EIP may.
    /// </summary>
    public bool TryTakeFlow(int number, uint source, in EipProtection protection, long nowNs)
    {
        long rate = protection.NewConnectionsPerSecond != 0 ? protection.NewConnectionsPerSecond : UsualFlowsPerSecond;
        ref long prefix = ref _prefixes[SipHash.Of(source & Prefix24Mask, (ulong)number, _key) & (PrefixBuckets - 1)];
        return TryTake(ref prefix, Math.Max(1, rate / PrefixShare), nowNs) && TryTake(ref _states[number].FlowsFullAtNs, rate, nowNs);
    }

    /// <summary>Counts a packet that scrubbing dropped.</summary>
    public void NoteScrubbed(int number, int packets, int bytes)
    {
        Interlocked.Add(ref _states[number].ScrubbedPackets, packets);
        Interlocked.Add(ref _states[number].ScrubbedBytes, bytes);
    }

    /// <summary>Counts a challenge.</summary>
    public void NoteChallenge(int number) => Interlocked.Increment(ref _states[number].Challenges);

    /// <summary>Remembers a source that answered its challenge.</summary>
    public void NoteProof(int number, uint source, long nowNs)
    {
        Interlocked.Increment(ref _states[number].Proofs);
        Proven.Add(source, nowNs);
    }

    /// <summary>Reads the meters, when that is due and no other worker does it.</summary>
    public void Look(ForwardingSnapshot snapshot, long nowNs)
    {
        if (Interlocked.Exchange(ref _isLooking, 1) != 0)
        {
            return;
        }

        if (_intervalStartNs == 0)
        {
            _intervalStartNs = nowNs;
        }

        long elapsedNs = nowNs - _intervalStartNs;
        for (int i = 1; i < snapshot.Protections.Length; i++)
        {
            if (snapshot.Protections[i].IsThere)
            {
                LookAt(snapshot.Eips[i].Number, snapshot.Protections[i], elapsedNs, nowNs);
            }
        }

        if (elapsedNs >= IntervalNs)
        {
            _intervalStartNs = nowNs;
        }

        long nextNs = Math.Min(nowNs + (LookEveryMs * NsPerMs), _intervalStartNs + IntervalNs);
        long due = Volatile.Read(ref _nextDueMs);
        Interlocked.CompareExchange(ref _nextDueMs, due == long.MaxValue ? due : (nextNs + NsPerMs - 1) / NsPerMs, due);
        Volatile.Write(ref _isLooking, 0);
    }

    /// <summary>How an EIP fares; any thread.</summary>
    public ScrubbingReading ReadingOf(int number)
    {
        State* s = _states + number;
        return new ScrubbingReading(
            Volatile.Read(ref s->BeganNs) != 0, Volatile.Read(ref s->Episodes), (ScrubbingTrigger)Volatile.Read(ref s->Trigger), s->Rates,
            s->Peak, Volatile.Read(ref s->ScrubbedPackets), Volatile.Read(ref s->ScrubbedBytes), Volatile.Read(ref s->Challenges),
            Volatile.Read(ref s->Proofs));
    }

    /// <summary>Copies who is under attack and who proved his address: for explanations, which count nothing that lasts.</summary>
    public void CopyTo(Scrubber other)
    {
        nuint bytes = (nuint)Math.Min(_capacity, other._capacity) * (nuint)sizeof(State);
        Buffer.MemoryCopy(_states, other._states, bytes, bytes);
        Proven.CopyTo(other.Proven);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _memory.Dispose();
        Proven.Dispose();
    }

    private static bool TryTake(ref long fullAtNs, long perSecond, long nowNs)
    {
        const int LeastBurst = 4;
        const int BurstsPerSecond = 20;
        long costNs = IntervalNs / perSecond;
        return CellRate.TryTake(ref fullAtNs, costNs, costNs * Math.Max(LeastBurst, perSecond / BurstsPerSecond), nowNs);
    }

    private static void Begin(State* s, ScrubbingTrigger trigger, long nowNs)
    {
        if (Volatile.Read(ref s->BeganNs) != 0)
        {
            return;
        }

        Volatile.Write(ref s->NotCalmNs, nowNs);
        Volatile.Write(ref s->Trigger, (long)trigger);
        s->Peak = default;
        if (Interlocked.CompareExchange(ref s->BeganNs, Math.Max(1, nowNs), 0) == 0)
        {
            Interlocked.Increment(ref s->Episodes);
        }
    }

    private void LookAt(int number, in EipProtection limits, long elapsedNs, long nowNs)
    {
        State* s = _states + number;
        (long packets, long bytes) = Offered(number);
        long syns = Volatile.Read(ref s->Syns);
        long openings = Volatile.Read(ref s->NewConnections);
        if (s->IsKnown != 0)
        {
            var counted = new InboundRates(
                8 * (bytes - s->StartBytes), packets - s->StartPackets, syns - s->StartSyns, openings - s->StartNewConnections);
            Judge(s, limits, counted, elapsedNs, nowNs);
        }

        if (s->IsKnown == 0 || elapsedNs >= IntervalNs)
        {
            s->IsKnown = 1;
            s->StartBytes = bytes;
            s->StartPackets = packets;
            Volatile.Write(ref s->StartSyns, syns);
            Volatile.Write(ref s->StartNewConnections, openings);
        }
    }

    private static void Judge(State* s, in EipProtection limits, in InboundRates counted, long elapsedNs, long nowNs)
    {
        // Within an interval what was counted so far stands for the whole of it: over is over, whatever comes.
        InboundRates rates = elapsedNs <= IntervalNs ? counted : new InboundRates(
            PerSecond(counted.Bits, elapsedNs), PerSecond(counted.Packets, elapsedNs), PerSecond(counted.Syns, elapsedNs),
            PerSecond(counted.NewConnections, elapsedNs));
        ScrubbingTrigger over = IsOver(rates.Syns, limits.SynsPerSecond) ? ScrubbingTrigger.Syns
            : IsOver(rates.NewConnections, limits.NewConnectionsPerSecond) ? ScrubbingTrigger.NewConnections
            : IsOver(rates.Packets, limits.PacketsPerSecond) ? ScrubbingTrigger.Packets
            : IsOver(rates.Bits, limits.BitsPerSecond) ? ScrubbingTrigger.Bits
            : ScrubbingTrigger.None;
        if (over != ScrubbingTrigger.None)
        {
            Begin(s, over, nowNs);
        }

        if (elapsedNs < IntervalNs)
        {
            return;
        }

        s->Rates = rates;
        s->Peak = new InboundRates(
            Math.Max(s->Peak.Bits, rates.Bits), Math.Max(s->Peak.Packets, rates.Packets), Math.Max(s->Peak.Syns, rates.Syns),
            Math.Max(s->Peak.NewConnections, rates.NewConnections));
        bool isLow = IsLow(rates.Bits, limits.BitsPerSecond) && IsLow(rates.Packets, limits.PacketsPerSecond) &&
            IsLow(rates.Syns, limits.SynsPerSecond) && IsLow(rates.NewConnections, limits.NewConnectionsPerSecond);
        if (!isLow)
        {
            s->NotCalmNs = nowNs;
        }
        else if (s->BeganNs != 0 && nowNs - s->NotCalmNs >= limits.CalmForNs)
        {
            Volatile.Write(ref s->BeganNs, 0);
        }
    }

    /// <summary>What came to an EIP, whatever became of it.</summary>
    private (long Packets, long Bytes) Offered(int number)
    {
        State* s = _states + number;
        long packets = Volatile.Read(ref s->ScrubbedPackets);
        long bytes = Volatile.Read(ref s->ScrubbedBytes);
        foreach (WorkerCounters counters in Volatile.Read(ref _counters))
        {
            MeterCounters* meter = counters.Meters + Eip.InMeterOf(number);
            packets += Volatile.Read(ref meter->Packets) + Volatile.Read(ref meter->DroppedPackets);
            bytes += Volatile.Read(ref meter->Bytes) + Volatile.Read(ref meter->DroppedBytes);
        }

        return (packets, bytes);
    }

    private static bool IsOver(long rate, long threshold) => threshold != 0 && rate > threshold;

    private static bool IsLow(long rate, long threshold) => threshold == 0 || rate <= threshold / 5.0 * LowOf5;

    private static long PerSecond(long count, long elapsedNs) => (long)((Int128)count * IntervalNs / elapsedNs);
}
