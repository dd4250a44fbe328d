using System.Buffers.Binary;
using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Memory;
using VSwitch.Testing;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.DataPlane.Workers;

/// <summary>Four workers on threads of their own, with random traffic on all queues of all ports, while policies are swapped and
/// workers stop and start: every frame is accounted for, none comes out twice or out of order, and every buffer comes home.</summary>
public sealed class WorkerStressTests : IDisposable
{
    private const int WorkerCount = 4;
    private const int NumberedFrames = 150_000;
    private const int RandomFrames = 30_000;
    private const int Swaps = 40;
    private const int FirstPort = 20_000;
    private const int Flows = 64;
    private const int PayloadAt = 42;
    private const long Magic = 0x5653_7769_7463_6821;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private readonly int[] _seen = new int[NumberedFrames];
    private readonly int[] _lastOfFlow = new int[Flows];
    private readonly NumberDirectory _numbers = new();
    private readonly SwitchConfig _config = TestTopologies.Rich();
    private readonly WorkerThread?[] _threads = new WorkerThread?[WorkerCount];
    private readonly Waiter[] _waiters = [.. Enumerable.Range(0, WorkerCount).Select(_ => new Waiter())];
    private readonly Random _random;
    private readonly SwitchShared _shared;
    private readonly WorkerSet _workers;
    private readonly MemoryDevice[] _devices;
    private readonly string[] _names;
    private int _outOfOrder;
    private long _put;

    public WorkerStressTests(ITestOutputHelper output)
    {
        _random = new Random(Seeded.Take("workers", output.WriteLine));
        ForwardingSnapshot snapshot = Compile(_config);
        _names = [.. snapshot.PortNames];
        _shared = new SwitchShared(snapshot, new FlowBudget(20_000, leaseSize: 64), 64, (0x1234, 0x5678));
        _devices = [.. _names.Select(name => new MemoryDevice(name, OnTransmit, WorkerCount))];
        _shared.Publish(snapshot, [.. _devices]);
        var sizes = new WorkerOptions { SmallBuffers = 512, LargeBuffers = 4, PortCapacity = _names.Length };
        _workers = new WorkerSet(WorkerCount, _shared, sizes, _config.Switch.RssKey);
        for (int i = 0; i < WorkerCount; i++)
        {
            StartWorker(i);
        }
    }

    [Fact]
    public void Every_frame_is_accounted_for_and_every_buffer_comes_home()
    {
        var feeder = new Thread(Feed);
        feeder.Start();
        for (int i = 0; i < Swaps; i++)
        {
            // As far into the traffic as swaps are into their number.
            long reached = (NumberedFrames + RandomFrames) * (long)i / Swaps;
            WaitFor(() => Interlocked.Read(ref _put) >= reached);
            Swap(i % 2 == 0 ? TestTopologies.RichChanged() : _config);
            RestartWorker(_random.Next(WorkerCount));
        }

        feeder.Join();
        WaitFor(() => Sum(c => c.ReceivedPackets) == _put && Unaccounted == 0 && _workers.HeldCount == 0);
        for (int i = 0; i < WorkerCount; i++)
        {
            StopWorker(i);
        }

        AssertFramesAreAccountedFor();
        AssertBuffersAreHome();
    }

    public void Dispose()
    {
        foreach (WorkerThread? thread in _threads)
        {
            thread?.Stop();
        }

        _workers.Dispose();
        _shared.Dispose();
        foreach (Waiter waiter in _waiters)
        {
            waiter.Dispose();
        }
    }

    private long Unaccounted => Sum(c => c.ReceivedPackets - c.Forwarded - c.Answered - c.Consumed - c.Dropped);

    private void AssertFramesAreAccountedFor()
    {
        Assert.Equal(_put, Sum(c => c.Forwarded) + Sum(c => c.Answered) + Sum(c => c.Consumed) + Sum(c => c.Dropped));
        Assert.All(_devices, device => Assert.Equal(0, device.Status.LostCount));
        long named = Enumerable.Range(0, _names.Length).Sum(port => Enum.GetValues<VSwitch.DataPlane.Pipeline.DropReason>().Sum(r => _workers.SumDrops(port, r)));
        Assert.Equal(Sum(c => c.Dropped), named);
        Assert.Equal(Sum(c => c.SentPackets), _devices.Sum(d => d.TransmittedCount));

        Assert.DoesNotContain(_seen, times => times > 1);
        Assert.Equal(0, _outOfOrder);
        int through = _seen.Sum();
        Assert.True(through > NumberedFrames / 2, $"{through} of {NumberedFrames} numbered frames came out");
        Assert.True(NumberedFrames - through <= Sum(c => c.Dropped), "each one that did not come out was dropped");
        Assert.All(_workers.Workers, w => Assert.True(w.Counters.HandedOver > 0 && w.Counters.TakenOver > 0));
        Assert.Equal(_workers.Workers.Sum(w => w.Counters.HandedOver), _workers.Workers.Sum(w => w.Counters.TakenOver));
    }

