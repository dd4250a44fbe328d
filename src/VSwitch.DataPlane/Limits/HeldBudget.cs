using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Limits;

/// <summary>How many packets may be held, over all workers: so many of a port, and so many buffers in all, since a held packet
/// keeps a buffer from those that could be forwarded. Counts are atomic; what is held is each worker's own.</summary>
public sealed unsafe class HeldBudget : IDisposable
{
    /// <summary>Packets of one port (order of checks, section 4, miss, 6).</summary>
    public const int PerPort = 64;

    private readonly HugeMemory _memory;
    private readonly int* _ofPort;
    private int _smallRoom = int.MaxValue;
    private int _largeRoom = int.MaxValue;
    private int _small;
    private int _large;
    private long _stamp;

    /// <summary>Makes an empty budget.</summary>
    public HeldBudget()
    {
        _memory = new HugeMemory((ushort.MaxValue + 1) * (nuint)sizeof(int));
        _ofPort = (int*)_memory.Address;
    }

    /// <summary>Packets held now.</summary>
    public int Count => Volatile.Read(ref _small) + Volatile.Read(ref _large);

    /// <summary>Sets how many buffers of each size may be held in all.</summary>
    public void SetRoom(int small, int large)
    {
        _smallRoom = small;
        _largeRoom = large;
    }

    /// <summary>Packets of a port that are held now.</summary>
    public int Of(int port) => Volatile.Read(ref _ofPort[port]);

    /// <summary>Takes a place for a packet of a port.</summary>
    /// <param name="port">Port that it came in by.</param>
    /// <param name="isLarge">True for a large buffer.</param>
    /// <param name="stamp">Its place in the order of all that is held, whichever worker holds it.</param>
    /// <returns>False when there is no room.</returns>
    public bool TryTake(int port, bool isLarge, out long stamp)
    {
        stamp = 0;
        if (Interlocked.Increment(ref _ofPort[port]) > PerPort)
        {
            Interlocked.Decrement(ref _ofPort[port]);
            return false;
        }

        ref int taken = ref isLarge ? ref _large : ref _small;
        if (Interlocked.Increment(ref taken) > (isLarge ? _largeRoom : _smallRoom))
        {
            Interlocked.Decrement(ref taken);
            Interlocked.Decrement(ref _ofPort[port]);
            return false;
        }

        stamp = Interlocked.Increment(ref _stamp);
        return true;
    }

    /// <summary>Gives a place back.</summary>
    public void Give(int port, bool isLarge)
    {
        Interlocked.Decrement(ref _ofPort[port]);
        Interlocked.Decrement(ref isLarge ? ref _large : ref _small);
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}
