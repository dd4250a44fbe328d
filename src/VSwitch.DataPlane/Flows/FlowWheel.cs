using System.Runtime.Intrinsics.X86;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Flows;

/// <summary>When to look at which entry next: slots of 128 ms in a ring, each a list of chunks that hold entry numbers in a
/// row (a linked list would cost a dependent miss a link). An entry is in it exactly once from its slot's first use on,
/// and is looked at no later than its deadline, because no time-out is shorter than the horizon; so a packet never touches
/// the wheel. Owner: one worker.</summary>
internal sealed unsafe class FlowWheel : IDisposable
{
    /// <summary>Milliseconds of a slot, as a power of two.</summary>
    public const int SlotShift = 7;

    /// <summary>Slots of the ring: 16 s.</summary>
    public const int SlotCount = 128;

    /// <summary>Farthest that an entry is put ahead, milliseconds: the shortest default time-out.</summary>
    public const uint MaxHorizonMs = 10_000;

    private const int ChunkEntries = 62;
    /// <summary>The empty list.</summary>
    public const int NoList = 0;

    private readonly HugeMemory _memory;
    private readonly Chunk* _chunks;
    private readonly int[] _slots = new int[SlotCount];
    private int _used = 1;
    private int _free;

    /// <summary>Makes room for <paramref name="entries"/> entries.</summary>
    public FlowWheel(int entries)
    {
        // Each slot of the ring may hold one chunk that is not full, and the slot being drained another.
        nuint chunks = ((nuint)entries / ChunkEntries) + (2 * SlotCount) + 2;
        _memory = new HugeMemory(chunks * (nuint)sizeof(Chunk));
        _chunks = (Chunk*)_memory.Address;
    }

    private struct Chunk
    {
        public int Next;
        public int Count;
        public fixed int Entries[ChunkEntries];
    }

    /// <summary>The tick of a time.</summary>
    public static uint TickOf(uint ms) => ms >> SlotShift;

    /// <summary>Puts an entry into the slot of a tick.</summary>
    public void Add(int entry, uint tick)
    {
        ref int head = ref _slots[tick % SlotCount];
        if (head == NoList || _chunks[head].Count == ChunkEntries)
        {
            int fresh = _free;
            if (fresh != NoList)
            {
                _free = _chunks[fresh].Next;
            }
            else
            {
                fresh = _used++;
            }

            _chunks[fresh].Next = head;
            _chunks[fresh].Count = 0;
            head = fresh;
        }

        Chunk* chunk = _chunks + head;
        chunk->Entries[chunk->Count++] = entry;
    }

    /// <summary>Takes a tick's list out of the ring; entries added to the tick from now on start a new one.</summary>
    public int Detach(uint tick)
    {
        ref int head = ref _slots[tick % SlotCount];
        int list = head;
        head = NoList;
        return list;
    }

    /// <summary>Takes the first chunk off a detached list and copies its entries out.</summary>
    /// <returns>How many; 0 when the list is empty.</returns>
    public int Take(ref int list, Span<int> entries)
    {
        if (list == NoList)
        {
            return 0;
        }

        Chunk* chunk = _chunks + list;
        int count = chunk->Count;
        new ReadOnlySpan<int>(chunk->Entries, count).CopyTo(entries);
        int next = chunk->Next;
        if (next != NoList)
        {
            // The list is drained a chunk at a time: the next one is on its way while this one's entries are looked at.
            for (int line = 0; line < sizeof(Chunk); line += 64)
            {
                Sse.Prefetch0((byte*)(_chunks + next) + line);
            }
        }

        chunk->Next = _free;
        _free = list;
        list = next;
        return count;
    }

    /// <summary>Entries that <see cref="Take"/> copies at most.</summary>
    public static int MaxTake => ChunkEntries;

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
