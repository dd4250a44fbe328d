using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Flows;

/// <summary>What names the fragments of one packet (RFC 791 section 3.2, RFC 8200 section 4.5) in one space.</summary>
public readonly record struct FragmentKey(RawIp6 Source, RawIp6 Destination, uint Identification, ushort Space, byte Protocol, byte IsV6);

/// <summary>Which connection the first fragment of a packet belongs to, and which worker has it, so that the later ones
/// follow (semantics.md decision 13). Fixed size, four entries a set, the oldest gives way. Owner: one worker.</summary>
public sealed unsafe class FragmentTable : IDisposable
{
    /// <summary>How long later fragments may take, milliseconds: Linux's net.ipv4.ipfrag_time.</summary>
    public const uint LifetimeMs = 30_000;

    private const int SetCount = 1024;
    private const int Ways = 4;
    private readonly HugeMemory _memory;
    private readonly Entry* _entries;

    /// <summary>Makes an empty table.</summary>
    public FragmentTable()
    {
        _memory = new HugeMemory(SetCount * Ways * (nuint)sizeof(Entry));
        _entries = (Entry*)_memory.Address;
    }

    private struct Entry
    {
        public FragmentKey Key;
        public FragmentOwner Owner;
        public uint DeadlineMs;
        public int Used;
    }

    /// <summary>Remembers a first fragment.</summary>
    public void Remember(in FragmentKey key, in FragmentOwner owner, uint nowMs)
    {
        Entry* set = SetOf(key);
        Entry* victim = set;
        for (int i = 0; i < Ways; i++)
        {
            Entry* e = set + i;
            if (e->Used == 0 || e->Key == key)
            {
                victim = e;
                break;
            }

            if ((int)(e->DeadlineMs - victim->DeadlineMs) < 0)
            {
                victim = e;
            }
        }

        *victim = new Entry { Key = key, Owner = owner, DeadlineMs = nowMs + LifetimeMs, Used = 1 };
    }

    /// <summary>Finds what a later fragment follows.</summary>
    public bool TryFind(in FragmentKey key, uint nowMs, out FragmentOwner owner)
    {
        Entry* set = SetOf(key);
        for (int i = 0; i < Ways; i++)
        {
            Entry* e = set + i;
            if (e->Used != 0 && e->Key == key)
            {
                owner = e->Owner;
                return (int)(nowMs - e->DeadlineMs) < 0;
            }
        }

        owner = default;
        return false;
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private Entry* SetOf(in FragmentKey key)
    {
        ulong hash = (key.Source.First ^ key.Source.Second ^ ((ulong)key.Identification << 32)) * 0x9E37_79B9_7F4A_7C15UL;
        hash = (hash ^ key.Destination.First ^ key.Destination.Second ^ key.Space ^ ((ulong)key.Protocol << 16)) * 0xD6E8_FEB8_6659_FD93UL;
        return _entries + ((hash >> 54) * Ways);
    }
}

/// <summary>Where the connection of a fragmented packet is.</summary>
/// <param name="Worker">The worker that has it.</param>
/// <param name="Number">The entry's number in that worker's table.</param>
/// <param name="Hash">The entry's hash: a slot that was used again since then has another one.</param>
/// <param name="KeyHigh">High half of its key: likewise.</param>
public readonly record struct FragmentOwner(int Worker, int Number, uint Hash, ulong KeyHigh);
