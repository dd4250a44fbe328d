using VSwitch.DataPlane.Balancing;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.FlowLogs;
using VSwitch.DataPlane.Nat;

namespace VSwitch.DataPlane.Flows;

/// <summary>All that one worker keeps of connections: both tables, their paths, the wheel, and its lease of the budget.
/// An entry is made and taken out here and nowhere else.</summary>
public sealed unsafe partial class Connections : IDisposable
{
    private const int V6Bit = 1 << 30;

    /// <summary>Entries whose lines are asked for together on expiry.</summary>
    private const int VisitAhead = 16;
    private readonly FlowWheel _wheel;
    private readonly FlowBudget _budget;
    private readonly WorkerCounters _counters;
    private int _lease;
    private int _draining;
    private uint _nextTick;
    private uint _nowMs;
    private uint _drainedMs;
    private uint _horizonMs;
    private bool _started;
    private HalfOpenQuota _quota;
    private int _eniCount = 1;
    private int _part;
    private FlowRecorder? _recorder;
    private byte _epoch;

    /// <summary>Makes tables that can hold the whole budget in each family; memory is taken as connections come.</summary>
    public Connections(FlowBudget budget, WorkerCounters counters)
    {
        _budget = budget;
        _counters = counters;
        V4 = new FlowTable(budget.Capacity, isV6: false);
        V6 = new FlowTable(budget.Capacity, isV6: true);
        Paths = new PathTable(budget.Capacity);
        HalfOpen = new HalfOpenList(2 * V4.SlotCount, counters.PortCapacity);
        _wheel = new FlowWheel(2 * V4.SlotCount);
        _quota = new HalfOpenQuota([this], 1);
        ShareAmong(_eniCount);
        Use(Timeouts);
    }

    /// <summary>IPv4 connections.</summary>
    public FlowTable V4 { get; }

    /// <summary>IPv6 connections.</summary>
    public FlowTable V6 { get; }

    /// <summary>Their ways.</summary>
    public PathTable Paths { get; }

    /// <summary>Those that both ends have not yet spoken on, by ENI.</summary>
    internal HalfOpenList HalfOpen { get; }

    /// <summary>Sessions of load balancers' clients, which end with their connections; null while there are none.</summary>
    internal BalancerSessions? Sessions { get; set; }

    /// <summary>Idle times in force.</summary>
    public ConnectionTimeouts Timeouts { get; private set; } = new();

    /// <summary>Connections of both families.</summary>
    public int Count => V4.Count + V6.Count;

    /// <summary>Gets what connections carried, for flow logs; null while there are none. What they carried before it came is not
    /// reported.</summary>
    internal FlowRecorder? Recorder
    {
        get => _recorder;
        set
        {
            bool isNew = value != _recorder;
            _recorder = value;
            if (value != null && isNew)
            {
                _epoch = (byte)(_epoch == byte.MaxValue ? 1 : _epoch + 1);
                value.Epoch = _epoch;
            }
        }
    }

    /// <summary>Where connections that go out by a NAT gateway have their public ports; null where none do.</summary>
    internal NatTable? Nat { get; set; }

    /// <summary>The worker's time, milliseconds (wrapping): when it last moved time on.</summary>
    public uint NowMs => _nowMs;

    /// <summary>Sets the idle times for what comes; timers that run keep their deadline.</summary>
    public void Use(ConnectionTimeouts timeouts)
    {
        Timeouts = timeouts;

        // No time-out is shorter, so an entry is always looked at before its deadline passes.
        _horizonMs = Math.Min(FlowWheel.MaxHorizonMs, timeouts.ShortestMs);
    }

    /// <summary>Sets how many ENIs share the capacity for half-open connections.</summary>
    public void ShareAmong(int eniCount)
    {
        _eniCount = eniCount;
        _part = _quota.PartOf(_budget.Capacity, eniCount);
    }

    /// <summary>Joins the workers of a switch.</summary>
    /// <param name="members">All of them where they run in turn on one thread; else this one alone.</param>
    /// <param name="workerCount">How many there are.</param>
    internal void Join(Connections[] members, int workerCount)
    {
        _quota = new HalfOpenQuota(members, workerCount);
        ShareAmong(_eniCount);
    }

    /// <summary>True when the entry's idle time is over.</summary>
    public static bool IsExpired(FlowEntry* entry, uint nowMs) => (int)(nowMs - entry->DeadlineMs) >= 0;

