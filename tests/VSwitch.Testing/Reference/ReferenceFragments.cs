using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>One datagram of which fragments were seen (section 9).</summary>
internal sealed class ReferenceDatagram(long firstSeenNs)
{
    private const int MostRanges = 32;

    private readonly List<(int Start, int End)> _ranges = [];
    private int? _end;

    public long FirstSeenNs { get; } = firstSeenNs;

    public bool IsPoisoned { get; private set; }

    public bool IsFirstSeen { get; set; }

    /// <summary>The first fragment has come, though it may wait itself: what waits, waits behind it and not for it.</summary>
    public bool HasFirstCome { get; set; }

    /// <summary>The connection of the first fragment once that has left, and its direction there.</summary>
    public (ReferenceConnection Connection, bool IsOriginal)? First { get; set; }

    /// <summary>True when every byte up to the known end was seen.</summary>
    public bool IsComplete => _end is { } end && Merged() is [(0, var reached)] && reached == end;

    /// <summary>Takes a range in; false when it is refused.</summary>
    public bool Add(int start, int end, bool isLast)
    {
        if (IsPoisoned || _ranges.Contains((start, end)))
        {
            return false;
        }

        bool overlaps = _ranges.Any(range => start < range.End && range.Start < end);
        bool isBeyond = _end is { } known && (start > known || end > known || (isLast && end != known));
        bool isShort = isLast && _ranges.Any(range => range.End > end);
        _ranges.Add((start, end));
        if (overlaps || isBeyond || isShort || Merged().Count > MostRanges)
        {
            IsPoisoned = true;
            return false;
        }

        _end = isLast ? end : _end;
        return true;
    }

    /// <summary>The ranges with those put together that touch.</summary>
    private List<(int Start, int End)> Merged()
    {
        var merged = new List<(int Start, int End)>();
        foreach ((int start, int end) in _ranges.Order())
        {
            if (merged.Count > 0 && merged[^1].End == start)
            {
                merged[^1] = (merged[^1].Start, end);
            }
            else
            {
                merged.Add((start, end));
            }
        }

        return merged;
    }
}

/// <summary>Datagrams by what names them.</summary>
internal sealed class ReferenceFragments
{
    private const long KeepNs = 5_000_000_000;

    private readonly Dictionary<Name, ReferenceDatagram> _datagrams = [];

    private sealed record Name(string Port, IpAddress Source, IpAddress Destination, byte Protocol, uint Id);

    /// <summary>The fragment's datagram; a new one when none was seen within the time.</summary>
    public ReferenceDatagram Of(string port, ReferencePacket packet, long nowNs)
    {
        Name name = NameOf(port, packet);
        if (_datagrams.TryGetValue(name, out ReferenceDatagram? known) && nowNs < known.FirstSeenNs + KeepNs)
        {
            return known;
        }

        return _datagrams[name] = new ReferenceDatagram(nowNs);
    }

    public void Forget(string port, ReferencePacket packet) => _datagrams.Remove(NameOf(port, packet));

    private static Name NameOf(string port, ReferencePacket packet) =>
        new(port, packet.Source, packet.Destination, packet.FragmentProtocol, packet.FragmentId);
}

/// <summary>A packet that waits for its datagram's first fragment, or for a neighbour.</summary>
internal sealed record ReferenceHeldPacket(string Port, ReferencePacket Packet, long HeldNs)
{
    private const long MostNs = 1_000_000_000;

    public long DeadlineNs => HeldNs + MostNs;

    /// <summary>The neighbour that it waits for; null = it waits for a fragment.</summary>
    public IpAddress? NextHop { get; init; }

    public ReferenceDatagram? Datagram { get; init; }
}

/// <summary>What is held, in order of arrival: at most 64 packets of a port for all purposes, each for at most 1 s.</summary>
internal sealed class ReferenceHeldPackets
{
    private const int MostOfPort = 64;

    private readonly List<ReferenceHeldPacket> _packets = [];

    /// <summary>Holds a packet; false when its port has too many.</summary>
    public bool TryHold(ReferenceHeldPacket packet)
    {
        if (_packets.Count(held => held.Port == packet.Port) >= MostOfPort)
        {
            return false;
        }

        _packets.Add(packet);
        return true;
    }

    /// <summary>The longest held packet whose time is up; null when there is none. What waits behind a first fragment that is held
    /// itself ends with that.</summary>
    public ReferenceHeldPacket? TakeOld(long nowNs)
    {
        int at = _packets.FindIndex(held => nowNs >= held.DeadlineNs && !(held.NextHop is null && IsFirstHeld(held.Datagram)));
        if (at < 0)
        {
            return null;
        }

        ReferenceHeldPacket old = _packets[at];
        _packets.RemoveAt(at);
        return old;
    }

    private bool IsFirstHeld(ReferenceDatagram? datagram) => _packets.Exists(held =>
        held is { NextHop: not null, Packet.IsLaterFragment: false } && ReferenceEquals(held.Packet.Datagram, datagram));

    public IReadOnlyList<ReferenceHeldPacket> TakeFor(IpAddress neighbor) => Take(held => held.NextHop == neighbor);

    public IReadOnlyList<ReferenceHeldPacket> TakeOf(ReferenceDatagram datagram) =>
        Take(held => ReferenceEquals(held.Datagram, datagram) && held.NextHop is null);

    private List<ReferenceHeldPacket> Take(Predicate<ReferenceHeldPacket> which)
    {
        if (_packets.Count == 0)
        {
            return [];
        }

        List<ReferenceHeldPacket> taken = _packets.FindAll(which);
        _packets.RemoveAll(which);
        return taken;
    }
}
