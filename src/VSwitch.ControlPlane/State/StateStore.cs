using System.Text;

namespace VSwitch.ControlPlane.State;

/// <summary>The wanted state of a switch in a folder: kept before it is in force, so that it survives a restart and a power cut. What was
/// acknowledged is there afterwards; what was being made is there or not, whole; README.md beside this file says how.
/// <para>Any thread may read; changes are kept one at a time.</para></summary>
public sealed class StateStore : IDisposable
{
    private readonly Lock _keeping = new();
    private readonly IStateFiles _files;
    private readonly TimeProvider _time;
    private readonly JournalLimits _limits;
    private byte[] _document = [];
    private long _journalBytes;
    private bool _isJournalUnknown = true;
    private bool _isDocumentUnknown;

    private StateStore(IStateFiles files, TimeProvider time, JournalLimits limits, StateRecovery recovery)
    {
        _files = files;
        _time = time;
        _limits = limits;
        Document = recovery.Document;
        History = new ChangeHistory(limits.MaxChanges, recovery.Changes);
    }

    /// <summary>The folder, as the user named it.</summary>
    public string Folder => _files.Folder;

    /// <summary>What is in force; null when there is no state yet.</summary>
    public StateDocument? Document { get; private set; }

    /// <summary>The changes, those of earlier runs too.</summary>
    public ChangeHistory History { get; }

    /// <summary>What was found at the start that is not as it should be, a sentence each.</summary>
    public IReadOnlyList<string> Findings { get; private set; } = [];

    /// <summary>Changes that could not be kept.</summary>
    public long Refused { get; private set; }

    /// <summary>Why the last change could not be kept; null when it was.</summary>
    public string? LastRefusal { get; private set; }