    /// <summary>Makes an entry, half open; null when the budget or the table is full of answered ones.</summary>
    /// <param name="isV6">The family.</param>
    /// <param name="keyLow">Low half of the key.</param>
    /// <param name="keyHigh">High half of the key.</param>
    /// <param name="hash">Hash of the key.</param>
    /// <param name="chargedPort">The ENI that it counts against (order of checks, section 12).</param>
    public FlowEntry* Add(bool isV6, ulong keyLow, ulong keyHigh, uint hash, int chargedPort)
    {
        _quota.MakeRoomFor(chargedPort, _part);
        if (_lease == 0)
        {
            _lease = _budget.Take();
            if (_lease == 0 && !TryReap())
            {
                return null;
            }
        }

        FlowTable table = isV6 ? V6 : V4;
        FlowEntry* entry = table.Add(keyLow, keyHigh, hash);
        if (entry == null)
        {
            return null;
        }

        _lease--;
        int number = table.NumberOf(entry);
        FlowDetail* detail = table.DetailOf(entry);
        detail->CreatedMs = _nowMs;
        detail->LogEpoch = _epoch;
        HalfOpen.Add(SlotOf(table, number), chargedPort, _budget.NextOrder());
        if (detail->InWheel == 0)
        {
            detail->InWheel = 1;
            _wheel.Add(number | (isV6 ? V6Bit : 0), FlowWheel.TickOf(_nowMs + _horizonMs));
        }

        _counters.FlowsCreated++;

        // What the next connection will be written to is on its way while this one is made.
        int next = table.NextNumber;
        table.PrefetchWhole(next);
        HalfOpen.Prefetch(SlotOf(table, next));
        return entry;
    }

    /// <summary>What is rarely asked of a connection.</summary>
    public FlowDetail* DetailOf(FlowEntry* entry) => TableOf(entry).DetailOf(entry);

    /// <summary>Both ends have spoken: the entry is never evicted from here on.</summary>
    public void MarkAnswered(FlowEntry* entry)
    {
        FlowTable table = TableOf(entry);
        HalfOpen.Remove(SlotOf(table, table.NumberOf(entry)));
        entry->Flags |= FlowFlags.Answered;
    }

    /// <summary>Lets the oldest half-open connection charged to a port go; there is one.</summary>
    internal void EvictOldestOf(int port)
    {
        int slot = HalfOpen.OldestOf(port);
        _counters.FlowsEvicted++;
        Remove(At(slot));
    }

    /// <summary>Takes an entry out and lets go of its path.</summary>
    public void Remove(FlowEntry* entry)
    {
        FlowTable table = TableOf(entry);
        _recorder?.NoteEnd(this, entry, table.DetailOf(entry), SlotOf(table, table.NumberOf(entry)));
        if ((entry->Flags & FlowFlags.Answered) == 0)
        {
            HalfOpen.Remove(SlotOf(table, table.NumberOf(entry)));
        }

        if ((entry->Flags & FlowFlags.HasPublicPort) != 0)
        {
            GivePortBack(entry);
        }

        if (entry->Path != 0)
        {
            ReleaseSession(entry);
            Paths.Release(entry->Path);
            entry->Path = 0;
        }

        table.Remove(entry);
        _counters.FlowsRemoved++;
        if (++_lease >= 2 * _budget.LeaseSize || _budget.LeaseSize == 1)
        {
            int give = _budget.LeaseSize == 1 ? _lease : _budget.LeaseSize;
            _budget.Give(give);
            _lease -= give;
        }
    }

    /// <summary>Moves time on and takes out what has expired.</summary>
    /// <param name="nowMs">The time, wrapping.</param>
    /// <param name="maxEntries">Entries to look at before giving way to packets; the rest follows at the next call.</param>
    public void Advance(uint nowMs, int maxEntries)
    {
        uint nowTick = FlowWheel.TickOf(nowMs);
        if (!_started)
        {
            _started = true;
            _nextTick = nowTick;
        }

        _nowMs = nowMs;
        uint behind = (nowTick - _nextTick) & (uint.MaxValue >> FlowWheel.SlotShift);
        if (behind > FlowWheel.SlotCount)
        {
            // The clock jumped: every slot is due, each once.
            _nextTick = nowTick - FlowWheel.SlotCount;
            behind = FlowWheel.SlotCount;
        }

        while (maxEntries > 0)
        {
            maxEntries -= DrainChunk();
            if (_draining == FlowWheel.NoList)
            {
                if (behind == 0)
                {
                    return;
                }

                _draining = _wheel.Detach(_nextTick++);
                behind--;
            }
        }
    }

