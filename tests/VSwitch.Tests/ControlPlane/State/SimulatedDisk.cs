using VSwitch.ControlPlane.State;

namespace VSwitch.Tests.ControlPlane.State;

/// <summary>The power went.</summary>
public sealed class PowerCutException : Exception
{
    public PowerCutException()
        : base("the power is gone")
    {
    }

    public PowerCutException(string message)
        : base(message)
    {
    }

    public PowerCutException(string message, Exception inner)
        : base(message, inner)
    {
    }
}

/// <summary>A disk of one folder that loses what a real one may lose: content that was not flushed is there, not there, cut short, or
/// holes; names that were not flushed are there or not, each for itself; after an error of fsync nobody knows, and a later fsync says
/// nothing about it. Every call is several steps, and each can fail or be the last.</summary>
internal sealed class SimulatedDisk : IStateFiles
{
    private readonly List<NameChange> _changes = [];
    private readonly Dictionary<string, Inode> _names = new(StringComparer.Ordinal);

    /// <summary>Steps so far.</summary>
    public int Steps { get; private set; }

    /// <summary>The power goes at this step; 0 = never.</summary>
    public int PowerCutAt { get; set; }

    /// <summary>Steps that fail; none when it gives false for all.</summary>
    public Func<int, bool> IsFailing { get; set; } = _ => false;

    public string Folder => "folder";

    public bool IsClaimed { get; set; }

    /// <summary>How each name and content can have come out of a power cut now: all combinations where they are few, else some.</summary>
    public IEnumerable<SimulatedDisk> AfterPowerCut(Random random)
    {
        const int MaxOutcomes = 256;
        List<NameChange> open = [.. _changes.Where(c => c.Fate != Fate.Durable)];
        List<Inode> torn = [.. _changes.Select(c => c.Inode).OfType<Inode>().Distinct().Where(i => i.IsOpen)];
        long outcomes = 1L << Math.Min(open.Count, 30);
        torn.ForEach(_ => outcomes *= Inode.Outcomes);
        for (long n = 0; n < Math.Min(outcomes, MaxOutcomes); n++)
        {
            long outcome = outcomes <= MaxOutcomes ? n : random.NextInt64(outcomes);
            yield return Outcome(open, torn, n switch
            {
                0 => 0,
                1 => outcomes - 1,
                _ => outcome,
            });
        }
    }

    /// <summary>The disk as a process sees it after the last one was killed: the kernel still has everything.</summary>
    public SimulatedDisk AfterKill()
    {
        var disk = new SimulatedDisk();
        foreach ((string name, Inode inode) in _names)
        {
            disk.Put(name, inode.Cached);
        }

        return disk;
    }

    /// <summary>Puts a file there, durable.</summary>
    public void Put(string name, byte[] content)
    {
        var inode = new Inode();
        inode.Set(content);
        inode.Flush();
        Change(name, inode);
        _changes[^1].Fate = Fate.Durable;
    }

    /// <summary>Names of its files.</summary>
    public IEnumerable<string> Names => _names.Keys;

    public void Claim()
    {
        Step("claim");
        IsClaimed = true;
    }

    public byte[]? Read(string name)
    {
        Step($"read {name}");
        return _names.GetValueOrDefault(name)?.Cached;
    }

    public void Write(string name, ReadOnlySpan<byte> content)
    {
        Step($"create {name}");
        if (!_names.TryGetValue(name, out Inode? inode))
        {
            inode = new Inode();
            Change(name, inode);
        }

        inode.Set([]);
        Fill(name, inode, content);
    }

    public void Append(string name, ReadOnlySpan<byte> content)
    {
        Step($"open {name}");
        Fill(name, _names.GetValueOrDefault(name) ?? throw new FileNotFoundException($"no file {name}"), content);
    }

    public void Rename(string from, string to)
    {
        Step($"rename {from}");
        Inode inode = _names[from];
        Change(to, inode, from);
        Step($"rename of {from} done");
    }

    public void Delete(string name)
    {
        Step($"delete {name}");
        if (_names.ContainsKey(name))
        {
            Change(name, null);
        }
    }

    public void FlushFolder()
    {
        try
        {
            Step("flush of the folder");
            Resolve(Fate.Durable);
        }
        catch (IOException)
        {
            Resolve(Fate.Unknown);
            throw;
        }
    }

    public void Dispose() => IsClaimed = false;

