using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Pipeline;

/// <content>Fragments (semantics.md decision 13; order of checks, section 9). The questions: does this one fit its datagram, and
/// which connection does it follow? All fragments of a datagram meet at one worker, which knows the parts that were seen and
/// sends them on, first one first, to the worker of the connection; that one knows what the later ones follow. Nothing is put
/// together.</content>
public sealed unsafe partial class PacketPipeline<TTracer>
{
    private readonly FragmentTable _fragments = new();
    private readonly DatagramTable _datagrams = new();

    private static FragmentKey FragmentKeyOf(PacketBuffer* p)
    {
        uint identification = ParseStage.PartOf(p).Identification;
        return (p->Flags & PacketFlags.IsV6) != 0
            ? new FragmentKey(Ip6Family.Source(p), Ip6Family.Destination(p), identification, p->InPort, 0, 1)
            : new FragmentKey(
                new RawIp6(Ip4Family.Source(p), 0), new RawIp6(Ip4Family.Destination(p), 0), identification, p->InPort,
                p->Protocol, 0);
    }

    private int MeetingWorker(PacketBuffer* p) =>
        DatagramTable.SetOf(FragmentKeyOf(p).Hash(_secretLow, _secretHigh)) % _steering!.Count;

    private bool IsMeetingWorker(PacketBuffer* p) => _steering == null || MeetingWorker(p) == _steering.Self;

    /// <summary>Order of checks, section 9: a fragment that passed the stateless checks, where its datagram's fragments meet.
    /// </summary>
    private void Meet<TAddress, TFamily>(PacketBuffer* p, bool isRouted)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        int slot = DatagramOf(p);
        Datagram* datagram = _datagrams.At(slot);
        FragmentPart part = ParseStage.PartOf(p);
        FragmentVerdict verdict = (datagram->Flags & DatagramFlags.Poisoned) != 0 ? FragmentVerdict.Poisons
            : datagram->See(part.OffsetBytes, part.EndBytes, !part.More);
        if (verdict >= FragmentVerdict.Repeats)
        {
            if (_tracer.IsEnabled)
            {
                _tracer.Note(PipelineStage.Connection, "a fragment that does not fit the others of its datagram");
            }

            Drop(p, DropReason.FragmentOverlap);
            if (verdict == FragmentVerdict.Poisons)
            {
                datagram->Flags |= DatagramFlags.Poisoned;
                DropHeldOf(datagram, DropReason.FragmentOverlap);
            }

            return;
        }

        p->Datagram = (ushort)slot;
        if ((p->Flags & (Unbalanced | PacketFlags.LaterFragment)) == Unbalanced && !TryBalance(p))
        {
            datagram->Flags |= DatagramFlags.FirstSeen | DatagramFlags.FirstLost;
            ReleaseBehindFirst<TAddress, TFamily>(datagram);
        }
        else if ((p->Flags & PacketFlags.LaterFragment) == 0)
        {
            datagram->Flags |= DatagramFlags.FirstSeen;
            datagram->Worker = (byte)(_steering == null ? 0 : OwnerOf(p, p->KeyHigh));
            PassOn<TAddress, TFamily>(p, datagram, isRouted);
            ReleaseBehindFirst<TAddress, TFamily>(datagram);
        }
        else if ((datagram->Flags & DatagramFlags.FirstSeen) != 0)
        {
            PassOn<TAddress, TFamily>(p, datagram, isRouted);
        }
        else
        {
            HoldForFirst(p, datagram);
        }

