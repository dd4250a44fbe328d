using VSwitch.DataPlane.Routing;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;

namespace VSwitch.DataPlane.Probes;

/// <summary>Which EIPs the internet side must be told of: twice each, 2 s apart (RFC 5227 section 1.1: ANNOUNCE_NUM,
/// ANNOUNCE_INTERVAL), when one is bound, moves, or the side comes up. Only those within an on-link prefix: whoever asks for another
/// asks a router.
/// <para>Off until <see cref="Enable"/>: nobody hears a replay. One worker at a time takes what is due, as of <see cref="ProbeTable"/>.
/// </para></summary>
/// <param name="alarm">Is brought forward with <see cref="NextDueMs"/>.</param>
public sealed unsafe class Announcements(Alarm alarm)
{
    /// <summary>How often an EIP is announced.</summary>
    public const int Count = 2;

    /// <summary>Time between two announcements, milliseconds.</summary>
    public const int SpacingMs = 2000;

    private readonly Alarm _due = new();
    private ProbeSchedule? _schedule;
    private Entry[] _entries = [];
    private ForwardingSnapshot? _snapshot;
    private uint _doneVersion;
    private int _isTaken;
    private int _areAllAsked;

    private struct Entry
    {
        public uint Address;
        public int Left;
        public long DueMs;
    }

    /// <summary>When one is due, milliseconds.</summary>
    public long NextDueMs => _due.NextDueMs;

    /// <summary>Lets EIPs be announced from now on, those of the snapshot in force first. Once.</summary>
    /// <param name="eipCapacity">Numbers of EIPs are below it.</param>
    public void Enable(int eipCapacity)
    {
        _entries = new Entry[eipCapacity];

        // Last: a worker that finds something due finds the rest.
        Volatile.Write(ref _schedule, new ProbeSchedule(eipCapacity));
        Refresh();
    }

    /// <summary>Says that the snapshot in force is another.</summary>
    public void Refresh()
    {
        if (_schedule != null)
        {
            BringForward(0);
        }
    }

    /// <summary>Asks for all EIPs to be announced, since nobody there may have heard of them; any thread.</summary>
    public void AnnounceAll()
    {
        Volatile.Write(ref _areAllAsked, 1);
        Refresh();
    }

    /// <summary>Begins to take what is due.</summary>
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

    /// <summary>Takes up a snapshot's EIPs, between <see cref="TryBegin"/> and <see cref="End"/>.</summary>
    public void Use(ForwardingSnapshot snapshot, long nowMs)
    {
        bool isAll = Interlocked.Exchange(ref _areAllAsked, 0) != 0;
        if (ReferenceEquals(snapshot, _snapshot) && !isAll)
        {
            return;
        }

        _schedule!.Clear();
        for (int number = 0; number < _entries.Length; number++)
        {
            // What is no EIP any more is not announced.
            _entries[number].Address = 0;
        }

        for (int i = 1; i < snapshot.EipCount; i++)
        {
            Eip eip = snapshot.Eips[i];
            if (!eip.IsBound || !IsOnLink(snapshot.Internet, eip.Address))
            {
                continue;
            }

            ref Entry entry = ref _entries[eip.Number];
            entry.Address = eip.Address;
            if (isAll || eip.PlacedIn > _doneVersion)
            {
                entry.Left = Count;
                entry.DueMs = nowMs;
            }

            if (entry.Left > 0)
            {
                _schedule.Add(eip.Number, entry.DueMs);
            }
        }

        _doneVersion = snapshot.Version;
        _snapshot = snapshot;
    }

    /// <summary>The next EIP to announce.</summary>
    /// <param name="nowMs">The time, milliseconds.</param>
    /// <param name="address">Its address, raw.</param>
    /// <returns>False when no more are due.</returns>
    public bool TryNext(long nowMs, out uint address)
    {
        address = 0;
        if (!_schedule!.TryTake(nowMs, out int number))
        {
            return false;
        }

        ref Entry entry = ref _entries[number];
        address = entry.Address;
        entry.DueMs = nowMs + SpacingMs;
        if (--entry.Left > 0)
        {
            _schedule.Add(number, entry.DueMs);
        }

        return true;
    }

    /// <summary>Ends what <see cref="TryBegin"/> began.</summary>
    public void End()
    {
        long nextMs = _schedule!.NextMs;
        Volatile.Write(ref _isTaken, 0);
        BringForward(nextMs);
    }

    private static bool IsOnLink(InternetSide internet, uint address)
    {
        foreach (Prefix4 prefix in internet.OnLink4)
        {
            if (prefix.Contains(address))
            {
                return true;
            }
        }

        return false;
    }

    private void BringForward(long dueMs)
    {
        _due.BringForward(dueMs);
        alarm.BringForward(dueMs);
    }
}
