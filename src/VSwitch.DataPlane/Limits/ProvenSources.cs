using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Limits;

/// <summary>IPv4 sources that answered a challenge, each for a time: whoever got the challenge has the address. Bounded: sets of four words,
/// and a new one takes the place of the one whose time is up first. Shared by all workers; a word is read and written whole.</summary>
public sealed unsafe class ProvenSources : IDisposable
{
    /// <summary>Sources that are remembered at most.</summary>
    public const int Capacity = Sets * Ways;

    /// <summary>How long a proof is good, seconds.</summary>
    public const int GoodForSeconds = 300;

    private const int Sets = 1 << 14;
    private const int Ways = 4;
    private const long NsPerSecond = 1_000_000_000;
    private readonly (ulong Low, ulong High) _key;
    private readonly HugeMemory _memory;
    private readonly ulong* _words;

    /// <summary>Knows nobody.</summary>
    /// <param name="key">Of the hash that says in which set an address is.</param>
    public ProvenSources((ulong Low, ulong High) key)
    {
        _key = key;
        _memory = new HugeMemory(Capacity * sizeof(ulong));
        _words = (ulong*)_memory.Address;
    }

    /// <summary>True while the address (raw) is proven.</summary>
    public bool Contains(uint source, long nowNs)
    {
        ulong* set = SetOf(source);
        for (int i = 0; i < Ways; i++)
        {
            ulong word = Volatile.Read(ref set[i]);
            if ((uint)word == source && (word >> 32) > (ulong)(nowNs / NsPerSecond))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Remembers an address (raw) from now on.</summary>
    public void Add(uint source, long nowNs)
    {
        ulong* set = SetOf(source);
        int place = 0;
        for (int i = 0; i < Ways; i++)
        {
            ulong word = Volatile.Read(ref set[i]);
            if ((uint)word == source)
            {
                place = i;
                break;
            }

            place = word >> 32 < Volatile.Read(ref set[place]) >> 32 ? i : place;
        }

        Volatile.Write(ref set[place], source | ((ulong)((nowNs / NsPerSecond) + GoodForSeconds) << 32));
    }

    /// <summary>Copies what is known.</summary>
    public void CopyTo(ProvenSources other) =>
        Buffer.MemoryCopy(_words, other._words, Capacity * sizeof(ulong), Capacity * sizeof(ulong));

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    private ulong* SetOf(uint source) => _words + (Ways * (long)(SipHash.Of(source, 0, _key) & (Sets - 1)));
}
