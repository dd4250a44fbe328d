using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Pipeline;

namespace VSwitch.DataPlane.Counters;

/// <summary>The last dropped packet of each reason, of one worker, in native memory that only it writes. Readers on other threads never
/// hold the worker up: each reason's place is a seqlock, and a reader that met a write in progress reads again.
/// <para>A storm does not pay for it: of one reason at most <see cref="MostInWindow"/> packets are kept in a window, and the others of
/// that window cost one comparison. So what is kept is the last packet exactly at up to 640 drops a second evenly spread, and one of the
/// last 100 ms in a storm.</para></summary>
public sealed unsafe class DropSamples : IDisposable
{
    /// <summary>Bytes kept of a frame: headers of IPv6 with some extension headers, or an ICMP error with what it quotes.</summary>
    public const int HeadBytes = 128;

    /// <summary>Packets of one reason kept in one window, at most.</summary>
    public const int MostInWindow = 64;

    /// <summary>A window begins with the first drop after the one before it has ended.</summary>
    public const long WindowNs = 100_000_000;

    /// <summary>A write takes some ten nanoseconds and there are at most 640 a second, so a reader meets hardly one.</summary>
    private const int MostReads = 1_000;

    private readonly HugeMemory _memory;
    private readonly Place* _places;

    /// <summary>By reason, beside each other: all that a storm touches.</summary>
    private readonly long* _skipUntilNs;

    /// <summary>One reason's place: the head and the frame's bytes on three lines of their own.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 192)]
    private struct Place
    {
        /// <summary>Odd while the worker writes; 0 before the first packet.</summary>
        [FieldOffset(0)] public long Sequence;

        [FieldOffset(8)] public long TimeNs;

        [FieldOffset(16)] public int Port;

        [FieldOffset(20)] public int LengthBytes;

        /// <summary>The worker's own: when its window ends.</summary>
        [FieldOffset(24)] public long WindowEndNs;

        /// <summary>The worker's own: packets kept in the window.</summary>
        [FieldOffset(32)] public int InWindow;

        [FieldOffset(64)] public fixed byte Head[HeadBytes];
    }

    /// <summary>Makes a place for each reason, all empty.</summary>
    public DropSamples()
    {
        nuint placeBytes = (nuint)DropReasons.Count * (nuint)sizeof(Place);
        _memory = new HugeMemory(placeBytes + ((nuint)DropReasons.Count * sizeof(long)));
        _places = (Place*)_memory.Address;
        _skipUntilNs = (long*)(_memory.Address + placeBytes);
        new Span<long>(_skipUntilNs, DropReasons.Count).Fill(long.MinValue);
    }

    /// <summary>Keeps a dropped packet, unless its reason has had its share of the window; the worker only.</summary>
    /// <param name="reason">Why it was dropped.</param>
    /// <param name="nowNs">The worker's time.</param>
    /// <param name="port">Where it came in.</param>
    /// <param name="frame">Its first byte.</param>
    /// <param name="lengthBytes">Its length.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Note(DropReason reason, long nowNs, int port, byte* frame, int lengthBytes)
    {
        if (nowNs >= _skipUntilNs[(int)reason])
        {
            Keep(reason, nowNs, port, frame, lengthBytes);
        }
    }

    /// <summary>When the last packet of any reason was kept; <see cref="long.MinValue"/> before the first. Any thread.</summary>
    public long LatestNs
    {
        get
        {
            long latestNs = long.MinValue;
            for (int i = 0; i < DropReasons.Count; i++)
            {
                bool isEmpty = Volatile.Read(ref _places[i].Sequence) == 0;
                latestNs = isEmpty ? latestNs : Math.Max(latestNs, Volatile.Read(ref _places[i].TimeNs));
            }

            return latestNs;
        }
    }

    /// <summary>Reads the last packet that was kept; any thread.</summary>
    /// <returns>Null when none was.</returns>
    public DropSample? Read(DropReason reason)
    {
        Place* place = _places + (int)reason;
        byte[] head = new byte[HeadBytes];
        var spin = default(SpinWait);
        for (int i = 0; i < MostReads; i++)
        {
            // Pairs with the release at the end of Keep: an even number makes all of that packet visible.
            long sequence = Volatile.Read(ref place->Sequence);
            if (sequence == 0)
            {
                return null;
            }

            if ((sequence & 1) == 0)
            {
                (long timeNs, int port, int lengthBytes) = (place->TimeNs, place->Port, place->LengthBytes);
                new ReadOnlySpan<byte>(place->Head, HeadBytes).CopyTo(head);

                // What was copied is read before the number is read again: if a write had begun meanwhile, the number shows it.
                Volatile.ReadBarrier();
                if (place->Sequence == sequence)
                {
                    return new DropSample(timeNs, port, lengthBytes, head.AsMemory(0, Math.Min(lengthBytes, HeadBytes)));
                }
            }

            spin.SpinOnce();
        }

        return null;
    }

    /// <inheritdoc/>
    public void Dispose() => _memory.Dispose();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Keep(DropReason reason, long nowNs, int port, byte* frame, int lengthBytes)
    {
        Place* place = _places + (int)reason;
        if (nowNs >= place->WindowEndNs)
        {
            place->WindowEndNs = nowNs + WindowNs;
            place->InWindow = 0;
        }

        if (++place->InWindow == MostInWindow)
        {
            _skipUntilNs[(int)reason] = place->WindowEndNs;
        }

        // The odd number is visible before anything of the packet is, the even one after all of it.
        long sequence = place->Sequence;
        place->Sequence = sequence + 1;
        Volatile.WriteBarrier();
        place->TimeNs = nowNs;
        place->Port = port;
        place->LengthBytes = lengthBytes;
        Unsafe.CopyBlockUnaligned(place->Head, frame, (uint)Math.Min(lengthBytes, HeadBytes));
        Volatile.Write(ref place->Sequence, sequence + 2);
    }
}

/// <summary>A packet that was dropped.</summary>
/// <param name="TimeNs">When, by the worker's clock.</param>
/// <param name="Port">Number of the port where it came in; -1 when that port is gone.</param>
/// <param name="LengthBytes">Bytes of the frame.</param>
/// <param name="Head">Its first bytes, as it was when it was dropped: rewritten only where it failed on its way out.</param>
public sealed record DropSample(long TimeNs, int Port, int LengthBytes, ReadOnlyMemory<byte> Head);
