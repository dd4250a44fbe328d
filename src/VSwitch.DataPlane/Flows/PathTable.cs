using System.Numerics;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Flows;

/// <summary>The ways that connections take: pairs of actions (from the lower endpoint, from the higher endpoint), each kept
/// once and shared, so that they stay in the cache whatever the number of connections. Owner: one worker.
/// There are never more paths than connections, so it cannot overflow.</summary>
public sealed unsafe class PathTable : IDisposable
{
    private const int MemoBits = 9;
    private const int PathBytes = 2 * FlowAction.SizeBytes;
    private readonly HugeMemory _memory;
    private readonly HugeMemory _headMemory;
    private readonly int* _heads;
    private readonly HugeMemory _memoMemory;
    private readonly Memo* _memos;
    private readonly uint _mask;
    private ulong _serial;
    private int _used = 1;
    private int _free;

    /// <summary>Makes room for <paramref name="capacity"/> paths; memory is taken as they come.</summary>
    public PathTable(int capacity)
    {
        _memory = new HugeMemory(((nuint)capacity + 2) * PathBytes);
        uint heads = BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(capacity, 64, 1 << 18));
        _headMemory = new HugeMemory(heads * (nuint)sizeof(int));
        _heads = (int*)_headMemory.Address;
        _mask = heads - 1;
        _memoMemory = new HugeMemory((1 << MemoBits) * (nuint)sizeof(Memo));
        _memos = (Memo*)_memoMemory.Address;
        Actions = (FlowAction*)_memory.Address;
    }

    /// <summary>A path that was taken lately; good as long as the path has still the serial number.</summary>
    private struct Memo
    {
        public PathOrigin Origin;
        public ulong Serial;
        public int Path;
    }

    /// <summary>Action of direction d (0 from the lower endpoint, 1 from the higher) of path i: Actions[2 * i + d].</summary>
    public FlowAction* Actions { get; }

    /// <summary>Paths in use.</summary>
    public int Count { get; private set; }

    /// <summary>Takes the path of an origin if it was taken lately and is still there: most connections go the way of another
    /// one.</summary>
    /// <returns>False when <see cref="Take(in FlowAction, in FlowAction)"/> has to find it.</returns>
    public bool TryTake(in PathOrigin origin, out int path)
    {
        Memo* memo = MemoOf(origin);
        path = memo->Path;
        FlowAction* first = Actions + (2 * path);
        if (memo->Serial == 0 || first[1].Serial != memo->Serial || memo->Origin != origin)
        {
            return false;
        }

        first->ReferenceCount++;
        return true;
    }

    /// <summary>Notes which path an origin has.</summary>
    public void Note(in PathOrigin origin, int path) =>
        *MemoOf(origin) = new Memo { Origin = origin, Serial = Actions[(2 * path) + 1].Serial, Path = path };

    /// <summary>Finds or makes the path and counts one more user. Path 0 is never given.</summary>
    public int Take(in FlowAction up, in FlowAction down)
    {
        fixed (FlowAction* pUp = &up, pDown = &down)
        {
            int* head = _heads + (HashOf(pUp, pDown) & _mask);
            for (int i = *head; i != 0; i = Actions[2 * i].Next)
            {
                if (Same(Actions + (2 * i), pUp) && Same(Actions + (2 * i) + 1, pDown))
                {
                    Actions[2 * i].ReferenceCount++;
                    return i;
                }
            }

            int path = _free;
            if (path != 0)
            {
                _free = Actions[2 * path].Next;
            }
            else
            {
                path = _used++;
            }

            Actions[2 * path] = up;
            Actions[(2 * path) + 1] = down;
            Actions[(2 * path) + 1].Serial = ++_serial;
            Actions[2 * path].ReferenceCount = 1;
            Actions[2 * path].Next = *head;
            *head = path;
            Count++;
            return path;
        }
    }

    /// <summary>One user less; the last one frees the path.</summary>
    public void Release(int path)
    {
        FlowAction* first = Actions + (2 * path);
        if (--first->ReferenceCount > 0)
        {
            return;
        }

        int* link = _heads + (HashOf(first, first + 1) & _mask);
        while (*link != path)
        {
            link = &Actions[2 * *link].Next;
        }

        *link = first->Next;
        first[1].Serial = 0;
        first->Next = _free;
        _free = path;
        Count--;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _memory.Dispose();
        _headMemory.Dispose();
        _memoMemory.Dispose();
    }

    private Memo* MemoOf(in PathOrigin origin) => _memos + (origin.Hash >> (64 - MemoBits));

    private static bool Same(FlowAction* a, FlowAction* b) =>
        new ReadOnlySpan<byte>(a, FlowAction.ComparedBytes).SequenceEqual(new ReadOnlySpan<byte>(b, FlowAction.ComparedBytes));

    private static uint HashOf(FlowAction* up, FlowAction* down)
    {
        ulong hash = 0;
        for (int i = 0; i < FlowAction.ComparedBytes / sizeof(ulong); i++)
        {
            hash = (hash ^ ((ulong*)up)[i]) * 0x9E37_79B9_7F4A_7C15UL;
            hash = (hash ^ (hash >> 29) ^ ((ulong*)down)[i]) * 0xD6E8_FEB8_6659_FD93UL;
        }

        return (uint)(hash >> 32);
    }
}
