using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Pipeline;

namespace VSwitch.DataPlane.Flows;

/// <summary>What security groups denied lately, so that the packets of one flow are not classified again and again. A line is found
/// by the hash of the key and holds two verdicts; they count only under the generation that made them, so a change of policy
/// forgets all at once. It says nothing that the rules would not say: whoever asks it has made sure that the packet differs
/// from the denied one in nothing that the verdict rests on. Owner: one worker.</summary>
public sealed unsafe class DeniedFlows : IDisposable
{
    private const int LineSlots = 2;
    private const int LeastLines = 1024;
    private const int MostLines = 1 << 20;
    private readonly HugeMemory _memory;
    private readonly Slot* _slots;
    private readonly uint _mask;
    private uint _turn;
    private uint _countedGeneration;
    private int _count;

    /// <summary>Makes room for about twice <paramref name="capacity"/> verdicts (a flow has two directions), up to two million;
    /// memory is taken as they come.</summary>
    public DeniedFlows(int capacity)
    {
        uint lines = BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(2L * capacity, LeastLines, MostLines));
        _memory = new HugeMemory(lines * LineSlots * (nuint)sizeof(Slot));
        _slots = (Slot*)_memory.Address;
        _mask = lines - 1;
    }

    [StructLayout(LayoutKind.Explicit, Size = 32)]
    private struct Slot
    {
        [FieldOffset(0)] public ulong KeyLow;
        [FieldOffset(8)] public ulong KeyHigh;
        [FieldOffset(16)] public ulong Arrival;
        [FieldOffset(24)] public uint Generation;
        [FieldOffset(28)] public byte Direction;
        [FieldOffset(29)] public DropReason Reason;
    }

    /// <summary>Asks the cache for the line of a hash.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prefetch(uint hash) => Sse.Prefetch0(LineOf(hash));

    /// <summary>The reason for which the packet's flow was denied under a generation; <see cref="DropReason.None"/> when it is not
    /// remembered. IPv4.</summary>
    /// <param name="p">The packet, with its key.</param>
    /// <param name="arrival">Its destination MAC and port (<see cref="FlowAction.ArrivalOf"/>).</param>
    /// <param name="direction">0 from the lower endpoint of the key, 1 from the higher.</param>
    /// <param name="generation">The generation in force.</param>
    public DropReason Find(PacketBuffer* p, ulong arrival, uint direction, uint generation)
    {
        Slot* slot = LineOf(p->Hash);
        return IsOf(slot, p, arrival, direction, generation) ? slot->Reason
            : IsOf(slot + 1, p, arrival, direction, generation) ? slot[1].Reason
            : DropReason.None;
    }

    /// <summary>Verdicts remembered under a generation.</summary>
    public int CountOf(uint generation) => _countedGeneration == generation ? _count : 0;

    /// <summary>Remembers that the packet's flow was denied. Parameters as for <see cref="Find"/>.</summary>
    public void Add(PacketBuffer* p, ulong arrival, uint direction, uint generation, DropReason reason)
    {
        Slot* line = LineOf(p->Hash);
        Slot* slot = line->Generation != generation ? line
            : line[1].Generation != generation ? line + 1
            : line + (_turn++ % LineSlots);
        if (_countedGeneration != generation)
        {
            _count = 0;
            _countedGeneration = generation;
        }

        _count += slot->Generation != generation ? 1 : 0;
        slot->KeyLow = p->KeyLow;
        slot->KeyHigh = p->KeyHigh;
        slot->Arrival = arrival;
        slot->Generation = generation;
        slot->Direction = (byte)direction;
        slot->Reason = reason;
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsOf(Slot* slot, PacketBuffer* p, ulong arrival, uint direction, uint generation) =>
        slot->KeyLow == p->KeyLow && slot->KeyHigh == p->KeyHigh && slot->Arrival == arrival &&
        slot->Generation == generation && slot->Direction == direction;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Slot* LineOf(uint hash) => _slots + (LineSlots * (hash & _mask));
}
