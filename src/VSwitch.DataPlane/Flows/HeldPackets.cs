using System.Diagnostics;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Flows;

/// <summary>What a held packet waits for.</summary>
public enum HeldFor : byte
{
    /// <summary>The first fragment of its datagram.</summary>
    FirstFragment,

    /// <summary>The MAC of its next hop.</summary>
    Neighbor,

    /// <summary>The first fragment of its datagram, which is held itself.</summary>
    HeldFirst,
}

/// <summary>A held packet.</summary>
public unsafe struct HeldPacket
{
    /// <summary>The packet.</summary>
    public PacketBuffer* Packet;

    /// <summary>Its place in the order of all that any worker holds.</summary>
    public long Stamp;

    /// <summary>When its time is up.</summary>
    public long DeadlineNs;

    /// <summary>The next hop that it waits for; an IPv4 address in the low bits of the first half.</summary>
    public RawIp6 NextHop;

    /// <summary>The port on whose link that is.</summary>
    public ushort NextHopPort;

    /// <summary>True for an IPv6 address; a tunnel's next hop may be of another family than the packet.</summary>
    public bool IsNextHopV6;

    /// <summary>Next held packet in order of arrival, or next free place; 0 = none.</summary>
    public int Next;

    /// <summary>The one before; 0 = none.</summary>
    public int Previous;

    /// <summary>Next fragment of the same datagram; 0 = none.</summary>
    public int ChainNext;

    /// <summary>In a held first fragment: the last fragment behind it; 0 = none.</summary>
    public int ChainTail;

    /// <summary>What it waits for.</summary>
    public HeldFor For;
}

/// <summary>The packets that one worker holds, in order of arrival, which is the order of their deadlines too, since all may
/// wait equally long. Fixed room. Places count from 1. Owner: one worker.</summary>
public sealed unsafe class HeldPackets : IDisposable
{
    private readonly HugeMemory _memory;
    private readonly HeldPacket* _places;
    private readonly int _capacity;
    private int _used;
    private int _free;
    private int _newest;

    /// <summary>Makes room for <paramref name="capacity"/> packets.</summary>
    public HeldPackets(int capacity)
    {
        _capacity = capacity;
        _memory = new HugeMemory(((nuint)capacity + 1) * (nuint)sizeof(HeldPacket));
        _places = (HeldPacket*)_memory.Address;
    }

    /// <summary>The place of the oldest packet; 0 = none is held.</summary>
    public int Oldest { get; private set; }

    /// <summary>Packets held.</summary>
    public int Count { get; private set; }

    /// <summary>The packet at a place.</summary>
    public HeldPacket* At(int place) => _places + place;

    /// <summary>Holds a packet; its place, or 0 when there is no room.</summary>
    public int Add(PacketBuffer* packet, HeldFor why, long stamp, long deadlineNs)
    {
        int place = _free;
        if (place != 0)
        {
            _free = _places[place].Next;
        }
        else if (_used < _capacity)
        {
            place = ++_used;
        }
        else
        {
            return 0;
        }

        _places[place] = new HeldPacket
        {
            Packet = packet,
            Stamp = stamp,
            DeadlineNs = deadlineNs,
            Previous = _newest,
            For = why,
        };
        if (_newest == 0)
        {
            Oldest = place;
        }
        else
        {
            _places[_newest].Next = place;
        }

        _newest = place;
        Count++;
        return place;
    }

    /// <summary>Lets go of a packet and returns it. Its chain is the caller's.</summary>
    public PacketBuffer* Remove(int place)
    {
        HeldPacket* held = _places + place;
        Debug.Assert(held->Packet != null, "a place was emptied twice");
        if (held->Previous == 0)
        {
            Oldest = held->Next;
        }
        else
        {
            _places[held->Previous].Next = held->Next;
        }

        if (held->Next == 0)
        {
            _newest = held->Previous;
        }
        else
        {
            _places[held->Next].Previous = held->Previous;
        }

        PacketBuffer* packet = held->Packet;
        held->Packet = null;
        held->Next = _free;
        _free = place;
        Count--;
        return packet;
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
