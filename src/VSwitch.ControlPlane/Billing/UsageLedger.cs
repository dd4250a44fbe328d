using VSwitch.ControlPlane.State;

namespace VSwitch.ControlPlane.Billing;

/// <summary>How large a ledger gets.</summary>
/// <param name="FoldBytes">A file that is longer, and twice as long as after the last time, has its samples folded: first to one an
/// hour, and when that does not do, to one a day.</param>
/// <param name="Months">Months whose files are kept.</param>
public sealed record LedgerLimits(long FoldBytes = 8 << 20, int Months = 25);

/// <summary>What every EIP was and counted, from second to second, in the files of one folder: written so that it survives a crash, read
/// when a bill is made. README.md beside this file says how. An entry counts once it is flushed; what cannot be written is kept and
/// written later, and totals make up for samples that are lost.
/// <para>Not for two threads at once.</para></summary>
public sealed class UsageLedger : IDisposable
{
    private const int AccountsOfALine = 256;
    private const int MaxPendingLines = 10_000;
    private const string Temporary = ".tmp";
    private readonly IStateFiles _files;
    private readonly LedgerLimits _limits;
    private readonly BillingCalendar _calendar;
    private readonly Dictionary<long, EipAccount> _accounts = [];
    private readonly Dictionary<string, EipAccount> _byName = new(StringComparer.Ordinal);
    private readonly List<string> _findings = [];

    /// <summary>Lines of changes that could not be written yet.</summary>
    private readonly List<byte[]> _pending = [];

    private string? _file;
    private long _fileBytes;
    private long _foldedBytes;
    private long _number;
    private long _allocation;
    private long _readAt;
    private bool _isTailUnknown;
    private bool _isNameUnknown;
    private bool _wasClosed = true;

    private UsageLedger(IStateFiles files, BillingCalendar calendar, LedgerLimits limits)
    {
        (_files, _calendar, _limits) = (files, calendar, limits);
    }

    /// <summary>What was found at the start that is not as it should be, a sentence each.</summary>
    public IReadOnlyList<string> Findings => _findings;

    /// <summary>Time of the last entry; the next one is not before it. 0 = none yet.</summary>
    public long LastAt { get; private set; }

    /// <summary>Writes that failed.</summary>
    public long Errors { get; private set; }

    /// <summary>Why the last write failed; null when it did not.</summary>
    public string? Problem { get; private set; }

    /// <summary>Changes that could not be written for so long that they were given up.</summary>
    public long LostChanges { get; private set; }

    /// <summary>Bytes of the file that is written to.</summary>
    public long FileBytes => _fileBytes;

