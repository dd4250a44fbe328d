using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Flows;

/// <summary>From a key's hash to the entry's number. Buckets of one cache line: ten 16-bit tags, ten 32-bit numbers, and for
/// the entries that found their home bucket full a count and the farthest distance, so that a look-up leaves its home line
/// only when it must (at 60 % load one in 25). Nothing moves on a look-up and nothing is evicted.
/// Owner: one worker.</summary>
public sealed unsafe class FlowIndex : IDisposable
{
    /// <summary>Entries of a bucket.</summary>
    public const int BucketSlots = 10;

    /// <summary>No entry.</summary>
    public const int NotFound = -1;

    /// <summary>Buckets are made for this many entries each on average: 60 % load when the table is full.</summary>
    public const int EntriesPerBucket = 6;

    private const int BucketBytes = 64;
    private const int NumbersOffset = 20;
    private const int OverflowOffset = 60;
    private const int ReachOffset = 62;
    private const int FarthestBucket = 64;
    private const uint SlotMask = (1 << BucketSlots) - 1;
    private readonly HugeMemory _memory;
    private readonly byte* _buckets;
    private readonly uint _bucketCount;
    private readonly int _maxDistance;

    /// <summary>Makes an index for <paramref name="capacity"/> entries.</summary>
    public FlowIndex(int capacity)
    {
        _bucketCount = (uint)Math.Max(2, ((long)capacity + EntriesPerBucket - 1) / EntriesPerBucket);
        _maxDistance = (int)Math.Min(FarthestBucket, _bucketCount);
        _memory = new HugeMemory(_bucketCount * (nuint)BucketBytes);
        _buckets = _memory.Address;
    }

    /// <summary>Bytes of the index.</summary>
    public long LengthBytes => _bucketCount * (long)BucketBytes;

    /// <summary>Touches all of it.</summary>
    public void Prefault() => _memory.Prefault();

    /// <summary>Asks the cache for the home bucket of a hash.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(uint hash) => Sse.Prefetch0(Home(hash));

    /// <summary>The first entry of the home bucket whose tag agrees, or <see cref="NotFound"/>: a guess that the caller
    /// checks by comparing keys; when it is wrong, or there is none, <see cref="Find"/> decides.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Guess(uint hash)
    {
        byte* bucket = Home(hash);
        uint match = MatchTags(bucket, TagOf(hash));
        return match == 0 ? NotFound : Numbers(bucket)[BitOperations.TrailingZeroCount(match)];
    }

    /// <summary>False when the table surely holds no entry of the hash: no tag agrees, and the home bucket never overflowed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool MayHold(uint hash)
    {
        byte* home = Home(hash);
        return MatchTags(home, TagOf(hash)) != 0 || *(ushort*)(home + OverflowOffset) != 0;
    }

    /// <summary>Walks the candidates of a hash. Start with <paramref name="cursor"/> 0; each call gives
    /// the next entry whose tag agrees, or <see cref="NotFound"/> at the end.</summary>
    public int Find(uint hash, ref int cursor)
    {
        ushort tag = TagOf(hash);
        byte* home = Home(hash);
        int reach = *(ushort*)(home + OverflowOffset) == 0 ? 0 : *(ushort*)(home + ReachOffset);
        for (int distance = cursor / BucketSlots; distance <= reach; distance++)
        {
            byte* bucket = At(home, distance);
            uint match = MatchTags(bucket, tag) & (SlotMask << (cursor % BucketSlots));
            if (match != 0)
            {
                int slot = BitOperations.TrailingZeroCount(match);
                cursor = (distance * BucketSlots) + slot + 1;
                return Numbers(bucket)[slot];
            }

            cursor = (distance + 1) * BucketSlots;
        }

        return NotFound;
    }

    /// <summary>Adds an entry; false when no bucket within reach has room (which 60 % load does not bring about).</summary>
    public bool TryAdd(uint hash, int number)
    {
        byte* home = Home(hash);
        for (int distance = 0; distance < _maxDistance; distance++)
        {
            byte* bucket = At(home, distance);
            uint free = MatchTags(bucket, 0);
            if (free == 0)
            {
                continue;
            }

            int slot = BitOperations.TrailingZeroCount(free);
            ((ushort*)bucket)[slot] = TagOf(hash);
            Numbers(bucket)[slot] = number;
            if (distance > 0)
            {
                ++*(ushort*)(home + OverflowOffset);
                ushort* reach = (ushort*)(home + ReachOffset);
                *reach = (ushort)Math.Max(*reach, distance);
            }

            return true;
        }

        return false;
    }

    /// <summary>Takes an entry out.</summary>
    public void Remove(uint hash, int number)
    {
        ushort tag = TagOf(hash);
        byte* home = Home(hash);
        for (int distance = 0; distance < _maxDistance; distance++)
        {
            byte* bucket = At(home, distance);
            for (uint match = MatchTags(bucket, tag); match != 0; match &= match - 1)
            {
                int slot = BitOperations.TrailingZeroCount(match);
                if (Numbers(bucket)[slot] != number)
                {
                    continue;
                }

                ((ushort*)bucket)[slot] = 0;
                if (distance > 0 && --*(ushort*)(home + OverflowOffset) == 0)
                {
                    *(ushort*)(home + ReachOffset) = 0;
                }

                return;
            }
        }

        Debug.Fail("the entry is not in the index");
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    /// <summary>Bit i is set when tag i of the bucket agrees; one compare of a vector where the processor has it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint MatchTags(byte* bucket, ushort tag) => Vector256.IsHardwareAccelerated
        ? Vector256.Equals(Vector256.Load((ushort*)bucket), Vector256.Create(tag)).ExtractMostSignificantBits() & SlotMask
        : MatchTagsScalar(bucket, tag);

    /// <summary>The slow twin of <see cref="MatchTags"/>; a test holds them equal.</summary>
    internal static uint MatchTagsScalar(byte* bucket, ushort tag)
    {
        uint match = 0;
        for (int i = 0; i < BucketSlots; i++)
        {
            match |= ((ushort*)bucket)[i] == tag ? 1u << i : 0;
        }

        return match;
    }

    /// <summary>The low 16 bits of the hash (the high ones choose the bucket), never 0: that means an empty slot.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ushort TagOf(uint hash)
    {
        ushort tag = (ushort)hash;
        return tag == 0 ? (ushort)1 : tag;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int* Numbers(byte* bucket) => (int*)(bucket + NumbersOffset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private byte* Home(uint hash) => _buckets + ((((ulong)hash * _bucketCount) >> 32) * BucketBytes);

    private byte* At(byte* home, int distance)
    {
        byte* bucket = home + ((long)distance * BucketBytes);
        byte* end = _buckets + ((long)_bucketCount * BucketBytes);
        return bucket < end ? bucket : _buckets + (bucket - end);
    }
}
