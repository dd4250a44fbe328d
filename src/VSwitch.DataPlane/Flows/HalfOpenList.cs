using System.Runtime.Intrinsics.X86;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Flows;

/// <summary>The half-open connections of one worker, by the ENI that they are charged to, oldest first: what may have to make
/// room (semantics.md decision 6; order of checks, section 12). A connection leaves it when it is answered or removed, so an
/// established one is never found here. Doubly linked in native memory beside the tables, so that the line of an
/// established connection carries none of it. Owner: one worker.</summary>
public sealed unsafe class HalfOpenList : IDisposable
{
    private const int None = -1;
    private readonly HugeMemory _memory;
    private readonly Link* _links;
    private readonly Chain* _chains;
    private readonly int _portCapacity;

    /// <summary>Makes an empty list.</summary>
    /// <param name="slotCount">Connection slots, numbered from 0.</param>
    /// <param name="portCapacity">Ports, numbered from 0.</param>
    public HalfOpenList(int slotCount, int portCapacity)
    {
        _portCapacity = portCapacity;
        nuint chainBytes = (nuint)portCapacity * (nuint)sizeof(Chain);
        _memory = new HugeMemory(chainBytes + ((nuint)slotCount * (nuint)sizeof(Link)));
        _chains = (Chain*)_memory.Address;
        _links = (Link*)(_memory.Address + chainBytes);
        for (int i = 0; i < portCapacity; i++)
        {
            _chains[i] = new Chain { Oldest = None, Newest = None };
        }
    }

    private struct Link
    {
        public int Older;
        public int Newer;
        public uint Order;
        public int Port;
    }

    private struct Chain
    {
        public int Oldest;
        public int Newest;
        public int Count;
    }

    /// <summary>Half-open connections.</summary>
    public int Count { get; private set; }

    /// <summary>Half-open connections charged to a port.</summary>
    public int CountOf(int port) => _chains[port].Count;

    /// <summary>Slot of the oldest one charged to a port; -1 when there is none.</summary>
    public int OldestOf(int port) => _chains[port].Oldest;

    /// <summary>Order stamp of the oldest one charged to a port.</summary>
    public uint OldestOrderOf(int port) => _links[_chains[port].Oldest].Order;

    /// <summary>Ports that can be charged.</summary>
    public int PortCapacity => _portCapacity;

    /// <summary>Asks the cache for what <see cref="Add"/> or <see cref="Remove"/> of a slot touches.</summary>
    public void Prefetch(int slot) => Sse.Prefetch0(_links + slot);

    /// <summary>Adds the newest.</summary>
    /// <param name="slot">Its slot; not in the list.</param>
    /// <param name="port">Whom it is charged to.</param>
    /// <param name="order">Grows with every connection of the switch.</param>
    public void Add(int slot, int port, uint order)
    {
        Chain* chain = _chains + port;
        _links[slot] = new Link { Older = chain->Newest, Newer = None, Order = order, Port = port };
        if (chain->Newest == None)
        {
            chain->Oldest = slot;
        }
        else
        {
            _links[chain->Newest].Newer = slot;
        }

        chain->Newest = slot;
        chain->Count++;
        Count++;
    }

    /// <summary>Takes one out.</summary>
    public void Remove(int slot)
    {
        Link* link = _links + slot;
        Chain* chain = _chains + link->Port;
        if (link->Older == None)
        {
            chain->Oldest = link->Newer;
        }
        else
        {
            _links[link->Older].Newer = link->Newer;
        }

        if (link->Newer == None)
        {
            chain->Newest = link->Older;
        }
        else
        {
            _links[link->Newer].Older = link->Older;
        }

        chain->Count--;
        Count--;
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