    /// <summary>The connection at a place: places below the slots of <see cref="V4"/> are its, those above them of <see cref="V6"/>.
    /// A place without a connection has the state <see cref="FlowState.Free"/>.</summary>
    public FlowEntry* At(int place) => place < V4.SlotCount ? V4.At(place) : V6.At(place - V4.SlotCount);

    /// <summary>The place of a connection.</summary>
    public int PlaceOf(FlowEntry* entry)
    {
        FlowTable table = TableOf(entry);
        return SlotOf(table, table.NumberOf(entry));
    }

    /// <summary>Copies a connection out; the worker only, between bursts.</summary>
    /// <param name="place">Its place.</param>
    /// <param name="worker">The worker's number, for the record.</param>
    /// <param name="record">Takes the copy.</param>
    internal void Copy(int place, int worker, ref ConnectionRecord record)
    {
        FlowEntry* entry = At(place);
        FlowTable table = TableOf(entry);
        FlowAction* actions = Paths.Actions + (2L * entry->Path);
        int forward = (entry->Flags & FlowFlags.OpenerSwapped) != 0 ? 1 : 0;
        record.Entry = *entry;
        record.Detail = *table.DetailOf(entry);
        record.Addresses = table.IsV6 ? *table.AddressesOf(entry) : default;
        record.Forward = actions[forward];
        record.Reply = actions[forward ^ 1];
        record.TakenMs = _nowMs;
        record.Worker = worker;
        record.Place = place;
    }

    /// <summary>Puts a copy of a connection in as it was, into tables with the same secret (<see cref="Workers.SwitchShared.Fork"/>).
    /// </summary>
    /// <returns>The entry; null when there is no room.</returns>
    public FlowEntry* Import(in ConnectionRecord record)
    {
        FlowEntry entry = record.Entry;
        int charged = record.OpenerPort != 0 ? record.OpenerPort : record.OtherPort;
        FlowEntry* copy = Add(record.IsV6, entry.KeyLow, entry.KeyHigh, record.Detail.Hash, charged);
        if (copy == null)
        {
            return null;
        }

        FlowTable table = TableOf(copy);
        FlowDetail* detail = table.DetailOf(copy);
        byte inWheel = detail->InWheel;
        *detail = record.Detail;
        detail->InWheel = inWheel;
        if (table.IsV6)
        {
            *table.AddressesOf(copy) = record.Addresses;
        }

        *copy = entry;
        copy->Flags &= ~FlowFlags.Answered;
        copy->Path = record.IsOpenerHigher ? Paths.Take(record.Reply, record.Forward) : Paths.Take(record.Forward, record.Reply);
        if ((copy->Flags & FlowFlags.HasPublicPort) != 0 && !TryShare(copy))
        {
            copy->Flags &= ~FlowFlags.HasPublicPort;
        }

        if ((entry.Flags & FlowFlags.Answered) != 0)
        {
            MarkAnswered(copy);
        }

        ImportSession(copy);
        return copy;
    }

    /// <summary>The action of the opener's direction.</summary>
    internal FlowAction* ForwardOf(FlowEntry* entry) =>
        Paths.Actions + (2L * entry->Path) + ((entry->Flags & FlowFlags.OpenerSwapped) != 0 ? 1 : 0);

    /// <summary>Takes all entries out.</summary>
    public void Clear()
    {
        foreach (FlowTable table in (ReadOnlySpan<FlowTable>)[V4, V6])
        {
            for (int number = 0; table.Count > 0 && number < table.WalkedSlotCount; number++)
            {
                if (table.At(number)->State != FlowState.Free)
                {
                    Remove(table.At(number));
                }
            }
        }
    }

    /// <summary>Asks the cache for all of a connection.</summary>
    internal void Prefetch(int place)
    {
        bool isV6 = place >= V4.SlotCount;
        (isV6 ? V6 : V4).PrefetchWhole(isV6 ? place - V4.SlotCount : place);
    }

    /// <summary>Asks the cache for the index slot of a connection, whose detail is there.</summary>
    internal void PrefetchIndex(int place)
    {
        FlowTable table = place < V4.SlotCount ? V4 : V6;
        table.Index.Prefetch(table.DetailOf(At(place))->Hash);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        V4.Dispose();
        V6.Dispose();
        Paths.Dispose();
        HalfOpen.Dispose();
        _wheel.Dispose();
    }

