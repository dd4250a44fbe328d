using System.Numerics;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;

namespace VSwitch.DataPlane.Balancing;

/// <summary>Which backend a client's connection goes to. All workers read it to find the inside key of a packet; the worker that
/// chooses a backend writes the session, the worker that owns the connection takes it out. In native memory, of a fixed size.
/// <para>A session has one of two homes by its hash, sets of eight slots with a word of eight tags each: a look-up reads one or two
/// words of tags and the one slot that counts. A slot is claimed and given up by compare-and-swap of its control word, whose sequence
/// number lets a reader see that the slot was another's meanwhile. Who inserts holds the lock of the first home (one word, for some
/// dozen instructions), so of two workers that insert the same client the second gets what the first one chose.</para></summary>
public sealed unsafe class BalancerSessions : IDisposable
{
    /// <summary>The session is one of a connection that is being opened.</summary>
    private const ulong Tentative = 2;

    private const ulong Free = 0;
    private const ulong Busy = 1;
    private const ulong Attached = 3;
    private const ulong StateMask = 3;
    private const ulong SequenceStep = 4;
    private const ulong SequenceMask = 0xFFFF_FFFC;
    private const int Ways = 8;
    private const ulong EachTag = 0x0101_0101_0101_0101;

    private readonly HugeMemory _slotMemory;
    private readonly HugeMemory _tagMemory;
    private readonly HugeMemory _lockMemory;
    private readonly Slot* _slots;
    private readonly ulong* _tags;
    private readonly int* _locks;
    private readonly uint _mask;
    private readonly (ulong Low, ulong High) _secret;
    private readonly BackendStates _backends;
    private readonly BalancerSessions? _parent;
    private int _count;

