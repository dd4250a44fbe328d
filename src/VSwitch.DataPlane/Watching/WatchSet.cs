using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Watching;

/// <summary>Who watches, and what each means. Immutable: a change publishes another one (<see cref="Workers.SwitchShared.Watch"/>), which
/// workers take up with their next burst; none is there while nobody watches, so that a burst asks only that.</summary>
public sealed unsafe class WatchSet
{
    /// <summary>Watchers at once.</summary>
    public const int MaxWatchers = 32;

    private readonly PacketWatcher[] _watchers;
    private readonly PacketMatch[] _matches;
    private readonly uint _version;

    private WatchSet(PacketWatcher[] watchers, PacketMatch[] matches, uint version)
    {
        _watchers = watchers;
        _matches = matches;
        _version = version;
    }

    /// <summary>Makes the set that follows another one.</summary>
    /// <param name="before">The set before it; null when nobody watched so far.</param>
    /// <param name="lastVersion">Version of the last set there was, this one's if there is one; it grows by one.</param>
    /// <param name="watchers">All who watch from now on, each in one set of a switch only.</param>
    /// <returns>Null when that is nobody.</returns>
    /// <exception cref="ArgumentException">There are more than <see cref="MaxWatchers"/>.</exception>
    public static WatchSet? After(
        WatchSet? before, ref uint lastVersion, IReadOnlyList<(PacketWatcher Watcher, PacketMatch Match)> watchers)
    {
        if (watchers.Count > MaxWatchers)
        {
            throw new ArgumentException($"at most {MaxWatchers} captures and mirrors can watch at once");
        }

        lastVersion++;
        uint taken = 0;
        foreach ((PacketWatcher watcher, _) in watchers)
        {
            bool stays = before != null && Array.IndexOf(before._watchers, watcher) >= 0;
            watcher.Slot = stays ? watcher.Slot : -1;
            taken |= stays ? 1u << watcher.Slot : 0;
        }

        foreach ((PacketWatcher watcher, _) in watchers)
        {
            if (watcher.Slot < 0)
            {
                watcher.Slot = System.Numerics.BitOperations.TrailingZeroCount(~taken);
                watcher.Since = lastVersion;
                taken |= 1u << watcher.Slot;
            }
        }

        var all = new PacketWatcher[watchers.Count];
        var matches = new PacketMatch[watchers.Count];
        for (int i = 0; i < all.Length; i++)
        {
            (all[i], matches[i]) = watchers[i];
        }

        return all.Length == 0 ? null : new WatchSet(all, matches, lastVersion);
    }

    /// <summary>A set that never changes (a replay, a test).</summary>
    public static WatchSet? Of(params (PacketWatcher Watcher, PacketMatch Match)[] watchers)
    {
        uint version = 0;
        return After(null, ref version, watchers);
    }

    /// <summary>Looks at a frame that just came in: saves it as it is if somebody may want to see it at its end.</summary>
    internal void NoteReceived(PacketBuffer* p, int port, in WatchPlace place)
    {
        bool hasTuple = false;
        PacketTuple tuple = default;
        uint bits = 0;
        for (int i = 0; i < _watchers.Length; i++)
        {
            PacketMatch match = _matches[i];
            if (!match.IsAt(port, PacketDirection.In) || !IsOf(match, p, port, place, ref tuple, ref hasTuple))
            {
                continue;
            }

            if (match.AsksFate || _watchers[i].Wants(place.Worker, port, place.NowNs))
            {
                bits |= 1u << _watchers[i].Slot;
            }
        }

        if (bits != 0)
        {
            ReceivedFrame.Of(p)->Save(p, place.NowNs, bits, _version);
        }
    }

    /// <summary>A packet that was saved as it came in has come to its end.</summary>
    internal void NoteEnd(PacketBuffer* p, PacketVerdict verdict, DropReason reason, int outPort, in WatchPlace place)
    {
        ReceivedFrame* saved = ReceivedFrame.Of(p);
        var sighting = new Sighting(p, verdict, reason, outPort);
        for (int i = 0; i < _watchers.Length; i++)
        {
            PacketWatcher watcher = _watchers[i];
            PacketMatch match = _matches[i];
            bool isFor = (saved->Watchers & (1u << watcher.Slot)) != 0 && watcher.Since <= saved->SetVersion;
            if (isFor && (match.AsksFate
                ? match.IsFate(verdict, reason) && watcher.Wants(place.Worker, p->InPort, place.NowNs)
                : watcher.StillWants(place.Worker, p->InPort, place.NowNs)))
            {
                watcher.See(place.Worker, sighting);
            }
        }
    }

    /// <summary>A port's device took a frame.</summary>
    internal void NoteSent(PacketBuffer* p, PacketVerdict verdict, int port, int inPort, in WatchPlace place)
    {
        bool hasTuple = false;
        PacketTuple tuple = default;
        var sighting = new Sighting(p, verdict, port, inPort, place.NowNs);
        for (int i = 0; i < _watchers.Length; i++)
        {
            PacketMatch match = _matches[i];
            if (match.IsAt(port, PacketDirection.Out) && match.IsFate(verdict, DropReason.None) &&
                IsOf(match, p, port, place, ref tuple, ref hasTuple) && _watchers[i].Wants(place.Worker, port, place.NowNs))
            {
                _watchers[i].See(place.Worker, sighting);
            }
        }
    }

    /// <summary>The burst of a worker is over.</summary>
    internal void EndBurst(int worker)
    {
        foreach (PacketWatcher watcher in _watchers)
        {
            watcher.EndBurst(worker);
        }
    }

    private static bool IsOf(
        PacketMatch match, PacketBuffer* p, int port, in WatchPlace place, ref PacketTuple tuple, ref bool hasTuple)
    {
        if (!match.AsksHeaders)
        {
            return true;
        }

        if (!hasTuple)
        {
            tuple = PacketTuple.Read(p->Data, p->Length);
            hasTuple = true;
        }

        return match.IsOf(tuple, port, place.Snapshot);
    }
}

/// <summary>Where and when a packet is watched.</summary>
/// <param name="Worker">The worker.</param>
/// <param name="NowNs">Its time.</param>
/// <param name="Snapshot">The configuration that it goes by.</param>
internal readonly record struct WatchPlace(int Worker, long NowNs, ForwardingSnapshot Snapshot);
