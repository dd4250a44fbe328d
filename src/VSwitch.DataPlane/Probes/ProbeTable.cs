using System.Buffers.Binary;
using System.Security.Cryptography;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Workers;

namespace VSwitch.DataPlane.Probes;

/// <summary>The health checks: which question is due, and what the answers say. Native memory indexed by the number of a check, so a
/// new snapshot keeps what is known.
/// <para>One worker at a time takes what is due (<see cref="TryBegin"/> to <see cref="End"/>); the schedule is its alone meanwhile.
/// Answers come to any worker: a question is closed by one compare-and-swap of its <c>Cycle</c>, by its answer or by its time being
/// up, and whoever closed it counts it. Whatever is read by others is whole 64-bit words.</para></summary>
public sealed unsafe class ProbeTable : IDisposable
{
    /// <summary>Numbers of checks are below this: each has a port, or an ICMP identifier, of its own from
    /// <see cref="FirstPort"/> on (the dynamic ports, RFC 6335 section 6).</summary>
    public const int Capacity = 65536 - FirstPort;

    /// <summary>Source port of the check with number 0, which there is none of.</summary>
    public const int FirstPort = 49152;

    private const ulong Outstanding = 1;
    private const int MaxStreak = ushort.MaxValue;
    private readonly HugeMemory _memory;
    private readonly State* _states;
    private readonly ulong _key;
    private readonly Alarm _due = new();
    private readonly Alarm _alarm;
    private readonly ProbeSchedule _schedule = new(Capacity);
    private ProbeTarget[] _targets = [];
    private int _isTaken;
    private int _version;

    /// <summary>Makes a table without checks.</summary>
    /// <param name="secret">Of the switch; what the answers must repeat is derived from it.</param>
    /// <param name="alarm">Is brought forward with <see cref="NextDueMs"/>.</param>
    public ProbeTable((ulong Low, ulong High) secret, Alarm alarm)
    {
        _alarm = alarm;
        _memory = new HugeMemory(Capacity * (nuint)sizeof(State));
        _states = (State*)_memory.Address;

        // Not the secret itself: a guest sees what is made of this one.
        Span<byte> text = stackalloc byte[24];
        BinaryPrimitives.WriteUInt64LittleEndian(text, secret.Low);
        BinaryPrimitives.WriteUInt64LittleEndian(text[8..], secret.High);
        "probes"u8.CopyTo(text[16..]);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(text, hash);
        _key = BinaryPrimitives.ReadUInt64LittleEndian(hash) | 1;
    }

    private struct State
    {
        /// <summary>Questions so far in the high half; bit 0: the last one waits for its answer.</summary>
        public ulong Cycle;

        /// <summary>Health (2 bits), answers in a row (from bit 16), failures in a row (from bit 32).</summary>
        public ulong Verdict;

        public long SinceNs;
        public long SentNs;
        public long RoundTripNs;
        public long Sent;
        public long Answered;
        public long Failed;

        /// <summary>When the next question is due, milliseconds. The taker's alone, as the next one.</summary>
        public long NextSendMs;

        /// <summary>When the time of the last question is up, milliseconds.</summary>
        public long TimeoutMs;
    }

    /// <summary>When a check is due for <see cref="TryBegin"/>, milliseconds.</summary>
    public long NextDueMs => _due.NextDueMs;

    /// <summary>Grows after the health of any target changed.</summary>
    public int Version => Volatile.Read(ref _version);

    /// <summary>Says that the snapshot's checks may be others than before; the next burst of any worker takes them up.</summary>
    public void Refresh() => BringForward(0);

    /// <summary>How a target is; any thread.</summary>
    /// <param name="number">The check; below <see cref="Capacity"/>.</param>
    public ProbeHealth HealthOf(int number) => (ProbeHealth)(Volatile.Read(ref _states[number].Verdict) & 3);

