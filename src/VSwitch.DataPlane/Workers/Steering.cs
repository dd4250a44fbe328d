using System.Numerics;
using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Workers;

/// <summary>The question: which worker owns this packet's connection? Toeplitz over the canonical inside tuple, then an
/// indirection table of 128 (semantics.md decision 14): both directions of a connection give the same worker. Holds one
/// worker's ends of the hand-over rings; a ring has room for all buffers of the worker that fills it.</summary>
public sealed unsafe class Steering
{
    /// <summary>Entries of the indirection table; the index is the low 7 bits of the hash.</summary>
    public const int IndirectionEntries = 128;

    private const int IndexBits = 7;
    private readonly Toeplitz _toeplitz;

    /// <summary>By the index with its bits in reverse order: what is cheap to compute looks it up as it is.</summary>
    private readonly byte[] _indirection = new byte[IndirectionEntries];
    private readonly SpscRing?[] _forward;
    private readonly SpscRing?[] _back;
    private readonly BufferExchange _exchange;

    /// <summary>Makes worker <paramref name="self"/>'s view.</summary>
    /// <param name="self">Its index.</param>
    /// <param name="workers">How many there are.</param>
    /// <param name="toeplitz">The keyed hash.</param>
    /// <param name="forward">Rings of packets to each other worker; null at the own index.</param>
    /// <param name="back">Rings of foreign buffers going home to each other worker; null at the own index.</param>
    /// <param name="exchange">Which foreign buffers stay.</param>
    /// <param name="indirection">128 numbers of workers (modulo <paramref name="workers"/>); null = all in turn.</param>
    public Steering(
        int self, int workers, Toeplitz toeplitz, SpscRing?[] forward, SpscRing?[] back, BufferExchange exchange,
        IReadOnlyList<byte>? indirection = null)
    {
        Self = self;
        Count = workers;
        _toeplitz = toeplitz;
        _forward = forward;
        _back = back;
        _exchange = exchange;
        for (int i = 0; i < IndirectionEntries; i++)
        {
            _indirection[ReversedIndex(i)] = (byte)((indirection?[i] ?? i) % workers);
        }
    }

    /// <summary>Entries of the indirection table that name the own worker.</summary>
    public int OwnEntries => new ReadOnlySpan<byte>(_indirection).Count((byte)Self);

    /// <summary>The own worker's index.</summary>
    public int Self { get; }

    /// <summary>Workers of the switch.</summary>
    public int Count { get; }

    /// <summary>One bit for each worker that has staged packets or buffers.</summary>
    private ulong _staged;

    /// <summary>One bit for each worker that was given packets since the last <see cref="TakeWakes"/>.</summary>
    private ulong _wakes;

    /// <summary>The owner of an IPv4 key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int OwnerOf(ulong keyLow, ulong keyHigh) => _indirection[
        _toeplitz.ReversedHashIp4((uint)keyLow, (uint)(keyLow >> 32), (uint)keyHigh) >> (32 - IndexBits)];

    /// <summary>True when the own worker owns an IPv4 key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Owns(ulong keyLow, ulong keyHigh) => OwnerOf(keyLow, keyHigh) == Self;

    /// <summary>The owner of an IPv6 key.</summary>
    public int OwnerOf(RawIp6 lower, RawIp6 higher, ulong keyHigh)
    {
        uint hash = _toeplitz.HashIp6(
            lower.First, lower.Second, higher.First, higher.Second, (ushort)keyHigh, (ushort)(keyHigh >> 16));
        return _indirection[ReversedIndex((int)(hash % IndirectionEntries))];
    }

    /// <summary>Has all other workers woken: something changed that packets they hold may wait for.</summary>
    public void WakeAll() => _wakes = ulong.MaxValue & ~(1UL << Self);

    /// <summary>Gives a packet to another worker, which sees it after <see cref="Publish"/>; false when its ring is full.</summary>
    public bool TryHandOver(PacketBuffer* p, int worker)
    {
        _staged |= 1UL << worker;
        return _forward[worker]!.TryStage(p);
    }

    /// <summary>Makes a foreign buffer this worker's own, for its pool to have; false when it must go home.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryKeep(PacketBuffer* p) => _exchange.TryKeep(p, Self);

    /// <summary>Sends a foreign buffer home, with the next <see cref="Publish"/>. The ring has room for all of them.</summary>
    public void GiveBack(PacketBuffer* p)
    {
        _staged |= 1UL << p->OwnerWorker;
        _back[p->OwnerWorker]!.TryStage(p);
    }

    /// <summary>Lets the other workers see what was staged for them, all of a burst at once.</summary>
    public void Publish()
    {
        for (ulong left = _staged; left != 0; left &= left - 1)
        {
            int worker = BitOperations.TrailingZeroCount(left);
            _forward[worker]!.Publish();
            _back[worker]!.Publish();
        }

        _wakes |= _staged;
        _staged = 0;
    }

    /// <summary>The workers that were given packets since the last call, one bit each.</summary>
    public ulong TakeWakes()
    {
        ulong wakes = _wakes;
        _wakes = 0;
        return wakes;
    }

    private static int ReversedIndex(int index)
    {
        int reversed = 0;
        for (int bit = 0; bit < IndexBits; bit++)
        {
            reversed |= ((index >> bit) & 1) << (IndexBits - 1 - bit);
        }

        return reversed;
    }
}
