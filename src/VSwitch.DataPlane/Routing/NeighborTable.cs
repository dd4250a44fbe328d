using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Routing;

/// <summary>Who has which address on the internet side: learnt by ARP and ND, shared by all workers, asked on first packets
/// only. Open addressing in native memory; an entry is claimed by one compare-and-swap, its MAC is one 64-bit word, and none
/// is ever taken out, so readers need no lock. A full table learns nothing new. Static entries come with the snapshot.</summary>
public sealed unsafe class NeighborTable : IDisposable
{
    private const int SlotCount = 8192;
    private const int MaxProbes = 64;
    private const long AskEveryMs = 1000;
    private const int Claimed = 1;
    private const int Ready = 2;
    private readonly HugeMemory _memory;
    private readonly Slot* _slots;
    private int _version;

    /// <summary>Makes an empty table.</summary>
    public NeighborTable()
    {
        _memory = new HugeMemory(SlotCount * (nuint)sizeof(Slot));
        _slots = (Slot*)_memory.Address;
    }

    private struct Slot
    {
        public RawIp6 Address;
        public ulong Mac;
        public long AskAgainMs;
        public int State;
        public int IsV6;
    }

    /// <summary>Grows after each MAC that is learnt or changes: whoever waits for one looks again when it has grown.</summary>
    public int Version => Volatile.Read(ref _version);

    /// <summary>The raw MAC of an IPv4 neighbour, 0 = not known.</summary>
    public ulong Lookup(uint address) => Lookup(new RawIp6(address, 0), isV6: false);

    /// <summary>The raw MAC of an IPv6 neighbour, 0 = not known.</summary>
    public ulong Lookup(RawIp6 address) => Lookup(address, isV6: true);

    /// <summary>Learns a neighbour.</summary>
    /// <returns>True when a known MAC changed, so that actions made with the old one must be made again.</returns>
    public bool Learn(RawIp6 address, bool isV6, ulong mac)
    {
        Slot* slot = Find(address, isV6, claim: true);
        if (slot == null)
        {
            return false;
        }

        ulong old = Interlocked.Exchange(ref slot->Mac, mac);
        if (old != mac)
        {
            Interlocked.Increment(ref _version);
        }

        return old != 0 && old != mac;
    }

    /// <summary>True when the switch should ask for the address now: the first time, and then at most once a second.</summary>
    public bool ShouldAsk(RawIp6 address, bool isV6, long nowMs)
    {
        Slot* slot = Find(address, isV6, claim: true);
        if (slot == null)
        {
            return false;
        }

        long again = Volatile.Read(ref slot->AskAgainMs);
        return nowMs >= again && Interlocked.CompareExchange(ref slot->AskAgainMs, nowMs + AskEveryMs, again) == again;
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private ulong Lookup(RawIp6 address, bool isV6)
    {
        Slot* slot = Find(address, isV6, claim: false);
        return slot == null ? 0 : Volatile.Read(ref slot->Mac);
    }

    private Slot* Find(RawIp6 address, bool isV6, bool claim)
    {
        ulong hash = RawHash.Of(address, isV6 ? 1u : 0u) >> 48;
        for (uint i = 0; i < MaxProbes; i++)
        {
            Slot* slot = _slots + ((hash + i) % SlotCount);
            int state = Volatile.Read(ref slot->State);
            if (state == 0)
            {
                if (!claim)
                {
                    return null;
                }

                if (Interlocked.CompareExchange(ref slot->State, Claimed, 0) == 0)
                {
                    slot->Address = address;
                    slot->IsV6 = isV6 ? 1 : 0;
                    Volatile.Write(ref slot->State, Ready);
                    return slot;
                }

                state = Volatile.Read(ref slot->State);
            }

            // Another worker is writing the address: it takes some stores, and happens once per neighbour.
            while (state == Claimed)
            {
                Thread.SpinWait(1);
                state = Volatile.Read(ref slot->State);
            }

            if (slot->Address == address && slot->IsV6 == (isV6 ? 1 : 0))
            {
                return slot;
            }
        }

        return null;
    }
}
