using System.Runtime.CompilerServices;

namespace VSwitch.DataPlane.Buffers;

/// <summary>The question: does a small buffer that came with a handed-over packet stay with the worker that is done with it? It
/// does while the two workers have kept about as many of each other's: its lines are in this worker's cache, and a way home
/// would carry them to the other one for nothing. Each pool may so be short of, or have over, so many buffers for each other
/// worker at most. Large buffers are few and always go home.
/// <para>Each worker counts what it kept of each other, on lines that it alone writes; it reads the other's count when the one it
/// read last says that the limit is reached.</para></summary>
public sealed unsafe class BufferExchange : IDisposable
{
    private const int LineBytes = 128;
    private readonly HugeMemory _memory;
    private readonly int _workers;

    /// <summary>Makes counters for a switch's workers.</summary>
    /// <param name="workers">How many there are.</param>
    /// <param name="smallBuffers">Small buffers of each of them.</param>
    public BufferExchange(int workers, int smallBuffers)
    {
        _workers = workers;
        Limit = workers == 1 ? 0 : smallBuffers / 8 / (workers - 1);
        _memory = new HugeMemory((nuint)(workers * workers) * LineBytes);
    }

    /// <summary>Buffers that a worker may keep of another one beyond those that the other kept of its.</summary>
    public int Limit { get; }

    /// <summary>Buffers that a pool needs room for beyond its own.</summary>
    public int Room => Limit * (_workers - 1);

    /// <summary>Kept by one worker of another; what it last read of the other's count beside it.</summary>
    private struct Account
    {
        public long Kept;
        public long SeenOfOther;
    }

    /// <summary>Relabels a foreign buffer as <paramref name="self"/>'s own; false when it must go home.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryKeep(PacketBuffer* p, int self)
    {
        int other = p->OwnerWorker;
        Account* account = Of(self, other);
        if (p->IsLarge != 0 || (account->Kept - account->SeenOfOther >= Limit && !IsBelowLimit(account, self, other)))
        {
            return false;
        }

        Volatile.Write(ref account->Kept, account->Kept + 1);
        p->OwnerWorker = (byte)self;
        return true;
    }

    /// <summary>Buffers that worker <paramref name="self"/> has over, negative = is short of, when none is in use.</summary>
    public long Surplus(int self)
    {
        long surplus = 0;
        for (int other = 0; other < _workers; other++)
        {
            surplus += Volatile.Read(ref Of(self, other)->Kept) - Volatile.Read(ref Of(other, self)->Kept);
        }

        return surplus;
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private Account* Of(int self, int other) => (Account*)(_memory.Address + (((self * _workers) + other) * LineBytes));

    private bool IsBelowLimit(Account* account, int self, int other)
    {
        account->SeenOfOther = Volatile.Read(ref Of(other, self)->Kept);
        return account->Kept - account->SeenOfOther < Limit;
    }
}
