namespace VSwitch.ControlPlane.State;

/// <summary>What does a folder say, whatever happened to it? Only reads. A state is in force only when it is whole; what is damaged is
/// said, and where nothing is whole that is an error, never a guess.</summary>
internal sealed class StateRecovery
{
    private readonly IStateFiles _files;
    private readonly List<string> _findings = [];
    private List<StateChange> _changes = [];

    private StateRecovery(IStateFiles files)
    {
        _files = files;
    }

    /// <summary>What is in force; null when there is no state yet.</summary>
    public StateDocument? Document { get; private set; }

    /// <summary>True when <see cref="Document"/> is the one before the last change, because that one's is damaged.</summary>
    public bool IsFallback { get; private set; }

    /// <summary>The damaged document; null when it is whole, or not there.</summary>
    public byte[]? Damaged { get; private set; }

    /// <summary>The changes up to it, oldest first.</summary>
    public IReadOnlyList<StateChange> Changes => _changes;

    /// <summary>What was found that is not as it should be, a sentence each.</summary>
    public IReadOnlyList<string> Findings => _findings;

    /// <summary>Reads a folder.</summary>
    /// <exception cref="StateException">Nothing in it is whole, or it is of a newer format, or cannot be read.</exception>
    public static StateRecovery Read(IStateFiles files)
    {
        var recovery = new StateRecovery(files);
        try
        {
            recovery.ReadJournal();
            recovery.ReadDocument();
            return recovery;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StateException($"state folder {files.Folder} cannot be read: {e.Message}", e);
        }
    }

    private void ReadDocument()
    {
        byte[]? current = _files.Read(StateNames.Current);
        byte[]? previous = _files.Read(StateNames.Previous);
        long last = _changes.Count > 0 ? _changes[^1].Revision : 0;
        if (current == null && previous == null)
        {
            if (last > 1)
            {
                throw new StateException($"state folder {_files.Folder}: {StateNames.Current} and {StateNames.Previous} are missing, and " +
                    $"{StateNames.Journal} goes to revision {last}: put them back, or move the journal away to begin anew");
            }

            DropChangesAfter(0);
        }
        else if (current != null && Parse(StateNames.Current, current) is StateDocument whole)
        {
            Document = whole;
            DropChangesAfter(whole.Revision);
            JudgeJournal(whole);
            if (previous != null && Parse(StateNames.Previous, previous) == null)
            {
                _findings.Add($"{StateNames.Previous} is damaged: its checksum does not fit; the next change replaces it");
            }
        }
        else
        {
            FallBack(current, previous, last);
        }
    }

    /// <summary>To the state before the last change, as a revision of its own: nobody sees one number for two configurations.</summary>
    private void FallBack(byte[]? current, byte[]? previous, long last)
    {
        string what = current == null ? "is missing" : "is damaged: its checksum does not fit";
        if (previous == null || Parse(StateNames.Previous, previous) is not StateDocument older)
        {
            throw new StateException($"state folder {_files.Folder}: {StateNames.Current} {what}, and {StateNames.Previous} is " +
                $"{(previous == null ? "missing" : "damaged")} too: put a copy of one back, or move what is left away to begin anew");
        }

        _findings.Add($"{StateNames.Current} {what}; IN FORCE IS REVISION {older.Revision} of {StateText.Time(older.Time)} " +
            $"({StateNames.Previous}){(last > older.Revision ? $", NOT revision {last}: make its changes again" : "")}" +
            (current == null ? "" : $"; the damaged file is kept as {StateNames.Damaged}"));
        Damaged = current;
        IsFallback = true;
        Document = older with { Revision = Math.Max(last, older.Revision) + 1 };
    }

    private StateDocument? Parse(string name, byte[] bytes) => StateDocument.Parse(Path.Combine(_files.Folder, name), bytes);

    /// <summary>The journal is written before the document, and a change is acknowledged after it.</summary>
    private void DropChangesAfter(long revision)
    {
        foreach (StateChange change in _changes.Where(c => c.Revision > revision))
        {
            _findings.Add($"revision {change.Revision} was being made when the switch ended, and was never acknowledged: dropped");
        }

        _changes = [.. _changes.Where(c => c.Revision <= revision)];
    }

    private void JudgeJournal(StateDocument document)
    {
        if (_changes.Count == 0 || _changes[^1].Revision < document.Revision)
        {
            string end = _changes.Count == 0 ? "has no change" : $"ends with revision {_changes[^1].Revision}";
            _findings.Add($"{StateNames.Journal} {end}, and the state is revision {document.Revision}: the history has a gap");
        }
        else if (_changes[^1].Document != document.Hash)
        {
            _findings.Add($"{StateNames.Journal} has another configuration for revision {document.Revision}: its line is dropped");
            _changes.RemoveAt(_changes.Count - 1);
        }
    }

    /// <summary>Lines that are whole and go upward. What is not at the end is a line that was cut short by a crash.</summary>
    private void ReadJournal()
    {
        ReadOnlySpan<byte> rest = _files.Read(StateNames.Journal);
        string path = Path.Combine(_files.Folder, StateNames.Journal);
        int damaged = 0;
        int damagedAtEnd = 0;
        while (rest.Length > 0)
        {
            int end = rest.IndexOf(StateText.LineFeed);
            ReadOnlySpan<byte> line = end < 0 ? rest : rest[..end];
            rest = end < 0 ? [] : rest[(end + 1)..];
            if (end >= 0 && StateChange.Parse(path, line) is StateChange change && (_changes.Count == 0 || change.Revision > _changes[^1].Revision))
            {
                _changes.Add(change);
                damaged += damagedAtEnd;
                damagedAtEnd = 0;
            }
            else
            {
                damagedAtEnd++;
            }
        }

        if (damaged > 0)
        {
            _findings.Add($"{StateNames.Journal} has {damaged} damaged lines between whole ones: the history has a gap, the state is not touched by it");
        }

        if (damagedAtEnd > 0)
        {
            _findings.Add($"the end of {StateNames.Journal} was cut short ({damagedAtEnd} lines): cut off");
        }
    }
}