    private void AssertBuffersAreHome()
    {
        foreach (Worker worker in _workers.Workers)
        {
            worker.RunHandedOver(WorkerThread.NowNs());
        }

        foreach (Worker worker in _workers.Workers)
        {
            Assert.Equal(0, worker.WaitingCount);
            Assert.Equal(worker.Pool.SmallCount + _workers.Exchange.Surplus(worker.Index), worker.Pool.SmallFreeCount);
            Assert.Equal(worker.Pool.LargeCount, worker.Pool.LargeFreeCount);
            Assert.True(Math.Abs(_workers.Exchange.Surplus(worker.Index)) <= _workers.Exchange.Room);
        }

        Assert.Equal(0, _workers.Workers.Sum(w => _workers.Exchange.Surplus(w.Index)));
    }

    /// <summary>Numbered datagrams between two ENIs that allow each other everything, and random traffic of all kinds.</summary>
    private void Feed()
    {
        var random = new Random(_random.Next());
        var traffic = new RandomTraffic(_config, random.Next());
        EniConfig[] ends = [.. _config.Enis.Where(e => e.Name is "green" or "twin")];
        var there = new FrameAddresses(ends[0].Mac, ends[1].Mac, ends[0].PrivateIps[0], ends[1].PrivateIps[0]);
        int number = 0;
        for (int i = 0; i < NumberedFrames + RandomFrames; i++)
        {
            bool isNumbered = number < NumberedFrames && (i - number >= RandomFrames || random.Next(NumberedFrames + RandomFrames) < NumberedFrames);
            if (isNumbered)
            {
                // A flow stays on one queue, so that its frames are taken in order.
                int flow = random.Next(Flows);
                bool isForth = flow % 2 == 0;
                Put(ends[isForth ? 0 : 1].Name, Numbered(isForth ? there : there.Reverse(), flow, number++), flow / 2 % WorkerCount);
            }
            else
            {
                TrafficFrame frame = traffic.Next();
                Put(frame.Port, frame.Frame, random.Next(WorkerCount));
            }
        }
    }

    private void Put(string port, byte[] frame, int queue)
    {
        MemoryDevice device = _devices[Array.IndexOf(_names, port)];
        device.Enqueue(frame, queue);
        Interlocked.Increment(ref _put);
        _waiters[queue].Wake();
    }

    private static byte[] Numbered(FrameAddresses ends, int flow, int number)
    {
        byte[] frame = Frames.Udp(ends, (ushort)(FirstPort + flow), 9);
        BinaryPrimitives.WriteInt64LittleEndian(frame.AsSpan(PayloadAt), Magic);
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(PayloadAt + 8), number);
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(PayloadAt + 12), flow);

        // Without a checksum (RFC 768), since the payload was written after it.
        frame.AsSpan(40, 2).Clear();
        return frame;
    }

    /// <summary>Called by whichever worker owns the flow: one worker a flow.</summary>
    private void OnTransmit(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < PayloadAt + 16 || BinaryPrimitives.ReadInt64LittleEndian(frame[PayloadAt..]) != Magic)
        {
            return;
        }

        int number = BinaryPrimitives.ReadInt32LittleEndian(frame[(PayloadAt + 8)..]);
        int flow = BinaryPrimitives.ReadInt32LittleEndian(frame[(PayloadAt + 12)..]);
        Interlocked.Increment(ref _seen[number]);
        if (Interlocked.Exchange(ref _lastOfFlow[flow], number) > number)
        {
            Interlocked.Increment(ref _outOfOrder);
        }
    }

    private void Swap(SwitchConfig config) => _shared.Publish(Compile(config), [.. _devices]);

    private ForwardingSnapshot Compile(SwitchConfig config) => SnapshotCompiler.Compile(config, _numbers);

    private void StartWorker(int i)
    {
        _threads[i] = new WorkerThread(_workers.Workers[i], _threads, _waiters[i], onStart: null);
        _threads[i]!.Start();
    }

    private void StopWorker(int i)
    {
        _threads[i]!.Stop();
        Assert.Null(_threads[i]!.Failure);
    }

    private void RestartWorker(int i)
    {
        StopWorker(i);
        StartWorker(i);
    }

    private void WaitFor(Func<bool> condition) => Assert.True(
        SpinWait.SpinUntil(() => condition() || _threads.Any(t => t!.Failure != null), Patience), "it did not come to that");

    private long Sum(Func<PortCounters, long> counter) => Enumerable.Range(0, _names.Length).Sum(port => counter(_workers.Sum(port)));

    /// <summary>Memory devices have no descriptors: only other threads wake the worker.</summary>
    private sealed class Waiter : IWorkerWaiter
    {
        private readonly ManualResetEventSlim _woken = new();

        public int Wait(int timeoutMs, Span<int> ready)
        {
            if (_woken.Wait(timeoutMs))
            {
                _woken.Reset();
            }

            return 0;
        }

        public void Wake() => _woken.Set();

        public void Dispose() => _woken.Dispose();
    }
}