    private void GivePortBack(FlowEntry* entry)
    {
        FlowAction* forward = ForwardOf(entry);
        Nat!.Release(forward->Meter >> 1, NatTable.KindOf(ProtocolOf(entry)), (ushort)(OpenerPortOf(entry) ^ forward->PortXor));
    }

    private bool TryShare(FlowEntry* entry)
    {
        FlowAction* forward = ForwardOf(entry);
        uint opener = (uint)((entry->Flags & FlowFlags.OpenerSwapped) != 0 ? entry->KeyLow >> 32 : entry->KeyLow);
        ushort port = OpenerPortOf(entry);
        return Nat != null && Nat.TryShare(
            forward->Meter >> 1, NatTable.KindOf(ProtocolOf(entry)), (ushort)(port ^ forward->PortXor), opener, port);
    }

    private static byte ProtocolOf(FlowEntry* entry) => (byte)(entry->KeyHigh >> 48);

    /// <summary>Private port of the opener, or the identifier of its query; raw.</summary>
    private static ushort OpenerPortOf(FlowEntry* entry) =>
        (ushort)((entry->Flags & FlowFlags.OpenerSwapped) != 0 ? entry->KeyHigh >> 16 : entry->KeyHigh);

    private FlowTable TableOf(FlowEntry* entry) => (entry->Flags & FlowFlags.IsV6) != 0 ? V6 : V4;

    /// <summary>Number of an entry among those of both families: IPv4 first, so that a table of one family is in one piece.</summary>
    private int SlotOf(FlowTable table, int number) => table.IsV6 ? V4.SlotCount + number : number;

    /// <summary>With a full budget: lets go what has expired, or else the oldest half-open one of the ENI with most.</summary>
    private bool TryReap()
    {
        _quota.Reap();
        if (_lease == 0)
        {
            _lease = _budget.Take();
        }

        if (_lease == 0 && _quota.TryEvictHeaviest() && _lease == 0)
        {
            _lease = _budget.Take();
        }

        return _lease > 0;
    }

    /// <summary>Takes out what expired since its slot came up; at most once a millisecond.</summary>
    internal void ReapDue()
    {
        if (_drainedMs == _nowMs)
        {
            return;
        }

        _drainedMs = _nowMs;
        while (_draining != FlowWheel.NoList)
        {
            DrainChunk();
        }

        _draining = _wheel.Detach(FlowWheel.TickOf(_nowMs));
        while (_draining != FlowWheel.NoList)
        {
            DrainChunk();
        }
    }

    /// <summary>Looks at one chunk of the list being drained; the number of entries looked at.</summary>
    private int DrainChunk()
    {
        Span<int> entries = stackalloc int[FlowWheel.MaxTake];
        int count = _wheel.Take(ref _draining, entries);
        for (int i = 0; i < count; i += VisitAhead)
        {
            Visit(entries[i..Math.Min(count, i + VisitAhead)]);
        }

        return count;
    }

    /// <summary>Looks at some entries. In stages, each of which asks for the lines that the next one reads: of an entry that stays
    /// only the first line is read, of one that goes also its index bucket.</summary>
    private void Visit(Span<int> numbers)
    {
        foreach (int number in numbers)
        {
            TableOf(number).Prefetch(number & ~V6Bit);
        }

        int leaving = 0;
        foreach (int number in numbers)
        {
            FlowTable table = TableOf(number);
            FlowEntry* entry = table.At(number & ~V6Bit);
            if (entry->State == FlowState.Free || IsExpired(entry, _nowMs))
            {
                table.PrefetchWhole(number & ~V6Bit);
                numbers[leaving++] = number;
            }
            else
            {
                uint aheadMs = Math.Min(entry->DeadlineMs - _nowMs, _horizonMs);
                _wheel.Add(number, FlowWheel.TickOf(_nowMs + aheadMs));
            }
        }

        foreach (int number in numbers[..leaving])
        {
            FlowTable table = TableOf(number);
            table.Index.Prefetch(table.DetailOf(table.At(number & ~V6Bit))->Hash);
        }

        foreach (int number in numbers[..leaving])
        {
            FlowTable table = TableOf(number);
            FlowEntry* entry = table.At(number & ~V6Bit);
            table.DetailOf(entry)->InWheel = 0;
            if (entry->State != FlowState.Free)
            {
                Remove(entry);
            }
        }
    }

    private FlowTable TableOf(int number) => (number & V6Bit) != 0 ? V6 : V4;
}