    /// <summary>Reads a ledger, whatever happened to it, and takes its folder for this process.</summary>
    /// <param name="files">The folder; the ledger disposes it.</param>
    /// <param name="calendar">Hours and days that samples are folded to.</param>
    /// <param name="limits">How large it gets; null = the usual.</param>
    /// <exception cref="StateException">Another process has it, it cannot be read or written, or is of a newer format.</exception>
    public static UsageLedger Open(IStateFiles files, BillingCalendar calendar, LedgerLimits? limits = null)
    {
        var ledger = new UsageLedger(files, calendar, limits ?? new LedgerLimits());
        try
        {
            files.Claim();
            ledger.Recover();
            return ledger;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            files.Dispose();
            throw new StateException($"usage ledger {files.Folder} cannot be opened: {e.Message}", e);
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>Begins a process's entries.</summary>
    /// <param name="at">When the process began to count.</param>
    /// <param name="origin">Which process, for people.</param>
    /// <param name="configured">The EIPs that it has.</param>
    /// <param name="changedAt">Since when these hold, where that is known to be earlier (the state folder's revision); null = since now.</param>
    public void Begin(long at, string origin, IReadOnlyList<EipTerms> configured, long? changedAt = null)
    {
        long previous = LastAt;
        if (at < previous)
        {
            _findings.Add($"the clock is {previous - at} seconds behind the last entry: entries have that entry's time until it has caught up");
        }

        if (!_wasClosed)
        {
            _findings.Add("the last run did not end cleanly: what it counted after its last entry is lost, at most one interval");
        }

        at = Advance(at);
        long since = changedAt is long earlier ? Math.Clamp(earlier, Math.Min(previous == 0 ? at : previous, at), at) : at;
        _readAt = at;
        Keep(new ProcessOpened(at, origin));
        Compare(at, since, configured);
        _wasClosed = false;
        Flush();
    }

    /// <summary>Writes what came since the last time.</summary>
    /// <param name="at">When the counters were read.</param>
    /// <param name="counted">What this process counted of each EIP since it began, by name.</param>
    /// <returns>False when it could not be written; the next one has it too.</returns>
    public bool Sample(long at, IReadOnlyDictionary<string, UsageCounts> counted)
    {
        at = Advance(at);
        if (!Flush())
        {
            return false;
        }

        List<UsageSampled> samples = SamplesOf(at, _byName.Values, counted);
        if (samples.Count > 0 && !Write([.. samples.Select(s => new LedgerLine(++_number, s).ToUtf8())]))
        {
            return false;
        }

        samples.ForEach(Settle);
        _readAt = at;
        return Roll(at) && FoldIfLong();
    }

    /// <summary>Writes that the EIPs are others from now on, and what they counted until now.</summary>
    /// <param name="at">When.</param>
    /// <param name="configured">All EIPs, as they are now.</param>
    /// <param name="counted">What this process counted of each EIP, those that are gone included.</param>
    public void Change(long at, IReadOnlyList<EipTerms> configured, IReadOnlyDictionary<string, UsageCounts> counted)
    {
        at = Advance(at);
        var now = configured.ToDictionary(c => c.Name, StringComparer.Ordinal);
        List<UsageSampled> samples = SamplesOf(at, _byName.Values.Where(a => now.GetValueOrDefault(a.Recorded.Terms.Name) != a.Recorded.Terms), counted);
        foreach (UsageSampled sample in samples)
        {
            Keep(sample);
            Settle(sample);
        }

        Compare(at, at, configured);
        FlushIfWell();
    }

    /// <summary>Writes that the clock was set.</summary>
    public void NoteClock(long at, long seconds)
    {
        Keep(new ClockStepped(Advance(at), seconds));
        FlushIfWell();
    }

    /// <summary>Writes the last counts and that the process ended. EIPs stay: what is configured is billed while no switch runs, too.
    /// </summary>
    public bool Close(long at, IReadOnlyDictionary<string, UsageCounts> counted)
    {
        if (!Sample(at, counted))
        {
            return false;
        }

        Keep(new ProcessClosed(Advance(at)));
        return Flush();
    }

    /// <summary>What is not written yet as the entry that would be written now; null when there is nothing.</summary>
    public UsageSampled? Unwritten(long at, IReadOnlyDictionary<string, UsageCounts> counted)
    {
        var totals = new Dictionary<long, UsageCounts>();
        foreach (UsageSampled sample in SamplesOf(Math.Max(at, LastAt), _byName.Values, counted))
        {
            foreach ((long allocation, UsageCounts total) in sample.Totals)
            {
                totals[allocation] = total;
            }
        }

        return totals.Count == 0 ? null : new UsageSampled(Math.Max(at, LastAt), _readAt, totals);
    }

    /// <inheritdoc/>
    public void Dispose() => _files.Dispose();

    private void Recover()
    {
        IReadOnlyList<string> names = LedgerFiles.In(_files);
        var whole = new List<LedgerFile>();
        for (int i = names.Count - 1; i >= 0 && whole.Count < 2; i--)
        {
            LedgerFile file = LedgerFiles.Read(_files, names[i]);
            if (file.Lines.Count > 0)
            {
                whole.Insert(0, file);
            }
            else if (file.Bytes > 0)
            {
                SetAside(file, "nothing in it is whole");
            }
        }

        foreach (string left in _files.Names.Where(n => n.EndsWith(Temporary, StringComparison.Ordinal)).ToList())
        {
            _files.Delete(left);
        }

        IReadOnlyList<LedgerLine> lines = LedgerFiles.InOrder(whole);
        EipAccounts.Follow(_accounts, lines.Select(l => l.Entry));
        _number = lines.Select(l => l.Number).DefaultIfEmpty().Max();
        LastAt = lines.Select(l => l.Entry.At).DefaultIfEmpty().Max();
        _allocation = lines.Select(l => l.Entry).OfType<EipRecorded>().Select(e => e.Allocation).DefaultIfEmpty().Max();
        _wasClosed = lines.Count == 0 || lines[^1].Entry is ProcessClosed;
        foreach (EipAccount account in _accounts.Values)
        {
            _byName[account.Recorded.Terms.Name] = account;
        }

        if (whole.Count > 0)
        {
            Settle(whole[^1]);
        }
    }

    /// <summary>Writes the newest file anew: what a crashed process left may be in the kernel's cache only.</summary>
    private void Settle(LedgerFile file)
    {
        if (file.DamagedAtEnd > 0)
        {
            _findings.Add($"the end of {file.Name} was cut short ({file.DamagedAtEnd} {(file.DamagedAtEnd == 1 ? "line" : "lines")}): cut off");
        }

        if (file.Damaged > 0)
        {
            _files.Write(file.Name + ".damaged", _files.Read(file.Name));
            _findings.Add($"{file.Name} has {file.Damaged} damaged lines between whole ones; totals go on behind them, and the file as it was is {file.Name}.damaged");
        }

        Rewrite(file.Name, LedgerFold.Fold(file.Lines, _calendar.HourOf));
    }

    private void SetAside(LedgerFile file, string why)
    {
        _files.Rename(file.Name, file.Name + ".damaged");
        _files.FlushFolder();
        _findings.Add($"{file.Name} is damaged ({why}): it was set aside as {file.Name}.damaged, and what it had is in no bill");
    }

    /// <summary>The ledger's time never falls.</summary>
    private long Advance(long at) => LastAt = Math.Max(LastAt, at);

    private List<UsageSampled> SamplesOf(long at, IEnumerable<EipAccount> accounts, IReadOnlyDictionary<string, UsageCounts> counted)
    {
        var samples = new List<UsageSampled>();
        var totals = new Dictionary<long, UsageCounts>();
        foreach (EipAccount account in accounts)
        {
            UsageCounts total = account.TotalWith(counted.GetValueOrDefault(account.Recorded.Terms.Name));
            if (total != account.Recorded.Counted)
            {
                totals[account.Recorded.Allocation] = total;
                if (totals.Count == AccountsOfALine)
                {
                    samples.Add(new UsageSampled(at, _readAt, totals));
                    totals = [];
                }
            }
        }

        if (totals.Count > 0)
        {
            samples.Add(new UsageSampled(at, _readAt, totals));
        }

        return samples;
    }

    private void Settle(UsageSampled sample)
    {
        foreach ((long allocation, UsageCounts total) in sample.Totals)
        {
            EipAccount account = _accounts[allocation];
            account.Recorded = account.Recorded with { Counted = total };
        }
    }

    /// <summary>Allocates, changes and releases until the accounts are what is configured.</summary>
    private void Compare(long at, long since, IReadOnlyList<EipTerms> configured)
    {
        var names = configured.Select(c => c.Name).ToHashSet(StringComparer.Ordinal);
        foreach (EipAccount gone in _byName.Values.Where(a => !names.Contains(a.Recorded.Terms.Name)).ToList())
        {
            _accounts.Remove(gone.Recorded.Allocation);
            _byName.Remove(gone.Recorded.Terms.Name);
            Keep(new EipReleased(since, gone.Recorded.Allocation));
        }

        foreach (EipTerms terms in configured)
        {
            if (!_byName.TryGetValue(terms.Name, out EipAccount? account))
            {
                account = new EipAccount(new EipRecorded(at, ++_allocation, terms, since, since, since, default));
                _accounts[_allocation] = account;
                _byName[terms.Name] = account;
                Keep(account.Recorded);
            }
            else if (account.Recorded.Terms != terms)
            {
                long billingSince = account.Recorded.Terms.Billing == terms.Billing ? account.Recorded.BillingSince : since;
                account.Recorded = account.Recorded with { At = at, Terms = terms, Since = since, BillingSince = billingSince };
                Keep(account.Recorded);
            }
        }
    }

    /// <summary>An entry that must be written, now or later.</summary>
    private void Keep(LedgerEntry entry)
    {
        if (_pending.Count >= MaxPendingLines)
        {
            // What is written last says how things are; that there was something between is lost.
            LostChanges += _pending.Count;
            _pending.Clear();
            foreach (EipAccount account in _accounts.Values)
            {
                _pending.Add(new LedgerLine(++_number, account.Recorded with { At = LastAt }).ToUtf8());
            }
        }

        _pending.Add(new LedgerLine(++_number, entry).ToUtf8());
    }

    /// <summary>A disk that fails is tried again with the next sample, not with each of many changes.</summary>
    private void FlushIfWell()
    {
        if (Problem == null)
        {
            Flush();
        }
    }

    private bool Flush()
    {
        if (_pending.Count == 0)
        {
            return true;
        }

        if (!Write(_pending))
        {
            return false;
        }

        _pending.Clear();
        return true;
    }

    /// <summary>Adds lines to the newest file. Behind an end that nobody knows a new line begins: what stands before it is damaged at
    /// most.</summary>
    private bool Write(IReadOnlyList<byte[]> lines) => Try(() =>
    {
        Hold();
        if (_file == null)
        {
            Rewrite(LedgerFiles.NameOf(LastAt), []);
        }
        else if (_isNameUnknown)
        {
            Rewrite(_file, LedgerFiles.Read(_files, _file).Lines);
        }

        byte[] content = [.. _isTailUnknown ? "\n"u8 : default, .. lines.SelectMany(l => l)];
        _isTailUnknown = true;
        _files.Append(_file!, content);
        _isTailUnknown = false;
        _fileBytes += content.Length;
    });

    /// <summary>A folder that was removed and made again is filled again.</summary>
    private void Hold()
    {
        if (!_files.IsClaimed)
        {
            _files.Claim();
            if (_file != null && _files.Read(_file) == null)
            {
                Rewrite(_file, Snapshot());
            }
        }
    }

    /// <summary>A new month begins a new file, with what every EIP is and has counted; the old one is folded.</summary>
    private bool Roll(long at)
    {
        string name = LedgerFiles.NameOf(at);
        if (_file == null || string.CompareOrdinal(name, _file) <= 0)
        {
            return true;
        }

        return Try(() =>
        {
            Rewrite(_file, LedgerFold.Fold(LedgerFiles.Read(_files, _file).Lines, _calendar.HourOf));
            Rewrite(name, Snapshot());
            LedgerFiles.DeleteOldest(_files, _limits.Months);
        });
    }

    private List<LedgerLine> Snapshot() => [.. _accounts.Values.Select(a => new LedgerLine(++_number, a.Recorded with { At = LastAt }))];

    private bool FoldIfLong()
    {
        if (_file == null || _fileBytes <= _limits.FoldBytes || _fileBytes <= 2 * _foldedBytes)
        {
            return true;
        }

        return Try(() =>
        {
            List<LedgerLine> lines = LedgerFold.Fold(LedgerFiles.Read(_files, _file).Lines, _calendar.HourOf);
            Rewrite(_file, lines);
            if (_fileBytes > _limits.FoldBytes)
            {
                Rewrite(_file, LedgerFold.Fold(lines, s => _calendar.DayOf(s).DayNumber));
            }
        });
    }

    /// <summary>A file anew, which is then the one that is written to; at every instant there is the one before or this one. Until the
    /// folder is flushed nobody knows which, and nothing may be added.</summary>
    private void Rewrite(string file, IReadOnlyList<LedgerLine> lines)
    {
        byte[] content = [.. lines.SelectMany(l => l.ToUtf8())];
        string temporary = file + Temporary;
        try
        {
            _files.Write(temporary, content);
            _isNameUnknown |= file == _file;
            _files.Rename(temporary, file);
            _files.FlushFolder();
        }
        catch (IOException)
        {
            DeleteQuietly(temporary);
            throw;
        }

        (_file, _isNameUnknown, _isTailUnknown) = (file, false, false);
        _fileBytes = _foldedBytes = content.Length;
    }

    /// <summary>On a full disk it is in the way of others; the first error is the one that is told.</summary>
    private void DeleteQuietly(string name)
    {
        try
        {
            _files.Delete(name);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next start deletes it.
        }
    }

    private bool Try(Action step)
    {
        try
        {
            step();
            Problem = null;
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or StateException)
        {
            Errors++;
            Problem = $"usage ledger {_files.Folder} cannot be written: {e.Message}";
            return false;
        }
    }
}
