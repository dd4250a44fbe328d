using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Linux;

namespace VSwitch.Devices.Faults;

/// <summary>A device behind a wire with faults, for labs: what the switch sends and what it receives goes through a
/// <see cref="FaultyLine"/> each. Only the ports that have one pay for it. Workers take turns (a lock), and frames that come out late
/// are received by the worker of queue 0. It has no offload, so that a super-packet is lost or delayed frame by frame, as the guest's
/// kernel would see it on a real wire; one that comes from the guest nevertheless is one frame here.</summary>
public sealed unsafe class FaultyWire : IPacketDevice
{
    private const int MaxBurst = 256;
    private readonly IPacketDevice _inner;
    private readonly Func<long> _nowNs;
    private readonly Lock _outLock = new();
    private readonly Lock _inLock = new();
    private readonly FaultyLine _out;
    private readonly FaultyLine _in;
    private readonly DueTimer? _timer;

    /// <summary>Puts a wire between the switch and a device, which it then owns.</summary>
    /// <param name="inner">The device.</param>
    /// <param name="seed">What its chances are drawn from.</param>
    /// <param name="nowNs">The time, nanoseconds; never runs backwards.</param>
    /// <exception cref="DeviceException">The system gives no timer.</exception>
    public FaultyWire(IPacketDevice inner, ulong seed, Func<long> nowNs)
    {
        _inner = inner;
        _nowNs = nowNs;
        _out = new FaultyLine(seed);
        _in = new FaultyLine(~seed);
        _timer = inner.PollHandle(0) >= 0 ? new DueTimer(inner.PollHandle(0)) : null;
        Capabilities = inner.Capabilities with { Offload = false };
    }

    /// <inheritdoc/>
    public string Name => _inner.Name;

    /// <inheritdoc/>
    public DeviceCapabilities Capabilities { get; }

    /// <inheritdoc/>
    public DeviceStatus Status => _inner.Status;

    /// <summary>From the switch to the device.</summary>
    public LineFaults Out => _out.Faults;

    /// <summary>From the device to the switch.</summary>
    public LineFaults In => _in.Faults;

    /// <summary>What it did to frames from the switch.</summary>
    public LineCounts OutCounts => _out.Counts;

    /// <summary>What it did to frames to the switch.</summary>
    public LineCounts InCounts => _in.Counts;

    /// <summary>When the next delayed frame comes out, nanoseconds; <see cref="long.MaxValue"/> when none is on its way.</summary>
    public long NextDueNs => Math.Min(_out.NextDueNs, _in.NextDueNs);

    /// <summary>Changes its faults, for frames from now on. Any thread.</summary>
    public void Use(LineFaults outward, LineFaults inward)
    {
        _out.Faults = outward;
        _in.Faults = inward;
    }

    /// <inheritdoc/>
    public int Receive(int queue, PacketPool pool, PacketBuffer** packets, int maxCount)
    {
        int count = _inner.Receive(queue, pool, packets, maxCount);
        lock (_inLock)
        {
            if (!_in.IsClear)
            {
                long nowNs = _nowNs();
                for (int i = 0; i < count; i++)
                {
                    Put(_in, packets[i], nowNs);
                    pool.Return(packets[i]);
                }

                count = queue == 0 ? TakeIn(pool, packets, maxCount, nowNs) : 0;
            }
            else
            {
                _in.NotePassed(count);
            }
        }

        if (queue == 0)
        {
            Deliver();
        }

        Rearm();
        return count;
    }

    /// <inheritdoc/>
    public int Transmit(int queue, PacketBuffer** packets, int count)
    {
        lock (_outLock)
        {
            if (_out.IsClear)
            {
                int sent = _inner.Transmit(queue, packets, count);
                _out.NotePassed(sent);
                return sent;
            }

            if (!_inner.Status.IsUp)
            {
                return 0;
            }

            long nowNs = _nowNs();
            for (int i = 0; i < count; i++)
            {
                Put(_out, packets[i], nowNs);
            }

            SendDue(nowNs);
        }

        Rearm();
        return count;
    }

    /// <summary>Sends the frames to the device whose time has come. A switch at work does so as it receives; a replay, when its clock
    /// moves.</summary>
    public void Deliver()
    {
        lock (_outLock)
        {
            SendDue(_nowNs());
        }
    }

    /// <summary>Puts a frame in on the device's side (replay).</summary>
    public void PutIn(ReadOnlySpan<byte> frame)
    {
        lock (_inLock)
        {
            _in.Put(frame, default, _nowNs());
        }
    }

    /// <summary>Takes the next frame to the switch whose time has come (replay).</summary>
    /// <param name="room">Gets its bytes; large enough for any frame.</param>
    /// <param name="length">Its length, bytes.</param>
    public bool TryTakeIn(Span<byte> room, out int length)
    {
        lock (_inLock)
        {
            PacketBuffer* p;
            bool isThere = _in.TakeDue(_nowNs(), &p, 1) == 1;
            length = isThere ? p->Length : 0;
            if (isThere)
            {
                new ReadOnlySpan<byte>(p->Data, length).CopyTo(room);
                _in.Return(&p, 1, 1);
            }

            return isThere;
        }
    }

    /// <summary>Leaves the device to itself again; the wire cannot be used any more. For one that was never in use.</summary>
    public void Abandon()
    {
        _timer?.Dispose();
        _out.Dispose();
        _in.Dispose();
    }

    /// <inheritdoc/>
    public int PollHandle(int queue) => queue == 0 && _timer != null ? _timer.Handle : _inner.PollHandle(queue);

    /// <inheritdoc/>
    public void Dispose()
    {
        Abandon();
        _inner.Dispose();
    }

    private static void Put(FaultyLine line, PacketBuffer* p, long nowNs) =>
        line.Put(new ReadOnlySpan<byte>(p->Data, p->Length), p->Offload, nowNs);

    private int TakeIn(PacketPool pool, PacketBuffer** packets, int maxCount, long nowNs)
    {
        int wanted = Math.Min(maxCount, MaxBurst);
        PacketBuffer** due = stackalloc PacketBuffer*[MaxBurst];
        int count = _in.TakeDue(nowNs, due, wanted);
        int taken = 0;
        for (int i = 0; i < count; i++)
        {
            PacketBuffer* p = pool.Rent(due[i]->Length);
            if (p != null)
            {
                Buffer.MemoryCopy(due[i]->Data, p->Data, p->CapacityBytes, due[i]->Length);
                p->Length = due[i]->Length;
                p->Offload = due[i]->Offload;
                packets[taken++] = p;
            }
        }

        _in.Return(due, count, taken);
        return taken;
    }

    private void SendDue(long nowNs)
    {
        PacketBuffer** due = stackalloc PacketBuffer*[MaxBurst];
        for (int count = _out.TakeDue(nowNs, due, MaxBurst); count > 0; count = _out.TakeDue(nowNs, due, MaxBurst))
        {
            _out.Return(due, count, _inner.Transmit(0, due, count));
        }
    }

    private void Rearm()
    {
        if (_timer != null)
        {
            long dueNs;
            lock (_inLock)
            {
                dueNs = _in.NextDueNs;
            }

            lock (_outLock)
            {
                dueNs = Math.Min(dueNs, _out.NextDueNs);
            }

            _timer.Set(dueNs, _nowNs());
        }
    }
}