    /// <summary>Reads a folder, whatever happened to it, and takes it for this process. A folder that cannot be written is read all the
    /// same: a switch then starts, and refuses changes.</summary>
    /// <param name="files">The folder; the store disposes it.</param>
    /// <param name="time">Says when a change was made.</param>
    /// <param name="limits">How long the journal gets; null = the usual.</param>
    /// <exception cref="StateException">Another process has it, it cannot be read, is of a newer format, or nothing in it is whole.</exception>
    public static StateStore Open(IStateFiles files, TimeProvider time, JournalLimits? limits = null)
    {
        try
        {
            string? unclaimed = Claim(files);
            StateRecovery recovery = StateRecovery.Read(files);
            var store = new StateStore(files, time, limits ?? new JournalLimits(), recovery);
            store.Findings = [.. recovery.Findings, .. store.Settle(recovery, unclaimed)];
            return store;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>What a folder says is in force, for who only looks: nothing is claimed or written.</summary>
    /// <returns>Null when there is no state.</returns>
    /// <exception cref="StateException">Nothing in it is whole, it is of a newer format, or cannot be read.</exception>
    public static StateDocument? ReadDocument(IStateFiles files) => StateRecovery.Read(files).Document;

    /// <summary>Keeps a configuration as the next revision. When it returns, the change survives a power cut; when it throws, it is as if
    /// it had never been tried.</summary>
    /// <param name="text">The configuration as one JSON value.</param>
    /// <param name="by">Who wants it.</param>
    /// <param name="changes">What changes, a line each.</param>
    /// <exception cref="StateException">It cannot be kept: the disk is full, the folder is gone or read-only, the disk fails.</exception>
    public StateDocument Keep(string text, ChangeOrigin by, IReadOnlyList<string> changes)
    {
        lock (_keeping)
        {
            var next = new StateDocument((Document?.Revision ?? 0) + 1, Now(), text);
            bool isVisible = false;
            try
            {
                Hold();
                StateChange change = StateChange.To(next, by, changes);
                WriteJournal(change);
                if (Document != null)
                {
                    Replace(StateNames.Previous, _document);
                }

                byte[] bytes = next.ToBytes();
                string temporary = StateNames.TemporaryOf(StateNames.Current);
                _files.Write(temporary, bytes);
                isVisible = true;
                _files.Rename(temporary, StateNames.Current);
                _files.FlushFolder();
                History.Add(change);
                (Document, _document, _isDocumentUnknown, LastRefusal) = (next, bytes, false, null);
                return next;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or StateException or EncoderFallbackException)
            {
                _isJournalUnknown = true;
                _isDocumentUnknown |= isVisible;
                Undo();
                Refused++;
                LastRefusal = e is StateException ? e.Message : $"state folder {Folder} cannot keep the change: {e.Message}";
                throw new StateException(LastRefusal, e);
            }
        }
    }

    /// <summary>Gives the folder up. A refused change that could not be taken back then is taken back now, if the disk allows.</summary>
    public void Dispose()
    {
        lock (_keeping)
        {
            if (_isDocumentUnknown && _files.IsClaimed)
            {
                Undo();
            }

            _files.Dispose();
        }
    }

    /// <summary>Null, or why the folder is not this process's.</summary>
    private static string? Claim(IStateFiles files)
    {
        try
        {
            files.Claim();
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    /// <summary>Writes anew what is in force: what a crashed process left may be in the kernel's cache only, and after an error of the
    /// disk a later fsync says nothing about it.</summary>
    /// <returns>What went wrong.</returns>
    private IEnumerable<string> Settle(StateRecovery recovery, string? unclaimed)
    {
        if (Document == null)
        {
            _ = Try(DeleteTemporary);
            return [];
        }

        if (recovery.IsFallback)
        {
            Document = Document with { Time = Now() };
            History.Add(StateChange.To(Document, ChangeOrigin.Start,
                [$"back to {StateNames.Previous}, for {StateNames.Current} {(recovery.Damaged == null ? "was missing" : "was damaged")}"]));
        }

        _document = Document.ToBytes();

        string? failure = unclaimed ?? TryWriteAll(recovery.Damaged);
        return failure == null ? [] : [$"state folder {Folder} cannot be written: {failure}; changes are refused until it can"];
    }

    private string? TryWriteAll(byte[]? damaged)
    {
        try
        {
            DeleteTemporary();
            if (damaged != null)
            {
                _files.Write(StateNames.Damaged, damaged);
            }

            WriteJournal(null);
            Replace(StateNames.Current, _document);
            _files.FlushFolder();
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _isJournalUnknown = true;
            return e.Message;
        }
    }

    /// <summary>The folder must be the one that was read; one that was removed and made again is filled again.</summary>
    private void Hold()
    {
        if (_files.IsClaimed)
        {
            return;
        }

        _isJournalUnknown = true;
        _files.Claim();
        byte[]? there = _files.Read(StateNames.Current);
        if (there != null && StateDocument.Parse(Path.Combine(Folder, StateNames.Current), there) is StateDocument other && other.Text != Document?.Text)
        {
            throw new StateException($"state folder {Folder} cannot keep the change: it holds another state (revision {other.Revision}) than " +
                "the one that this switch was started with; move that away");
        }
    }

    /// <summary>Adds a change. A journal whose end is unknown is written anew, and so is one that is too long, with its newer half.</summary>
    private void WriteJournal(StateChange? change)
    {
        byte[] line = change?.ToLine() ?? [];
        bool isFull = _journalBytes + line.Length > _limits.MaxBytes || History.All.Count + (change == null ? 0 : 1) > _limits.MaxChanges;
        if (change != null && !_isJournalUnknown && !isFull)
        {
            _files.Append(StateNames.Journal, line);
            _journalBytes += line.Length;
            return;
        }

        List<(StateChange Change, byte[] Line)> kept = NewestOf(History.All, isFull ? 2 : 1);
        byte[] journal = [.. kept.SelectMany(k => k.Line), .. line];
        Replace(StateNames.Journal, journal);
        _files.FlushFolder();
        History.Replace(kept.Select(k => k.Change));
        (_journalBytes, _isJournalUnknown) = (journal.Length, false);
    }

    private List<(StateChange Change, byte[] Line)> NewestOf(IReadOnlyList<StateChange> changes, int divisor)
    {
        var kept = new List<(StateChange, byte[])>();
        long bytes = 0;
        for (int i = changes.Count - 1; i >= 0 && kept.Count < _limits.MaxChanges / divisor; i--)
        {
            byte[] line = changes[i].ToLine();
            bytes += line.Length;
            if (bytes > _limits.MaxBytes / divisor)
            {
                break;
            }

            kept.Add((changes[i], line));
        }

        kept.Reverse();
        return kept;
    }

    private void Replace(string name, byte[] content)
    {
        string temporary = StateNames.TemporaryOf(name);
        _files.Write(temporary, content);
        _files.Rename(temporary, name);
    }

    /// <summary>Takes back what a refused change wrote. Where that fails too, the folder holds either state until the next change, which
    /// writes everything anew, or until the end, which tries this again.</summary>
    private void Undo()
    {
        if (_isDocumentUnknown)
        {
            _isDocumentUnknown = !Try(() =>
            {
                if (Document == null)
                {
                    _files.Delete(StateNames.Current);
                }
                else
                {
                    Replace(StateNames.Current, _document);
                }

                _files.FlushFolder();
            });
        }

        // On a full disk they are in the way of others.
        _ = Try(DeleteTemporary);
    }

    /// <summary>The first error is the one that is told; those of taking back are not.</summary>
    private static bool Try(Action step)
    {
        try
        {
            step();
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private void DeleteTemporary()
    {
        foreach (string name in new[] { StateNames.Current, StateNames.Previous, StateNames.Journal })
        {
            _files.Delete(StateNames.TemporaryOf(name));
        }
    }

    private DateTimeOffset Now()
    {
        DateTimeOffset now = _time.GetUtcNow();
        return new DateTimeOffset(now.Ticks - (now.Ticks % TimeSpan.TicksPerMillisecond), TimeSpan.Zero);
    }
}

/// <summary>How long a journal gets before its older half is forgotten.</summary>
/// <param name="MaxChanges">Lines.</param>
/// <param name="MaxBytes">Bytes.</param>
public sealed record JournalLimits(int MaxChanges = 4096, long MaxBytes = 8 << 20);