    /// <summary>What is known of a target; any thread.</summary>
    /// <param name="number">The check; below <see cref="Capacity"/>.</param>
    public ProbeReading Read(int number)
    {
        State* s = _states + number;
        return new ProbeReading(
            HealthOf(number), Volatile.Read(ref s->SinceNs), Volatile.Read(ref s->RoundTripNs), Volatile.Read(ref s->Sent),
            Volatile.Read(ref s->Answered), Volatile.Read(ref s->Failed));
    }

    /// <summary>Begins to take what is due.</summary>
    /// <param name="nowMs">The time, milliseconds.</param>
    /// <returns>False when nothing is due, or another worker takes it.</returns>
    public bool TryBegin(long nowMs)
    {
        if (NextDueMs > nowMs || Interlocked.CompareExchange(ref _isTaken, 1, 0) != 0)
        {
            return false;
        }

        _due.Clear();
        return true;
    }

    /// <summary>Takes up the checks of a snapshot, between <see cref="TryBegin"/> and <see cref="End"/>. One that asks the same as before
    /// keeps what is known; a new one is asked at once.</summary>
    /// <param name="targets">By number.</param>
    /// <param name="nowNs">The time, nanoseconds.</param>
    public void Use(ProbeTarget[] targets, long nowNs)
    {
        if (ReferenceEquals(targets, _targets))
        {
            return;
        }

        long nowMs = nowNs / 1_000_000;
        _schedule.Clear();
        for (int number = 1; number < targets.Length; number++)
        {
            ref readonly ProbeTarget target = ref targets[number];
            if (target.Port == 0)
            {
                continue;
            }

            State* s = _states + number;
            if (number < _targets.Length && target.AsksTheSame(_targets[number]))
            {
                s->NextSendMs = Math.Min(s->NextSendMs, nowMs + target.IntervalMs);
                _schedule.Add(number, IsWaiting(s) ? Math.Min(s->TimeoutMs, s->NextSendMs) : s->NextSendMs);
            }
            else
            {
                Reset(s, nowNs);
                s->NextSendMs = nowMs;
                _schedule.Add(number, nowMs);
            }
        }

        Volatile.Write(ref _targets, targets);
        Interlocked.Increment(ref _version);
    }

    /// <summary>The next question that is due; what was asked and not answered in time is counted on the way.</summary>
    /// <param name="nowNs">The time, nanoseconds.</param>
    /// <param name="due">The question; it counts as sent.</param>
    /// <returns>False when no more are due.</returns>
    public bool TryNext(long nowNs, out DueProbe due)
    {
        long nowMs = nowNs / 1_000_000;
        while (_schedule.TryTake(nowMs, out int number))
        {
            ref readonly ProbeTarget target = ref _targets[number];
            State* s = _states + number;
            ulong cycle = Volatile.Read(ref s->Cycle);
            if ((cycle & Outstanding) != 0 && s->TimeoutMs <= nowMs && TryClose(s, cycle))
            {
                Count(number, target, isGood: false, nowNs);
            }

            if (s->NextSendMs > nowMs)
            {
                _schedule.Add(number, s->NextSendMs);
                continue;
            }

            s->NextSendMs = nowMs + target.IntervalMs;
            s->TimeoutMs = nowMs + target.TimeoutMs;
            _schedule.Add(number, s->TimeoutMs);
            Volatile.Write(ref s->SentNs, nowNs);
            Volatile.Write(ref s->Sent, s->Sent + 1);
            uint attempt = (uint)(cycle >> 32) + 1;
            Volatile.Write(ref s->Cycle, ((ulong)attempt << 32) | Outstanding);
            due = new DueProbe(number, target, TokenOf(number, attempt), attempt);
            return true;
        }

        due = default;
        return false;
    }

    /// <summary>Ends what <see cref="TryBegin"/> began.</summary>
    public void End()
    {
        long nextMs = _schedule.NextMs;
        Volatile.Write(ref _isTaken, 0);
        BringForward(nextMs);
    }

