using System.Diagnostics;
using System.Runtime.InteropServices;
using VSwitch.DataPlane.Counters;

namespace VSwitch.DataPlane.Workers;

/// <summary>The thread of a worker at work: rounds without a pause while frames come; idle, it looks a little, then sleeps until
/// a device or another worker has something (<see cref="IdlePolicy"/>). Time is read once a round: a busy one lasts until the next
/// one begins, so what <see cref="RoundCounters"/> say costs no further look at the clock.</summary>
public sealed unsafe class WorkerThread
{
    private const int ExpiriesPerRound = 64;
    private const int ExpiriesWhenIdle = 4096;
    private const int LongestSleepMs = 100;

    /// <summary>With a device that has no descriptor to wake it.</summary>
    private const int LongestBlindSleepMs = 10;

    /// <summary>Descriptors asked for at once; the rest is named next time.</summary>
    private const int MaxHandles = 64;

    /// <summary>While some queues have frames, the others wait so long at most, apart from the round at hand.</summary>
    private const long LookEveryNs = 20_000;
    private readonly Worker _worker;
    private readonly WorkerThread?[] _all;
    private readonly IWorkerWaiter _waiter;
    private readonly Action? _onStart;
    private readonly Thread _thread;
    private readonly RoundCounters* _counted;
    private Mark _mark;
    private volatile bool _stop;
    private volatile Exception? _failure;

    /// <summary>On lines of its own: others read it with each hand-over, beside it the worker writes in each round.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Mark
    {
        [FieldOffset(128)] public int IsSleeping;
    }

    /// <summary>Makes the thread of a worker; it waits for <see cref="Start"/>.</summary>
    /// <param name="worker">The worker.</param>
    /// <param name="all">All threads by worker, this one included once made: whom to wake.</param>
    /// <param name="waiter">How it sleeps.</param>
    /// <param name="onStart">Runs first on the new thread, for instance to pin it; may be null.</param>
    public WorkerThread(Worker worker, WorkerThread?[] all, IWorkerWaiter waiter, Action? onStart)
    {
        _worker = worker;
        _counted = worker.Counters.Rounds;
        _all = all;
        _waiter = waiter;
        _onStart = onStart;
        _thread = new Thread(Run) { Name = $"worker {worker.Index}", IsBackground = true };
    }

    /// <summary>What ended the thread other than <see cref="Stop"/>; null while all is well.</summary>
    public Exception? Failure => _failure;

    /// <summary>Rounds begun: once it has grown, no round uses what was published before.</summary>
    public long Rounds => Volatile.Read(ref _counted->Rounds);

    /// <summary>Begins work.</summary>
    public void Start() => _thread.Start();

    /// <summary>Ends work after the round at hand, and waits for it.</summary>
    public void Stop()
    {
        _stop = true;
        _waiter.Wake();
        _thread.Join();
    }

    /// <summary>Ends the worker's sleep if it sleeps.</summary>
    public void WakeIfAsleep()
    {
        if (Volatile.Read(ref _mark.IsSleeping) != 0)
        {
            _waiter.Wake();
        }
    }

    /// <summary>Hands work to the worker and wakes it; any thread.</summary>
    public void Post(IWorkerErrand errand)
    {
        _worker.Post(errand);
        Interlocked.MemoryBarrier();
        WakeIfAsleep();
    }

    /// <summary>Monotonic time, nanoseconds.</summary>
    public static long NowNs() => (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));

    private void Run()
    {
        try
        {
            _onStart?.Invoke();
            RunRounds();
        }
#pragma warning disable CA1031 // Whatever it was, the process must hear of it rather than die without a word.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _failure = e;
        }
    }

    private void RunRounds()
    {
        var idle = new IdlePolicy();
        Span<int> handles = stackalloc int[MaxHandles];
        long lookedNs = 0;
        long begunNs = 0;
        int handled = 0;
        while (!_stop)
        {
            Volatile.Write(ref _counted->Rounds, _counted->Rounds + 1);
            long nowNs = NowNs();
            if (handled > 0)
            {
                _counted->NoteBusy(nowNs - begunNs, handled);
            }

            begunNs = nowNs;
            if (_worker.Queues.ReadyCount == _worker.Queues.AlwaysReadyCount || nowNs - lookedNs >= LookEveryNs)
            {
                Look(0, handles);
                lookedNs = nowNs;
            }

            handled = _worker.RunRound(nowNs, idle.IsIdle ? ExpiriesWhenIdle : ExpiriesPerRound);
            WakeOthers();
            if (handled > 0)
            {
                idle.NoteBusy(nowNs);
            }
            else if (!_worker.HasErrand && idle.ShouldSleep(nowNs))
            {
                _counted->Sleeps++;
                Sleep(handles);
                long wokeNs = NowNs();
                idle.NoteSleep(wokeNs, wokeNs - nowNs);
            }
        }

        if (handled > 0)
        {
            _counted->NoteBusy(NowNs() - begunNs, handled);
        }
    }

    /// <summary>Asks which device queues have frames.</summary>
    private void Look(int timeoutMs, Span<int> handles)
    {
        int count = _waiter.Wait(timeoutMs, handles);
        for (int i = 0; i < count; i++)
        {
            _worker.Queues.MarkReady(handles[i]);
        }
    }

    /// <summary>Says that it sleeps before it looks at its rings a last time: a worker that fills one after that sees the mark
    /// and wakes it. The full fence keeps the two in this order.</summary>
    private void Sleep(Span<int> handles)
    {
        Interlocked.Exchange(ref _mark.IsSleeping, 1);
        long nowNs = NowNs();
        if (_worker.WaitingCount == 0 && !_worker.HasErrand && !_worker.Pipeline.MayRelease(nowNs) && !_stop)
        {
            Look(SleepMs(nowNs), handles);
        }

        Volatile.Write(ref _mark.IsSleeping, 0);
    }

    /// <summary>Until a held packet's time is up, or something is due, at most. One worker wakes for what is due; any other that is
    /// awake then does it as well.</summary>
    private int SleepMs(long nowNs)
    {
        long alarmMs = _worker.Index == 0 ? _worker.NextDueMs : long.MaxValue;
        long alarmNs = alarmMs >= long.MaxValue / 1_000_000 ? long.MaxValue : alarmMs * 1_000_000;
        long deadlineNs = Math.Min(_worker.Pipeline.HeldDeadlineNs, alarmNs);
        int longestMs = _worker.Queues.AlwaysReadyCount > 0 ? LongestBlindSleepMs : LongestSleepMs;
        return deadlineNs == long.MaxValue ? longestMs
            : (int)Math.Clamp(((deadlineNs - nowNs) / 1_000_000) + 1, 0, longestMs);
    }

    private void WakeOthers()
    {
        if (_worker.Steering == null)
        {
            return;
        }

        ulong wakes = _worker.Steering.TakeWakes();
        if (wakes == 0)
        {
            return;
        }

        Interlocked.MemoryBarrier();
        for (int i = 0; i < _all.Length; i++)
        {
            if ((wakes & (1UL << i)) != 0)
            {
                _all[i]?.WakeIfAsleep();
            }
        }
    }
}