        if (verdict == FragmentVerdict.Completes)
        {
            datagram->Flags = DatagramFlags.None;
        }
    }

    private int DatagramOf(PacketBuffer* p)
    {
        FragmentKey key = FragmentKeyOf(p);
        uint hash = key.Hash(_secretLow, _secretHigh);
        int slot = _datagrams.Find(key, hash, _nowNs);
        if (slot < 0)
        {
            slot = _datagrams.Choose(hash, _nowNs);
            DropHeldOf(_datagrams.At(slot), DropReason.FragmentUnmatched);
            _datagrams.Begin(slot, key, _nowNs);
        }

        return slot;
    }

    /// <summary>Sends a fragment to its connection's worker; what follows a first one that was lost on the way is lost too.
    /// </summary>
    private void PassOn<TAddress, TFamily>(PacketBuffer* p, Datagram* datagram, bool isRouted)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        if ((datagram->Flags & DatagramFlags.FirstLost) != 0)
        {
            Drop(p, DropReason.FragmentUnmatched);
        }
        else if (_steering == null || datagram->Worker == _steering.Self)
        {
            Proceed<TAddress, TFamily>(p, isRouted);
        }
        else
        {
            bool isFirst = (p->Flags & PacketFlags.LaterFragment) == 0;
            if (!TryGive(p, datagram->Worker) && isFirst)
            {
                datagram->Flags |= DatagramFlags.FirstLost;
            }
        }
    }

    private void ReleaseBehindFirst<TAddress, TFamily>(Datagram* datagram)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        while (datagram->HeldHead != 0)
        {
            PacketBuffer* p = TakeHeldOf(datagram);
            if (!TryPrepareAgain(p))
            {
                continue;
            }

            DropReason reason = CheckStateless<TAddress, TFamily>(p, out bool isRouted, out _);
            if (reason != DropReason.None)
            {
                Drop(p, reason);
            }
            else
            {
                PassOn<TAddress, TFamily>(p, datagram, isRouted);
            }
        }
    }

    private void HoldForFirst(PacketBuffer* p, Datagram* datagram)
    {
        int place = Hold(p, HeldFor.FirstFragment);
        if (place == 0)
        {
            Drop(p, DropReason.FragmentUnmatched);
            return;
        }

        if (datagram->HeldHead == 0)
        {
            datagram->HeldHead = place;
        }
        else
        {
            _held.At(datagram->HeldTail)->ChainNext = place;
        }

        datagram->HeldTail = place;
        if (_tracer.IsEnabled)
        {
            _tracer.Note(PipelineStage.Verdict, "held: a later fragment came before the first one, for which it waits 1 s");
        }
    }

    /// <summary>Takes the datagram's longest held fragment out.</summary>
    private PacketBuffer* TakeHeldOf(Datagram* datagram)
    {
        int place = datagram->HeldHead;
        datagram->HeldHead = _held.At(place)->ChainNext;
        return LetGo(place);
    }

    private void DropHeldOf(Datagram* datagram, DropReason reason)
    {
        while (datagram->HeldHead != 0)
        {
            Drop(TakeHeldOf(datagram), reason);
        }
    }

    /// <summary>A later fragment goes the way of its first, or waits with it.</summary>
    private void FollowFirstFragment<TAddress, TFamily>(PacketBuffer* p, bool isRouted)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        FragmentOwner* owner = _fragments.Find(p->Datagram, FragmentKeyOf(p));
        if (owner != null && owner->HeldAt != 0)
        {
            HoldBehind(p, owner->HeldAt);
            return;
        }

        FlowEntry* entry = owner == null ? null : EntryOf(p, owner);
        if (entry == null)
        {
            Drop(p, DropReason.FragmentUnmatched);
            return;
        }

        SetDirection<TAddress, TFamily>(p, entry, _actions[2L * entry->Path].Translates == FlowAction.TranslatesPorts);
        DropReason reason = Refresh<TAddress, TFamily>(p, entry, isRouted, out bool isGone);
        if (reason != DropReason.None || isGone)
        {
            Drop(p, isGone ? DropReason.FragmentUnmatched : reason);
            return;
        }

        FlowAction* action = ActionOf(p, entry);
        if (action->Generation is FlowAction.Denied or FlowAction.Unrouted)
        {
            RefuseDirection(p, action);
        }
        else if (action->TtlDecrement != 0 && TFamily.Ttl(p) <= 1)
        {
            ExpireTtl(p);
        }
        else if (p->L3Length <= action->MtuBytes || !RefuseTooLong(p, action->MtuBytes, action->OutPort))
        {
            if (action->PlainBytes == 0 && Regulate(p, action) is DropReason over and not DropReason.None)
            {
                Drop(p, over);
                return;
            }

            if (_tracer.IsEnabled)
            {
                _tracer.Note(PipelineStage.Connection, "a later fragment: goes the way of its first one");
                TraceForward(p, action);
            }

            Rewrite(p, action, (p->Flags & PacketFlags.IsV6) != 0);
            Enqueue(p, action->OutPort);
        }
    }

    private FlowEntry* EntryOf(PacketBuffer* p, FragmentOwner* owner)
    {
        if (owner->Number < 0)
        {
            return null;
        }

        FlowEntry* entry = ((p->Flags & PacketFlags.IsV6) != 0 ? _connections.V6 : _connections.V4).At(owner->Number);
        bool isLive = entry->State != FlowState.Free && _connections.DetailOf(entry)->Hash == owner->Hash &&
            entry->KeyHigh == owner->KeyHigh && !Connections.IsExpired(entry, _nowMs);
        return isLive ? entry : null;
    }

    /// <summary>A later fragment has no ports, so its key does not say which endpoint sent it; the connection's does.</summary>
    private static void SetDirection<TAddress, TFamily>(PacketBuffer* p, FlowEntry* entry, bool isMapped)
        where TAddress : unmanaged, IEquatable<TAddress>
        where TFamily : IAddressFamily<TAddress>
    {
        bool openerSwapped = (entry->Flags & FlowFlags.OpenerSwapped) != 0;
        if ((p->Flags & PacketFlags.Mapped) != 0)
        {
            // Its key has the source and, for want of ports, no private address (0, the lower one).
            bool isHigher = (uint)(p->KeyLow >> 32) == (uint)(entry->KeyLow >> 32);
            p->Flags = isHigher ? p->Flags | PacketFlags.Swapped : p->Flags & ~PacketFlags.Swapped;
            p->KeyLow = entry->KeyLow;
            return;
        }

        TAddress higherOfPacket = TFamily.KeyAddress(p->KeyLow, Scratch6(p), higher: true);
        TAddress lowerOfPacket = TFamily.KeyAddress(p->KeyLow, Scratch6(p), higher: false);
        if (typeof(TAddress) == typeof(uint) && isMapped)
        {
            // What is translated sorts as it likes; who sends is one of the two in the key.
            bool isHigher = Ip4Family.Source(p) == (uint)(entry->KeyLow >> 32);
            bool isLower = Ip4Family.Source(p) == (uint)entry->KeyLow;
            bool fromHigher = isHigher && isLower ? openerSwapped : isHigher;
            p->Flags = fromHigher ? p->Flags | PacketFlags.Swapped : p->Flags & ~PacketFlags.Swapped;
        }
        else if (higherOfPacket.Equals(lowerOfPacket))
        {
            p->Flags = openerSwapped ? p->Flags | PacketFlags.Swapped : p->Flags & ~PacketFlags.Swapped;
        }
    }

    private void HoldBehind(PacketBuffer* p, int firstPlace)
    {
        int place = Hold(p, HeldFor.HeldFirst);
        if (place == 0)
        {
            Drop(p, DropReason.FragmentUnmatched);
            return;
        }

        HeldPacket* first = _held.At(firstPlace);
        if (first->ChainTail == 0)
        {
            first->ChainNext = place;
        }
        else
        {
            _held.At(first->ChainTail)->ChainNext = place;
        }

        first->ChainTail = place;
    }

    /// <summary>A first fragment went its way by a connection: the later ones follow it.</summary>
    private void RememberFragment(PacketBuffer* p, FlowEntry* entry)
    {
        FragmentOwner* owner = _fragments.At(p->Datagram);
        owner->Number = ((p->Flags & PacketFlags.IsV6) != 0 ? _connections.V6 : _connections.V4).NumberOf(entry);
        owner->Hash = _connections.DetailOf(entry)->Hash;
        owner->KeyHigh = entry->KeyHigh;
    }
}