    /// <summary>Takes an answer to the question that waits for one.</summary>
    /// <param name="number">The check.</param>
    /// <param name="target">Whom it asks, by the answer's snapshot.</param>
    /// <param name="token">What the answer repeats.</param>
    /// <param name="isGood">False for an answer that refuses.</param>
    /// <param name="nowNs">The time, nanoseconds.</param>
    /// <returns>False when no question waits for this answer: it is late, a copy, or made up.</returns>
    public bool TryAnswer(int number, in ProbeTarget target, uint token, bool isGood, long nowNs)
    {
        ulong cycle = Volatile.Read(ref _states[number].Cycle);
        return TokenOf(number, (uint)(cycle >> 32)) == token && TryAnswer(number, target, cycle, isGood, nowNs);
    }

    /// <summary>The same for an answer that cannot repeat anything (ARP).</summary>
    public bool TryAnswer(int number, in ProbeTarget target, long nowNs) =>
        TryAnswer(number, target, Volatile.Read(ref _states[number].Cycle), isGood: true, nowNs);

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private bool TryAnswer(int number, in ProbeTarget target, ulong cycle, bool isGood, long nowNs)
    {
        State* s = _states + number;
        long sentNs = Volatile.Read(ref s->SentNs);
        if ((cycle & Outstanding) == 0 || !TryClose(s, cycle))
        {
            return false;
        }

        Volatile.Write(ref s->RoundTripNs, Math.Max(1, nowNs - sentNs));
        Count(number, target, isGood, nowNs);
        return true;
    }

    private static bool IsWaiting(State* s) => (Volatile.Read(ref s->Cycle) & Outstanding) != 0;

    private static bool TryClose(State* s, ulong cycle) =>
        Interlocked.CompareExchange(ref s->Cycle, cycle & ~Outstanding, cycle) == cycle;

    private static void Reset(State* s, long nowNs)
    {
        // Questions go on being numbered, so that an answer to the number's former holder fits no question.
        Volatile.Write(ref s->Cycle, s->Cycle & ~Outstanding);
        Volatile.Write(ref s->Verdict, 0);
        Volatile.Write(ref s->SinceNs, nowNs);
        Volatile.Write(ref s->RoundTripNs, 0);
        Volatile.Write(ref s->Sent, 0);
        Volatile.Write(ref s->Answered, 0);
        Volatile.Write(ref s->Failed, 0);
    }

    private void Count(int number, in ProbeTarget target, bool isGood, long nowNs)
    {
        State* s = _states + number;
        Interlocked.Increment(ref (isGood ? ref s->Answered : ref s->Failed));
        ulong old;
        ulong next;
        do
        {
            old = Volatile.Read(ref s->Verdict);
            next = After(old, target, isGood);
        }
        while (Interlocked.CompareExchange(ref s->Verdict, next, old) != old);
        if ((old & 3) != (next & 3))
        {
            Volatile.Write(ref s->SinceNs, nowNs);
            Interlocked.Increment(ref _version);
        }
    }

    /// <summary>The first answer makes an unknown target healthy: there is nothing to hold against it. What is healthy or unhealthy
    /// changes with as many in a row as the check says.</summary>
    private static ulong After(ulong verdict, in ProbeTarget target, bool isGood)
    {
        var health = (ProbeHealth)(verdict & 3);
        int answers = isGood ? Math.Min((int)((verdict >> 16) & 0xFFFF) + 1, MaxStreak) : 0;
        int failures = isGood ? 0 : Math.Min((int)((verdict >> 32) & 0xFFFF) + 1, MaxStreak);
        if (answers >= target.HealthyThreshold || (isGood && health == ProbeHealth.Unknown))
        {
            health = ProbeHealth.Healthy;
        }
        else if (failures >= target.UnhealthyThreshold)
        {
            health = ProbeHealth.Unhealthy;
        }

        return (ulong)health | ((ulong)answers << 16) | ((ulong)failures << 32);
    }

    private uint TokenOf(int number, uint attempt)
    {
        ulong high = Math.BigMul(_key, (((ulong)attempt << 32) | (uint)number) ^ (_key >> 1), out ulong low);
        return (uint)((high ^ low) >> 16);
    }

    private void BringForward(long dueMs)
    {
        _due.BringForward(dueMs);
        _alarm.BringForward(dueMs);
    }
}
