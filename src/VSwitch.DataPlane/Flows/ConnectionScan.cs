using System.Runtime.Intrinsics.X86;

namespace VSwitch.DataPlane.Flows;

/// <summary>A way through all connections of a worker, a block of slots at a time: IPv4, then IPv6. Entries never move, so a
/// connection that lives from its begin to its end is met exactly once, whatever comes and goes meanwhile.</summary>
internal unsafe struct ConnectionScan(int place)
{
    /// <summary>Slots of a block.</summary>
    public const int BlockSlots = 64;

    /// <summary>The place where it goes on.</summary>
    public int Place { get; private set; } = place;

    /// <summary>True when there is nothing left to look at.</summary>
    public bool IsAtEnd { get; private set; }

    /// <summary>Goes back to a place of the block that <see cref="Next"/> looked at last.</summary>
    public void GoBackTo(int place) => (Place, IsAtEnd) = (place, false);

    /// <summary>Looks at the rest of the block at hand.</summary>
    /// <param name="connections">The worker's connections.</param>
    /// <param name="filter">Which are meant.</param>
    /// <param name="found">Takes the places of those that are; as long as a block.</param>
    /// <returns>How many.</returns>
    public int Next(Connections connections, ConnectionFilter filter, Span<int> found)
    {
        bool isV6 = Place >= connections.V4.SlotCount;
        FlowTable table = isV6 ? connections.V6 : connections.V4;
        int first = isV6 ? connections.V4.SlotCount : 0;
        int number = Place - first;
        int limit = table.WalkedSlotCount;
        int end = Math.Min(limit, (number & -BlockSlots) + BlockSlots);
        int count = 0;
        for (; number < end; number++)
        {
            FlowEntry* entry = table.At(number);
            bool isLive = entry->State != FlowState.Free && !Connections.IsExpired(entry, connections.NowMs);
            if (isLive && filter.Matches(connections, table, entry))
            {
                found[count++] = first + number;
            }
        }

        Place = end < limit ? first + end : connections.V4.SlotCount;
        IsAtEnd = end >= limit && isV6;
        if (end < limit)
        {
            Fetch(table.At(end));
        }

        return count;
    }

    /// <summary>The next block is on its way while packets are looked after. Past the cache that they need.</summary>
    private static void Fetch(FlowEntry* entries)
    {
        for (int i = 0; i < BlockSlots; i++)
        {
            Sse.PrefetchNonTemporal(entries + i);
        }
    }
}
