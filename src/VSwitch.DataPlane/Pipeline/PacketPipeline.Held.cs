using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Pipeline;

/// <content>Held packets. The question: did what this packet waits for come in time? A packet is held for the first fragment of
/// its datagram or for its next hop's MAC, 1 s at most. In a switch at work each worker looks after its own at the start of a
/// round; a replay takes the oldest of all workers' each time, so that the order does not depend on their number.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private const long HoldNs = 1_000_000_000;
    private const PacketFlags ParsedFlags = PacketFlags.IsV6 | PacketFlags.Fragment | PacketFlags.LaterFragment | PacketFlags.Saved;
    private readonly HeldPackets _held;
    private RawIp6 _askedNextHop;
    private int _heldVersion;
    private uint _heldGeneration;

    /// <summary>Packets that this worker holds.</summary>
    public int HeldCount => _held.Count;

    /// <summary>When the oldest held packet's time is up, nanoseconds; <see cref="long.MaxValue"/> when none is held.</summary>
    public long HeldDeadlineNs => _held.Oldest == 0 ? long.MaxValue : _held.At(_held.Oldest)->DeadlineNs;

    /// <summary>Place of the oldest held packet in the order of all workers' ones; <see cref="long.MaxValue"/> without one.
    /// </summary>
    public long HeldStamp => _held.Oldest == 0 ? long.MaxValue : _held.At(_held.Oldest)->Stamp;

    /// <summary>True when a held packet's time is up, or something changed that one may have waited for.</summary>
    public bool MayRelease(long nowNs) =>
        _held.Count > 0 && (HeldDeadlineNs <= nowNs || _heldVersion != _shared.Neighbors.Version);

    /// <summary>Finds the oldest held packet that need not wait any longer.</summary>
    /// <param name="nowNs">The time.</param>
    /// <param name="stamp">Its place in the order of all workers' held packets.</param>
    /// <returns>Its place for <see cref="Release"/>; 0 when all must wait.</returns>
    public int FindDue(long nowNs, out long stamp)
    {
        stamp = HeldStamp;
        if (HeldDeadlineNs <= nowNs)
        {
            return _held.Oldest;
        }

        // Read before the look-ups: what is learnt during them counts as new the next time.
        int version = _shared.Neighbors.Version;
        if (_held.Count == 0 || (version == _heldVersion && _generation == _heldGeneration))
        {
            return 0;
        }

        for (int place = _held.Oldest; place != 0; place = _held.At(place)->Next)
        {
            if (_held.At(place)->For == HeldFor.Neighbor && IsResolved(place))
            {
                stamp = _held.At(place)->Stamp;
                return place;
            }
        }

        _heldVersion = version;
        _heldGeneration = _generation;
        return 0;
    }

    /// <summary>Releases what need not wait any longer, the oldest first. Between <see cref="Begin"/> and <see cref="Flush"/>.
    /// </summary>
    /// <returns>How many packets were released with those that waited behind them.</returns>
    public int ReleaseDue()
    {
        int before = _held.Count;
        if (before == 0)
        {
            return 0;
        }

        for (int place = FindDue(_nowNs, out _); place != 0; place = FindDue(_nowNs, out _))
        {
            Release(place);
        }

        return before - _held.Count;
    }

    /// <summary>Ends a packet's waiting: it goes on if its next hop is known, else it is dropped.</summary>
    public void Release(int place)
    {
        HeldPacket* held = _held.At(place);
        if (held->For == HeldFor.FirstFragment)
        {
            Drop(TakeHeldOf(_datagrams.At(held->Packet->Datagram)), DropReason.FragmentUnmatched);
            return;
        }

        bool isResolved = IsResolved(place);
        EndWait(place, isResolved, isResolved || held->Packet->InPort == 0 ? RouterError.None : RouterError.HostUnreachable);
    }

    /// <summary>Drops the oldest held packet although its time is not up (end of a replay, shutdown).</summary>
    public void DropOldestHeld()
    {
        int place = _held.Oldest;
        if (_held.At(place)->For == HeldFor.FirstFragment)
        {
            Release(place);
        }
        else
        {
            EndWait(place, goesOn: false, RouterError.None);
        }
    }

    /// <summary>Ends the waiting of a packet for its next hop, and of the fragments that wait behind it.</summary>
    private void EndWait(int place, bool goesOn, RouterError error)
    {
        int chain = _held.At(place)->ChainNext;
        PacketBuffer* p = LetGo(place);
        bool isFragment = (p->Flags & PacketFlags.Fragment) != 0;
        FragmentOwner* owner = _fragments.At(isFragment ? p->Datagram : 0);
        FragmentOwner other = *owner;
        bool isOwn = !isFragment || owner->Key == FragmentKeyOf(p);
        if (isFragment && isOwn)
        {
            owner->HeldAt = 0;
        }

        if (goesOn)
        {
            LookAgain(p);
        }
        else
        {
            SendError(p, error);
            Drop(p, DropReason.NeighborUnresolved);
        }

        while (chain != 0)
        {
            int next = _held.At(chain)->ChainNext;
            PacketBuffer* later = LetGo(chain);
            if (goesOn)
            {
                LookAgain(later);
            }
            else
            {
                Drop(later, DropReason.FragmentUnmatched);
            }

            chain = next;
        }

        if (!isOwn)
        {
            // The whole datagram was seen while its first fragment was held, and another one has the slot now.
            *owner = other;
        }
    }

    private bool IsResolved(int place)
    {
        HeldPacket* held = _held.At(place);
        RawIp6 nextHop = held->NextHop;
        return ((held->Packet->Flags & PacketFlags.IsV6) != 0
            ? Ip6Family.Neighbor(_internet, _shared.Neighbors, nextHop)
            : Ip4Family.Neighbor(_internet, _shared.Neighbors, (uint)nextHop.First)) != 0;
    }

    /// <summary>Holds a packet for its next hop, which the switch has asked for.</summary>
    private void HoldForNeighbor(PacketBuffer* p)
    {
        int place = Hold(p, HeldFor.Neighbor);
        if (place == 0)
        {
            Drop(p, DropReason.NeighborUnresolved);
            return;
        }

        _held.At(place)->NextHop = _askedNextHop;
        if ((p->Flags & PacketFlags.Fragment) != 0)
        {
            _fragments.At(p->Datagram)->HeldAt = place;
        }

        if (_tracer.IsEnabled)
        {
            string nextHop = (p->Flags & PacketFlags.IsV6) != 0 ? Text(_askedNextHop) : Text((uint)_askedNextHop.First);
            _tracer.Note(PipelineStage.Route, $"the MAC of the next hop {nextHop} is not known: the switch asks for it");
            _tracer.Note(PipelineStage.Verdict, "held: waits for its next hop's MAC, 1 s at most");
        }
    }

    private int Hold(PacketBuffer* p, HeldFor why)
    {
        bool isLarge = p->IsLarge != 0;
        if (!_shared.Held.TryTake(p->InPort, isLarge, out long stamp))
        {
            if (_tracer.IsEnabled)
            {
                _tracer.Note(PipelineStage.Connection, "the packet would have to wait, and there is no room to hold it");
            }

            return 0;
        }

        int place = _held.Add(p, why, stamp, _nowNs + HoldNs);
        if (place == 0)
        {
            _shared.Held.Give(p->InPort, isLarge);
        }

        return place;
    }

    private PacketBuffer* LetGo(int place)
    {
        PacketBuffer* p = _held.Remove(place);
        _shared.Held.Give(p->InPort, p->IsLarge != 0);
        return p;
    }

    /// <summary>Looks at a packet as if it came in now.</summary>
    private void LookAgain(PacketBuffer* p)
    {
        if (!TryPrepareAgain(p))
        {
            return;
        }

        int owner = _steering == null ? 0 : OwnerOf(p, p->KeyHigh);
        if (_steering != null && owner != _steering.Self && (p->Flags & PacketFlags.LaterFragment) == 0)
        {
            // Since it came in, the configuration has changed what it is translated to.
            if ((p->Flags & PacketFlags.Fragment) != 0)
            {
                Drop(p, DropReason.FragmentUnmatched);
            }
            else
            {
                TryGive(p, owner);
            }
        }
        else if ((p->Flags & PacketFlags.IsV6) != 0)
        {
            AdmitAgain<RawIp6, Ip6Family>(p);
        }
        else
        {
            AdmitAgain<uint, Ip4Family>(p);
        }
    }

    private void AdmitAgain<TAddress, TFamily>(PacketBuffer* p)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        DropReason reason = CheckStateless<TAddress, TFamily>(p, out bool isRouted, out bool isLocal);
        if (reason != DropReason.None)
        {
            Drop(p, reason);
        }
        else if (isLocal)
        {
            AnswerLocal(p);
        }
        else
        {
            Proceed<TAddress, TFamily>(p, isRouted);
        }
    }

    /// <summary>What Prepare does, under the configuration of now; false when the packet was dropped.</summary>
    private bool TryPrepareAgain(PacketBuffer* p)
    {
        int port = p->InPort;
        Eni* eni = _snapshot.Enis + port;
        if (port >= _snapshot.PortCount || (eni->Flags & EniFlags.Exists) == 0)
        {
            Drop(p, DropReason.UnknownPort);
            return false;
        }

        if (!IsFromSender(p, eni, port))
        {
            Drop(p, DropReason.SpoofedMac);
            return false;
        }

        p->Flags &= ParsedFlags;
        if ((p->Flags & PacketFlags.IsV6) == 0)
        {
            KeyOther4(p, eni, port);
        }
        else
        {
            Key6(p, eni);
        }

        return true;
    }
}