    /// <summary>Makes an empty table.</summary>
    /// <param name="capacity">Sessions that it takes; with twice the slots a set of both homes is never full in practice.</param>
    /// <param name="secret">Key of the hash.</param>
    /// <param name="backends">Their live connections are counted here.</param>
    /// <param name="parent">A table whose sessions are known here too and never written from here (a dry run's); may be null.</param>
    public BalancerSessions(int capacity, (ulong Low, ulong High) secret, BackendStates backends, BalancerSessions? parent = null)
    {
        uint sets = Math.Max(1, BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, capacity)) * 2 / Ways);
        _mask = sets - 1;
        _secret = secret;
        _backends = backends;
        _parent = parent;
        _slotMemory = new HugeMemory(sets * (nuint)Ways * (nuint)sizeof(Slot));
        _tagMemory = new HugeMemory(sets * (nuint)sizeof(ulong));
        _lockMemory = new HugeMemory(sets * (nuint)sizeof(int));
        _slots = (Slot*)_slotMemory.Address;
        _tags = (ulong*)_tagMemory.Address;
        _locks = (int*)_lockMemory.Address;
    }

    private struct Slot
    {
        public ulong KeyLow;
        public ulong KeyHigh;

        /// <summary><see cref="Session.Word"/>; one word, so it changes at once.</summary>
        public ulong Session;

        /// <summary>State (2 bits), sequence number (30), deadline in milliseconds (32, wrapping).</summary>
        public ulong Control;
    }

    /// <summary>Sessions and remembered source addresses.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Slots.</summary>
    public long SlotCount => (_mask + 1L) * Ways;

    /// <summary>Finds where a client's connection goes.</summary>
    /// <param name="key">The client.</param>
    /// <param name="nowMs">The time, milliseconds (wrapping).</param>
    /// <param name="session">Where to.</param>
    /// <returns>False when there is no session, or its time is up.</returns>
    public bool TryFind(in SessionKey key, uint nowMs, out Session session)
    {
        session = default;
        Slot* slot = FindSlot(key, out ulong control, out ulong word);
        if (slot == null)
        {
            return _parent != null && _parent.TryFind(key, nowMs, out session);
        }

        session = Session.Of(word);
        return session.IsThere && !IsOver(control, nowMs);
    }

    /// <summary>Inserts a session, tentative until <see cref="TryAttach"/>, and counts it for its backend.</summary>
    /// <param name="key">The client.</param>
    /// <param name="wanted">The backend that was chosen.</param>
    /// <param name="nowMs">The time, milliseconds (wrapping).</param>
    /// <param name="lifeMs">So long it stays when no connection comes of it.</param>
    /// <returns>The session that holds: another worker's where that came first; nowhere when the table is full.</returns>
    public Session Insert(in SessionKey key, in Session wanted, uint nowMs, uint lifeMs)
    {
        Home home = HomeOf(key);
        Lock(home.First);
        Slot* slot = FindSlot(key, out ulong control, out ulong word);
        Session held = Session.Of(word);
        if (slot == null || !held.IsThere || IsOver(control, nowMs))
        {
            if (slot != null)
            {
                TryFree(slot, control, key, Session.Of(word));
            }

            held = TryClaim(home, nowMs, out slot) ? wanted : default;
            if (held.IsThere)
            {
                Fill(slot, key, home, wanted, Tentative, nowMs + lifeMs);
            }
        }

        Unlock(home.First);
        return held;
    }

    /// <summary>Notes which backend a source address stays with, or for how long it goes on to.</summary>
    /// <returns>False when there is no room.</returns>
    public bool Remember(in SessionKey sticky, in Session session, uint nowMs, uint lifeMs)
    {
        Home home = HomeOf(sticky);
        Lock(home.First);
        Slot* slot = FindSlot(sticky, out _, out _);
        bool isThere = slot != null;
        if (isThere)
        {
            Volatile.Write(ref slot->Session, session.Word);
            SetState(slot, Tentative, nowMs + lifeMs);
        }
        else if (TryClaim(home, nowMs, out slot))
        {
            Fill(slot, sticky, home, session, Tentative, nowMs + lifeMs);
            isThere = true;
        }

        Unlock(home.First);
        return isThere;
    }

    /// <summary>Binds a session to its connection: from here on it has no time of its own.</summary>
    /// <returns>False when there is no such session (any more).</returns>
    public bool TryAttach(in SessionKey key, in Session session)
    {
        Slot* slot = FindSlot(key, out _, out ulong word);
        if (slot == null)
        {
            return _parent != null && _parent.TryFind(key, 0, out Session held) && held == session;
        }

        if (word != session.Word)
        {
            return false;
        }

        SetState(slot, Attached, 0);
        return true;
    }

    /// <summary>Puts in the session of a connection whose copy was put in, if the parent has it: what was over here is there again.
    /// </summary>
    /// <param name="key">The client.</param>
    /// <param name="endpoint">The connection's other end; its number does not count.</param>
    /// <param name="nowMs">The time, milliseconds (wrapping).</param>
    public void ImportFromParent(in SessionKey key, in Session endpoint, uint nowMs)
    {
        if (_parent != null && _parent.TryFind(key, nowMs, out Session session) && session with { Backend = 0 } == endpoint &&
            Insert(key, session, nowMs, lifeMs: 0) == session)
        {
            TryAttach(key, session);
        }
    }

    /// <summary>Takes a session out; once, whoever comes first.</summary>
    /// <param name="key">The client.</param>
    /// <param name="session">The session that is over; another one of the same client stays.</param>
    /// <param name="onlyTentative">True to leave one alone that has a connection.</param>
    public void Release(in SessionKey key, in Session session, bool onlyTentative = false)
    {
        Slot* slot = FindSlot(key, out ulong control, out ulong word);
        if (slot != null && word == session.Word && (!onlyTentative || (control & StateMask) == Tentative))
        {
            TryFree(slot, control, key, session);
        }

        if (_parent != null && !onlyTentative)
        {
            HideParents(key, session);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _slotMemory.Dispose();
        _tagMemory.Dispose();
        _lockMemory.Dispose();
    }

    /// <summary>What the parent knows is over here: a session to nowhere stands before it.</summary>
    private void HideParents(in SessionKey key, in Session session)
    {
        if (!_parent!.TryFind(key, 0, out Session held) || held != session)
        {
            return;
        }

        Home home = HomeOf(key);
        Lock(home.First);
        if (FindSlot(key, out _, out _) == null && TryClaim(home, 0, out Slot* slot))
        {
            Fill(slot, key, home, default, Attached, 0);
        }

        Unlock(home.First);
    }

    private static bool IsOver(ulong control, uint nowMs) =>
        (control & StateMask) == Tentative && (int)(nowMs - (uint)(control >> 32)) >= 0;

    private Home HomeOf(in SessionKey key)
    {
        ulong top = Math.BigMul(key.Low ^ _secret.Low, key.High ^ _secret.High, out ulong bottom);
        ulong hash = (top ^ bottom) * 0x9E37_79B9_7F4A_7C15UL;
        byte tag = (byte)(hash >> 56);
        return new Home((uint)(hash >> 24) & _mask, (uint)(hash >> 3) & _mask, tag == 0 ? (byte)1 : tag);
    }

    private Slot* FindSlot(in SessionKey key, out ulong control, out ulong word)
    {
        Home home = HomeOf(key);
        Slot* slot = FindIn(home.First, home.Tag, key, out control, out word);
        return slot != null || home.First == home.Second ? slot : FindIn(home.Second, home.Tag, key, out control, out word);
    }

    private Slot* FindIn(uint set, byte tag, in SessionKey key, out ulong control, out ulong word)
    {
        // A byte of the difference is 0 where the tag is the one; its high bit is set in "zeros", and perhaps that of one above it.
        ulong difference = Volatile.Read(ref _tags[set]) ^ (tag * EachTag);
        ulong zeros = (difference - EachTag) & ~difference & (EachTag << 7);
        for (; zeros != 0; zeros &= zeros - 1)
        {
            Slot* slot = SlotAt(set, BitOperations.TrailingZeroCount(zeros) / 8);
            control = Volatile.Read(ref slot->Control);
            bool isIt = (control & StateMask) > Busy && Volatile.Read(ref slot->KeyLow) == key.Low &&
                Volatile.Read(ref slot->KeyHigh) == key.High;
            word = Volatile.Read(ref slot->Session);
            if (isIt && ((Volatile.Read(ref slot->Control) ^ control) & SequenceMask) == 0)
            {
                return slot;
            }
        }

        control = 0;
        word = 0;
        return null;
    }

    private Slot* SlotAt(uint set, int way) => _slots + (((long)set * Ways) + way);

    /// <summary>Claims a free slot in the emptier home, or one whose time is up.</summary>
    private bool TryClaim(in Home home, uint nowMs, out Slot* slot)
    {
        bool secondFirst = TagsIn(home.Second) < TagsIn(home.First);
        return TryClaimIn(secondFirst ? home.Second : home.First, nowMs, out slot) ||
            TryClaimIn(secondFirst ? home.First : home.Second, nowMs, out slot);
    }

    private int TagsIn(uint set)
    {
        ulong tags = Volatile.Read(ref _tags[set]);
        ulong empty = (tags - EachTag) & ~tags & (EachTag << 7);
        return Ways - BitOperations.PopCount(empty);
    }

    private bool TryClaimIn(uint set, uint nowMs, out Slot* slot)
    {
        for (int way = 0; way < Ways; way++)
        {
            slot = SlotAt(set, way);
            ulong control = Volatile.Read(ref slot->Control);
            if (IsOver(control, nowMs))
            {
                TryFree(slot, control, new SessionKey(slot->KeyLow, slot->KeyHigh), Session.Of(slot->Session));
                control = Volatile.Read(ref slot->Control);
            }

            if ((control & StateMask) == Free &&
                Interlocked.CompareExchange(ref slot->Control, (uint)(control + SequenceStep) | Busy, control) == control)
            {
                return true;
            }
        }

        slot = null;
        return false;
    }

    private void Fill(Slot* slot, in SessionKey key, in Home home, in Session session, ulong state, uint deadlineMs)
    {
        slot->KeyLow = key.Low;
        slot->KeyHigh = key.High;
        slot->Session = session.Word;
        ulong sequence = slot->Control & SequenceMask;
        long number = slot - _slots;

        // The tag first: once the control word says that the slot is in use, anybody may free it, tag and all.
        Interlocked.Or(ref _tags[number / Ways], (ulong)home.Tag << (int)(8 * (number % Ways)));
        Volatile.Write(ref slot->Control, sequence | state | ((ulong)deadlineMs << 32));
        Interlocked.Increment(ref _count);
        if (session.IsThere && !key.IsSticky)
        {
            _backends.NoteBegin(session.Backend);
        }
    }

    /// <summary>Frees a slot that is as the caller saw it but for its state and deadline.</summary>
    private void TryFree(Slot* slot, ulong control, in SessionKey key, in Session session)
    {
        ulong seen = control;
        while ((control & StateMask) > Busy)
        {
            ulong claimed = (uint)((control & SequenceMask) + SequenceStep) | Busy;
            ulong now = Interlocked.CompareExchange(ref slot->Control, claimed, control);
            if (now == control)
            {
                long number = slot - _slots;
                Interlocked.And(ref _tags[number / Ways], ~(0xFFUL << (int)(8 * (number % Ways))));
                Volatile.Write(ref slot->Control, claimed & SequenceMask);
                Interlocked.Decrement(ref _count);
                if (session.IsThere && !key.IsSticky)
                {
                    _backends.NoteEnd(session.Backend);
                }

                return;
            }

            if (((now ^ seen) & SequenceMask) != 0)
            {
                return;
            }

            control = now;
        }
    }

    private static void SetState(Slot* slot, ulong state, uint deadlineMs)
    {
        ulong control = Volatile.Read(ref slot->Control);
        while ((control & StateMask) > Busy)
        {
            ulong next = (control & SequenceMask) | state | ((ulong)deadlineMs << 32);
            ulong now = Interlocked.CompareExchange(ref slot->Control, next, control);
            if (now == control)
            {
                return;
            }

            if (((now ^ control) & SequenceMask) != 0)
            {
                return;
            }

            control = now;
        }
    }

    private void Lock(uint set)
    {
        var spin = default(SpinWait);
        while (Interlocked.CompareExchange(ref _locks[set], 1, 0) != 0)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    private void Unlock(uint set) => Volatile.Write(ref _locks[set], 0);

    private readonly record struct Home(uint First, uint Second, byte Tag);
}
