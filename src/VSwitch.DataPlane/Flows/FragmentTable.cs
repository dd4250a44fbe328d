using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Flows;

/// <summary>Which connection the later fragments of a datagram follow (semantics.md decision 13), at the worker that owns the
/// connection. It has one entry for each slot of the datagram tables, which no two workers use at once: so what it remembers
/// does not depend on how many workers there are, and an entry is good for as long as its datagram is known. Owner: one worker.
/// </summary>
public sealed unsafe class FragmentTable : IDisposable
{
    private readonly HugeMemory _memory;
    private readonly FragmentOwner* _owners;

    /// <summary>Makes an empty table.</summary>
    public FragmentTable()
    {
        _memory = new HugeMemory(DatagramTable.Capacity * (nuint)sizeof(FragmentOwner));
        _owners = (FragmentOwner*)_memory.Address;
    }

    /// <summary>The entry of a datagram's slot.</summary>
    public FragmentOwner* At(int slot) => _owners + slot;

    /// <summary>The entry, if it is still this datagram's; else null.</summary>
    public FragmentOwner* Find(int slot, in FragmentKey key) => _owners[slot].Key == key ? _owners + slot : null;

    /// <summary>A first fragment came: what was there before is forgotten, and there is no connection yet.</summary>
    public FragmentOwner* Begin(int slot, in FragmentKey key)
    {
        _owners[slot] = new FragmentOwner { Key = key, Number = FlowIndex.NotFound };
        return _owners + slot;
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();
}

/// <summary>Where the connection of a fragmented datagram is.</summary>
public struct FragmentOwner
{
    /// <summary>The datagram.</summary>
    public FragmentKey Key;

    /// <summary>High half of the connection's key: a slot of the connection table that was used again has another one.</summary>
    public ulong KeyHigh;

    /// <summary>The connection's number in the worker's table; negative while there is none.</summary>
    public int Number;

    /// <summary>The connection's hash: likewise.</summary>
    public uint Hash;

    /// <summary>The first fragment's place among the held packets while it is held; else 0.</summary>
    public int HeldAt;
}
