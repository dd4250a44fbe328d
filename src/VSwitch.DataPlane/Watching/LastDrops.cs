using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Pipeline;

namespace VSwitch.DataPlane.Watching;

/// <summary>The last packet that was dropped for each reason, as much of it as tells what it was. Always on: a drop asks only how many
/// of its reason were written down in this millisecond, and under a flood the packet shown is one of the last millisecond's. The worker writes; anyone
/// reads, by a sequence number that is odd while a slot is written (a seqlock).</summary>
public sealed unsafe class LastDrops : IDisposable
{
    /// <summary>Bytes of a frame that are kept.</summary>
    public const int KeptBytes = 128;

    private const int MostInAMillisecond = 16;
    private readonly HugeMemory _memory;
    private readonly Slot* _slots;

    /// <summary>Makes room for each reason.</summary>
    public LastDrops()
    {
        _memory = new HugeMemory((nuint)DropReasons.Count * (nuint)sizeof(Slot));
        _slots = (Slot*)_memory.Address;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Slot
    {
        public uint Sequence;
        public uint Millisecond;
        public int WrittenInIt;
        public int Port;
        public long TimeNs;
        public int Length;
        public fixed byte Frame[KeptBytes];
    }

    /// <summary>Writes a dropped packet down; the worker.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Note(PacketBuffer* p, DropReason reason, long nowNs, uint nowMs)
    {
        Slot* slot = _slots + (int)reason;
        if (nowMs != slot->Millisecond || slot->WrittenInIt < MostInAMillisecond)
        {
            Write(p, slot, nowNs, nowMs);
        }
    }

    /// <summary>Reads what was dropped last for a reason; any thread.</summary>
    /// <returns>Null when nothing was.</returns>
    public LastDrop? Read(DropReason reason)
    {
        Slot* slot = _slots + (int)reason;
        var spin = default(SpinWait);
        while (true)
        {
            uint before = Volatile.Read(ref slot->Sequence);
            if (before == 0)
            {
                return null;
            }

            int length = slot->Length;
            byte[] frame = new ReadOnlySpan<byte>(slot->Frame, Math.Clamp(length, 0, KeptBytes)).ToArray();
            var drop = new LastDrop(slot->TimeNs, slot->Port, length, frame);
            Thread.MemoryBarrier();
            if ((before & 1) == 0 && Volatile.Read(ref slot->Sequence) == before)
            {
                return drop;
            }

            spin.SpinOnce();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Write(PacketBuffer* p, Slot* slot, long nowNs, uint nowMs)
    {
        slot->WrittenInIt = nowMs == slot->Millisecond ? slot->WrittenInIt + 1 : 1;
        slot->Millisecond = nowMs;
        uint sequence = slot->Sequence | 1;
        slot->Sequence = sequence;
        Thread.MemoryBarrier();
        int length = p->Length;
        ReceivedFrame* saved = p->IsSaved != 0 ? ReceivedFrame.Of(p) : null;
        int kept = Math.Min(KeptBytes, saved != null ? saved->Length : length);
        Unsafe.CopyBlockUnaligned(slot->Frame, p->Data, (uint)kept);
        if (saved != null)
        {
            saved->Restore(slot->Frame, kept);
            length = saved->Length;
        }

        slot->TimeNs = nowNs;
        slot->Port = p->InPort;
        slot->Length = length;
        Volatile.Write(ref slot->Sequence, sequence == uint.MaxValue ? 2 : sequence + 1);
    }
}

/// <summary>A packet that was dropped.</summary>
/// <param name="TimeNs">When, in the worker's time, nanoseconds.</param>
/// <param name="Port">The port where it came in.</param>
/// <param name="Length">Bytes of its frame.</param>
/// <param name="Frame">The first of them, <see cref="LastDrops.KeptBytes"/> at most.</param>
public sealed record LastDrop(long TimeNs, int Port, int Length, byte[] Frame);