    private void Fill(string name, Inode inode, ReadOnlySpan<byte> content)
    {
        byte[] before = inode.Cached;
        Step($"write {name}");
        inode.Extend([.. before, .. content[..(content.Length / 2)]]);
        Step($"rest of {name}");
        inode.Extend([.. before, .. content]);
        try
        {
            Step($"flush {name}");
            inode.Flush();
        }
        catch (IOException)
        {
            inode.Lose();
            throw;
        }
    }

    private void Step(string what)
    {
        Steps++;
        if (Steps == PowerCutAt)
        {
            throw new PowerCutException(what);
        }

        if (IsFailing(Steps))
        {
            throw new IOException($"Input/output error ({what})");
        }
    }

    private void Change(string name, Inode? inode, string? from = null)
    {
        _changes.Add(new NameChange(name, inode, from));
        Apply(_names, _changes[^1]);
    }

    /// <summary>What is flushed is durable, but for what an earlier error left unknown.</summary>
    private void Resolve(Fate fate)
    {
        foreach (NameChange change in _changes.Where(c => c.Fate == Fate.Pending))
        {
            change.Fate = fate;
        }
    }

    private SimulatedDisk Outcome(List<NameChange> open, List<Inode> torn, long outcome)
    {
        var contents = new Dictionary<Inode, byte[]>();
        foreach (Inode inode in torn)
        {
            contents[inode] = inode.OutcomeOf((int)(outcome % Inode.Outcomes));
            outcome /= Inode.Outcomes;
        }

        var names = new Dictionary<string, Inode>(StringComparer.Ordinal);
        int bit = 0;
        foreach (NameChange change in _changes)
        {
            if (!open.Contains(change) || (outcome >> bit++ & 1) == 1)
            {
                Apply(names, change);
            }
        }

        var disk = new SimulatedDisk();
        foreach ((string name, Inode inode) in names)
        {
            disk.Put(name, contents.GetValueOrDefault(inode, inode.Durable));
        }

        return disk;
    }

    private static void Apply(Dictionary<string, Inode> names, NameChange change)
    {
        if (change.From != null)
        {
            names.Remove(change.From);
        }

        if (change.Inode == null)
        {
            names.Remove(change.Name);
        }
        else
        {
            names[change.Name] = change.Inode;
        }
    }

    private enum Fate
    {
        Pending,
        Unknown,
        Durable,
    }

    private sealed class NameChange(string name, Inode? inode, string? from)
    {
        public string Name { get; } = name;

        public Inode? Inode { get; } = inode;

        public string? From { get; } = from;

        public Fate Fate { get; set; }
    }

    /// <summary>A file: what the kernel has, what the disk has, and which bytes an error of fsync left unknown.</summary>
    private sealed class Inode
    {
        public const int Outcomes = 5;
        private int _lostFrom = int.MaxValue;
        private int _lostTo;

        public byte[] Cached { get; private set; } = [];

        public byte[] Durable { get; private set; } = [];

        public bool IsOpen => !Cached.AsSpan().SequenceEqual(Durable);

        public void Set(byte[] content)
        {
            Cached = content;
            (_lostFrom, _lostTo) = (int.MaxValue, 0);
        }

        public void Extend(byte[] content) => Cached = content;

        /// <summary>Pages whose write failed are clean, so this does not write them.</summary>
        public void Flush()
        {
            byte[] content = [.. Cached];
            content.AsSpan(Math.Min(_lostFrom, content.Length)..Math.Max(Math.Min(_lostFrom, content.Length), _lostTo)).Clear();
            Durable = content;
        }

        public void Lose()
        {
            int same = Cached.AsSpan().CommonPrefixLength(Durable);
            (_lostFrom, _lostTo) = (Math.Min(_lostFrom, same), Cached.Length);
        }

        /// <summary>As before, as written, cut short, holes, other bytes.</summary>
        public byte[] OutcomeOf(int outcome)
        {
            int same = Cached.AsSpan().CommonPrefixLength(Durable);
            byte[] damaged = [.. Cached];
            switch (outcome)
            {
                case 0:
                    return Durable;
                case 1:
                    return Cached[..(same + ((Cached.Length - same) / 2))];
                case 2:
                    damaged.AsSpan(same).Clear();
                    return damaged;
                case 3:
                    damaged.AsSpan(same + ((Cached.Length - same) / 2)).Fill((byte)'{');
                    return damaged;
                default:
                    return damaged;
            }
        }
    }
}
