using VSwitch.DataPlane.Buffers;

namespace VSwitch.Devices.Faults;

/// <summary>One direction of a wire that loses, delays, doubles, spoils and slows frames down, by chance but the same again for the same
/// seed and the same frames at the same times. It has no clock and no thread: whoever puts frames in says when, and asks later what is
/// due. One caller at a time.</summary>
public sealed unsafe class FaultyLine : IDisposable
{
    private const int LargeRoom = 64;
    private const long BitNsPerSecond = 8_000_000_000;
    private readonly PriorityQueue<nint, (long DueNs, long Order)> _underway = new();

    /// <summary>Room for the largest limit; memory is taken as frames come.</summary>
    private readonly PacketPool _pool = new(worker: 0, LineFaults.MostFrames, LargeRoom);
    private LineFaults _faults = LineFaults.None;
    private ulong _random;
    private long _freeAtNs;
    private long _lastDueNs;
    private long _order;
    private long _passed;
    private long _lost;
    private long _overflowed;
    private long _duplicated;
    private long _corrupted;
    private long _reordered;

    /// <summary>Makes a line without a fault.</summary>
    /// <param name="seed">What its chances are drawn from.</param>
    public FaultyLine(ulong seed)
    {
        _random = seed;
    }

    /// <summary>What it does to frames that are put in from now on; what is on its way stays so.</summary>
    public LineFaults Faults
    {
        get => Volatile.Read(ref _faults);
        set => Volatile.Write(ref _faults, value);
    }

    /// <summary>Frames on their way.</summary>
    public int Count => _underway.Count;

    /// <summary>When the next frame comes out, nanoseconds; <see cref="long.MaxValue"/> when none is on its way.</summary>
    public long NextDueNs => _underway.TryPeek(out _, out (long DueNs, long) next) ? next.DueNs : long.MaxValue;

    /// <summary>True when a frame would pass as it is, at once, and none is before it.</summary>
    public bool IsClear => _underway.Count == 0 && Faults.IsNone;

    /// <summary>What it did so far; any thread, each number on its own.</summary>
    public LineCounts Counts => new(
        Volatile.Read(ref _passed), Volatile.Read(ref _lost), Volatile.Read(ref _overflowed), Volatile.Read(ref _duplicated),
        Volatile.Read(ref _corrupted), Volatile.Read(ref _reordered));

    /// <summary>Puts a frame in. Its bytes are copied.</summary>
    /// <param name="frame">Its bytes.</param>
    /// <param name="offload">What of it is left to the device.</param>
    /// <param name="nowNs">The time, nanoseconds.</param>
    public void Put(ReadOnlySpan<byte> frame, in VirtioNetHeader offload, long nowNs)
    {
        LineFaults faults = Faults;
        if (Chance(faults.Loss))
        {
            _lost++;
            return;
        }

        bool isDouble = Chance(faults.Duplicate);
        Send(frame, offload, faults, nowNs);
        if (isDouble)
        {
            _duplicated++;
            Send(frame, offload, faults, nowNs);
        }
    }

    /// <summary>Takes out what is due. The buffers are the line's own: give them back with <see cref="Return"/>.</summary>
    /// <returns>How many frames were written.</returns>
    public int TakeDue(long nowNs, PacketBuffer** frames, int maxCount)
    {
        int count = 0;
        while (count < maxCount && _underway.TryPeek(out nint frame, out (long DueNs, long) next) && next.DueNs <= nowNs)
        {
            _underway.Dequeue();
            frames[count++] = (PacketBuffer*)frame;
        }

        return count;
    }

    /// <summary>Takes back what <see cref="TakeDue"/> gave.</summary>
    /// <param name="frames">The frames, in their order.</param>
    /// <param name="count">How many.</param>
    /// <param name="passed">How many of them came out; the others found no room.</param>
    public void Return(PacketBuffer** frames, int count, int passed)
    {
        _passed += passed;
        _overflowed += count - passed;
        for (int i = 0; i < count; i++)
        {
            _pool.Return(frames[i]);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _pool.Dispose();

    /// <summary>Counts frames that passed a clear line without being put in.</summary>
    internal void NotePassed(int count) => _passed += count;

    private void Send(ReadOnlySpan<byte> frame, in VirtioNetHeader offload, LineFaults faults, long nowNs)
    {
        PacketBuffer* copy = _underway.Count < faults.Limit ? _pool.Rent(frame.Length) : null;
        if (copy == null)
        {
            _overflowed++;
            return;
        }

        frame.CopyTo(new Span<byte>(copy->Data, copy->CapacityBytes));
        copy->Length = frame.Length;
        copy->Offload = offload;
        if (Chance(faults.Corrupt))
        {
            _corrupted++;
            uint bit = (uint)Below((ulong)copy->Length * 8);
            copy->Data[bit / 8] ^= (byte)(1 << (int)(bit % 8));
        }

        _underway.Enqueue((nint)copy, (DueOf(copy->Length, faults, nowNs), _order++));
    }

    private long DueOf(int bytes, LineFaults faults, long nowNs)
    {
        long sentNs = nowNs;
        if (faults.BitsPerSecond > 0)
        {
            sentNs = Math.Max(nowNs, _freeAtNs) + (long)((Int128)bytes * BitNsPerSecond / faults.BitsPerSecond);
            _freeAtNs = sentNs;
        }

        if (Chance(faults.Reorder))
        {
            _reordered++;
            return sentNs;
        }

        long jitter = faults.JitterNs == 0 ? 0 : (long)Below((2 * (ulong)faults.JitterNs) + 1) - faults.JitterNs;
        _lastDueNs = Math.Max(_lastDueNs, sentNs + Math.Max(0, faults.DelayNs + jitter));
        return _lastDueNs;
    }

    private bool Chance(double part) => part > 0 && Next() * (1.0 / (1UL << 53)) < part;

    private ulong Below(ulong end) => end == 0 ? 0 : Math.BigMul(Draw(), end, out _);

    private double Next() => Draw() >> 11;

    /// <summary>SplitMix64 (Steele, Lea and Flood 2014): one addition and a mix, good enough for chances, and the same on every machine.
    /// </summary>
    private ulong Draw()
    {
        _random += 0x9E37_79B9_7F4A_7C15;
        ulong z = _random;
        z = (z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9;
        z = (z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB;
        return z ^ (z >> 31);
    }
}
