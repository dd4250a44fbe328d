using System.Diagnostics;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Live;
using VSwitch.Testing;

namespace VSwitch.SystemTests.BlackBox;

/// <summary>The bench of the black-box cases: the switch as the program makes it (two workers, real TAPs; without offload, so that a
/// recorder sees each frame with its whole checksum), hosted in
/// this process so that a test waits for its counters instead of for time, with every TAP's kernel side in a namespace
/// of its own. After a case <see cref="Run"/> checks what the page wants of every case: every frame that left is valid,
/// the books of every port balance, no worker failed, nothing came out that the case did not ask for, and ports outside
/// the case saw nothing.</summary>
internal sealed class Bench : IDisposable
{
    private const int WorkerCount = 2;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(8);
    private readonly Dictionary<BenchPort, long> _sent = [];
    private readonly Dictionary<BenchPort, long> _unseen = [];
    private readonly BenchSetup _setup;

    private Bench(BenchSetup setup)
    {
        _setup = setup;
        Network = new BenchNetwork();
        try
        {
            Host = new SwitchHost(Parse(setup), WorkerCount);
            foreach (BenchPort port in BenchPort.All.Where(p => p != setup.Without))
            {
                Network.Attach(port, setup.Kernel.Contains(port), setup.IsDual);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public BenchNetwork Network { get; }

    public SwitchHost Host { get; } = null!;

    /// <summary>Connections at this moment.</summary>
    public int ConnectionCount => Host.Workers.ConnectionCount;

    /// <summary>Runs a case and checks what every case must hold.</summary>
    public static void Run(BenchSetup setup, Action<Bench> act)
    {
        using var bench = new Bench(setup);
        act(bench);
        bench.Verify();
    }

    /// <summary>Sends a frame and takes the one that must come out at another port.</summary>
    /// <returns>That frame, valid, with the payload that was sent.</returns>
    public byte[] Pass(BenchPort from, byte[] frame, BenchPort to, params PacketCheck[] checks)
    {
        Send(from, frame);
        byte[] arrived = Expect(to, checks);
        if (PacketFields.Of(frame)["payload"] is string payload)
        {
            PacketAssert.That(arrived, PacketAssert.Field("payload", payload));
        }

        return arrived;
    }

    /// <summary>Takes the next frame at a port.</summary>
    public byte[] Expect(BenchPort at, params PacketCheck[] checks)
    {
        byte[]? frame = Network.Next(at, Limit);
        if (frame == null)
        {
            throw new PacketAssertException($"nothing came out at {at} in {Limit.TotalSeconds} s; {Report()}");
        }

        PacketAssert.That(frame, checks);
        return frame;
    }

    /// <summary>Sends a frame that must be dropped: the drop is counted once, for this reason, and nothing comes out
    /// (that is checked here for what is out already, and for all of the case at its end).</summary>
    public void Drop(BenchPort from, byte[] frame, DropReason reason)
    {
        SendAndCountDrop(from, frame, reason);
        Quiet();
    }

    /// <summary>Sends a frame that must be dropped and told about by the router.</summary>
    /// <returns>The router's error.</returns>
    public byte[] DropWithError(BenchPort from, byte[] frame, DropReason reason, params PacketCheck[] checks)
    {
        SendAndCountDrop(from, frame, reason);
        byte[] error = Expect(from, checks);
        Quiet();
        return error;
    }

    /// <summary>Sends a frame that the switch must answer itself.</summary>
    /// <returns>The answer.</returns>
    public byte[] Answer(BenchPort from, byte[] frame, params PacketCheck[] checks)
    {
        long before = Counters(from).Answered;
        Send(from, frame);
        byte[] answer = Expect(from, checks);
        Await(() => Counters(from).Answered == before + 1, $"an answer to a frame of {from} that is counted");
        Quiet();
        return answer;
    }

    /// <summary>Sends a frame that the switch must take in silence.</summary>
    public void Consume(BenchPort from, byte[] frame)
    {
        long before = Counters(from).Consumed;
        Send(from, frame);
        Await(() => Counters(from).Consumed == before + 1,
            $"a frame of {from} that is consumed\n{PacketFields.Of(frame)}");
        Quiet();
    }

    public void Send(BenchPort from, byte[] frame)
    {
        _sent[from] = _sent.GetValueOrDefault(from) + 1;
        Network.Send(from, frame);
    }

    /// <summary>Sends many frames, never more ahead of the switch than a TAP's queue holds.</summary>
    /// <param name="from">By which port.</param>
    /// <param name="frames">The frames.</param>
    /// <param name="perSecond">Frames a second at most.</param>
    /// <param name="look">Called now and then.</param>
    public void SendAll(BenchPort from, IEnumerable<byte[]> frames, int perSecond = int.MaxValue, Action? look = null)
    {
        const int Ahead = 200;
        const int Step = 50;
        int count = 0;
        var clock = Stopwatch.StartNew();
        foreach (byte[] frame in frames)
        {
            Send(from, frame);
            if (++count % Step == 0)
            {
                double due = (double)count / perSecond;
                Await(
                    () => _sent[from] - Counters(from).ReceivedPackets < Ahead && clock.Elapsed.TotalSeconds >= due,
                    "the switch takes what is sent");
                look?.Invoke();
            }
        }
    }

    /// <summary>No frame is out that the case has not taken.</summary>
    public void Quiet()
    {
        foreach (BenchPort port in Attached.Where(p => !_setup.Kernel.Contains(p)))
        {
            if (Network[port].UnreadCount > 0)
            {
                byte[] frame = Network.Next(port, TimeSpan.Zero)!;
                throw new PacketAssertException(
                    $"{port} got a frame that nobody asked for\n{PacketFields.Of(frame)}\n{Report()}");
            }
        }
    }

    /// <summary>Waits for a condition.</summary>
    public void Await(Func<bool> condition, string what)
    {
        if (!SpinWait.SpinUntil(() => Look(condition), Limit))
        {
            throw new PacketAssertException($"waited {Limit.TotalSeconds} s in vain for: {what}; {Report()}");
        }
    }

    public PortCounters Counters(BenchPort port) => Host.Workers.Sum(NumberOf(port));

    public long Drops(BenchPort port, DropReason reason) => Host.Workers.SumDrops(NumberOf(port), reason);

    /// <summary>Attaches the TAP of an ENI that has come back. Its books begin here: its counters may be new ones, and what the
    /// kernel had not taken in yet went with the TAP that was removed.</summary>
    public void Reattach(BenchPort port)
    {
        PortCounters now = Counters(port);
        _sent[port] = now.ReceivedPackets;
        _unseen[port] = now.SentPackets - Network[port].Count;
        Network.Attach(port, _setup.Kernel.Contains(port), _setup.IsDual);
    }

    /// <summary>Takes what has come out at a port, whatever it is: valid it must be all the same.</summary>
    public void TakeAll(BenchPort at)
    {
        while (Network.Next(at, TimeSpan.Zero) != null)
        {
        }
    }

    /// <summary>Puts a changed bench in force.</summary>
    public void Apply(BenchSetup setup) => Host.Apply(Parse(setup));

    /// <summary>Checks what every case must hold.</summary>
    public void Verify()
    {
        List<BenchPort> ports = [.. Attached];
        Await(() => ports.All(IsSettled),
            "received = forwarded + answered + consumed + dropped, and sent frames are seen, on every port");
        Quiet();
        foreach (BenchPort port in ports)
        {
            foreach (byte[] frame in Network[port].Frames)
            {
                PacketAssert.IsValid(frame);
            }

            if (!Network.Touched.Contains(port) && Network[port].Count > 0)
            {
                throw new PacketAssertException(
                    $"{port} is no part of this case and got {PacketFields.Of(Network[port].Frames[0])}");
            }
        }

        List<PortCounters> all = [.. Host.Snapshot.PortNames.Select((_, number) => Host.Workers.Sum(number))];
        long outwards = all.Sum(c => c.Forwarded) + all.Sum(c => c.Generated);
        // Where an ENI went, what it had counted is gone.
        bool isBalanced = all.Sum(c => c.SentPackets) == outwards || _unseen.Count > 0;
        if (!isBalanced || Host.Failure != null)
        {
            throw new PacketAssertException($"forwarded and generated {outwards} are not what was sent; {Report()}");
        }
    }

    /// <summary>What became of the frames of every port, for the message of a failure.</summary>
    public string Report() => string.Join('\n', Attached.Select(port =>
    {
        PortCounters c = Counters(port);
        IEnumerable<string> reasons = DropReasons.All.ToArray().Where(r => Drops(port, r) > 0)
            .Select(r => $"{r.Name()} {Drops(port, r)}");
        return $"{port}: received {c.ReceivedPackets}, forwarded {c.Forwarded}, answered {c.Answered}, " +
            $"consumed {c.Consumed}, dropped {c.Dropped} ({string.Join(", ", reasons)}), sent {c.SentPackets} " +
            $"(generated {c.Generated}), seen {Network[port].Count}";
    }).Prepend(Host.Failure?.ToString() ?? "workers well"));

    public void Dispose()
    {
        // The TAPs go with the switch; the namespaces after it.
        Host?.Dispose();
        Network.Dispose();
        Host?.Free();
    }

    private IEnumerable<BenchPort> Attached =>
        BenchPort.All.Where(p => Array.IndexOf(Host.Snapshot.PortNames, p.Port) >= 0);

    private void SendAndCountDrop(BenchPort from, byte[] frame, DropReason reason)
    {
        long before = Drops(from, reason);
        long ended = Ended(from);
        Send(from, frame);
        Await(() => Ended(from) > ended, $"an end of a frame of {from} ({reason.Name()})\n{PacketFields.Of(frame)}");
        // A worker counts the drop first and its reason after.
        if (!SpinWait.SpinUntil(() => Drops(from, reason) == before + 1, Limit))
        {
            throw new PacketAssertException($"not dropped for {reason.Name()}; {Report()}\n{PacketFields.Of(frame)}");
        }
    }

    private long Ended(BenchPort port)
    {
        PortCounters c = Counters(port);
        return c.Forwarded + c.Answered + c.Consumed + c.Dropped;
    }

    private static SwitchConfig Parse(BenchSetup setup)
    {
        ConfigResult result = ConfigReader.Parse("bench.yaml", setup.Yaml());
        return result.Config
            ?? throw new InvalidOperationException($"{string.Join('\n', result.Errors)}\n{setup.Yaml()}");
    }

    private static bool Look(Func<bool> condition)
    {
        bool holds = condition();
        if (!holds)
        {
            // The switch shares the processors with this loop.
            Thread.Sleep(1);
        }

        return holds;
    }

    private int NumberOf(BenchPort port) => Array.IndexOf(Host.Snapshot.PortNames, port.Port);

    private bool IsSettled(BenchPort port)
    {
        PortCounters c = Counters(port);
        bool isComplete = _setup.Kernel.Contains(port) || c.ReceivedPackets == _sent.GetValueOrDefault(port);
        // A TAP that comes up under load passes frames a moment before the recorder hears that it is up.
        long missing = c.SentPackets - _unseen.GetValueOrDefault(port) - Network[port].Count;
        bool isSeen = missing == 0 || (missing > 0 && _unseen.ContainsKey(port) && _setup.Kernel.Contains(port));
        return isComplete && isSeen && c.ReceivedPackets == Ended(port);
    }
}
