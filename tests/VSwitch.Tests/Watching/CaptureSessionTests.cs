using System.Text;
using VSwitch.ControlPlane.Filters;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Watching;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Pcap;
using VSwitch.Live;
using VSwitch.Testing;
using VSwitch.Tests.DataPlane.Watching;
using VSwitch.Watching;
using Xunit;

namespace VSwitch.Tests.Watching;

/// <summary>Captures of a running switch with worker threads, and what becomes of them when the client, the switch or the disk is not as
/// it should be.</summary>
public sealed class CaptureSessionTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly SwitchHost _host = new(TestTopologies.Small(), 2);
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-capture-").FullName;

    [Fact]
    public async Task A_client_gets_what_it_asked_for_and_then_the_end()
    {
        using CaptureSession session = Begin("port a", count: 3);
        Send(5);
        var client = new MemoryStream();

        await CaptureStream.Run(session, client, Limit, TimeProvider.System, default, default).WaitAsync(Limit);

        using CaptureReader reader = Read(client.ToArray());
        for (int i = 0; i < 3; i++)
        {
            Assert.True(reader.TryReadNext(out CaptureRecord record));
            Assert.Equal(("dropped: port-down", CaptureDirection.Inbound, "a"), (Encoding.UTF8.GetString(record.Comment), record.Direction, reader.InterfaceName(record.InterfaceId)));
            Assert.Equal(Frame(), record.Bytes.ToArray());
            DateTime at = DateTime.UnixEpoch.AddTicks(record.TimestampNs / 100);
            Assert.InRange(at, DateTime.UtcNow - TimeSpan.FromMinutes(5), DateTime.UtcNow);
        }

        Assert.False(reader.TryReadNext(out _));
        Assert.Null(reader.Error);
    }

    [Fact]
    public async Task When_the_switch_ends_the_client_gets_the_rest()
    {
        using CaptureSession session = Begin("");
        using var ended = new CancellationTokenSource();
        var client = new MemoryStream();
        Send(4);
        ended.Cancel();

        await CaptureStream.Run(session, client, Limit, TimeProvider.System, ended.Token, default).WaitAsync(Limit);

        Assert.Equal(4, CountOf(client.ToArray()));
    }

    [Fact]
    public async Task A_client_that_goes_ends_its_capture()
    {
        CaptureSession session = Begin("");
        using var gone = new CancellationTokenSource();
        Task running = CaptureStream.Run(session, new MemoryStream(), Limit, TimeProvider.System, default, gone.Token);
        Assert.NotNull(_host.Workers.Shared.Watch);
        gone.Cancel();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running.WaitAsync(Limit));
        session.Dispose();

        Assert.Null(_host.Workers.Shared.Watch);
    }

    [Fact]
    public async Task A_client_that_stalls_loses_packets_which_are_counted_and_is_given_up()
    {
        using CaptureSession session = Begin("", ringBytes: 4096);
        using var client = new StalledStream();
        Task running = CaptureStream.Run(session, client, TimeSpan.FromMilliseconds(300), TimeProvider.System, default, default);
        await client.Stalled.WaitAsync(Limit);
        Send(1000);

        Assert.True(session.Lost > 0, "what found no room is counted");
        Assert.Equal(1000, _host.Workers.Sum(1).Dropped);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running.WaitAsync(Limit));
    }

    [Fact]
    public void There_are_eight_captures_at_most_and_mirrors_have_places_of_their_own()
    {
        CaptureSession[] sessions = [.. Enumerable.Range(0, WatchControl.MaxCaptures).Select(_ => Begin(""))];
        Assert.Null(CaptureSession.TryBegin(_host, new CaptureRequest(PacketFilter.All)));
        using (CaptureSession? mirror = CaptureSession.TryBegin(_host, new CaptureRequest(PacketFilter.All), isMirror: true))
        {
            Assert.NotNull(mirror);
        }

        sessions[3].Dispose();
        sessions[3] = Begin("");
        Send(2);
        Assert.All(sessions, s => Assert.Equal(2, Drained(s)));
        Array.ForEach(sessions, s => s.Dispose());
        Assert.Null(_host.Workers.Shared.Watch);
    }

    [Fact]
    public void A_changed_configuration_is_what_the_words_mean_from_then_on()
    {
        using CaptureSession session = Begin("eni c");
        Send(1);
        Assert.Equal(0, Drained(session));
        VSwitch.ControlPlane.Config.SwitchConfig config = _host.Config;
        _host.Apply(config with { Enis = [.. config.Enis, TestTopologies.Eni("c", "blue-a", 0x0C, ["open"], "10.0.1.12")] });
        Send(1);
        Assert.Equal(0, Drained(session));
        _host.Apply(config with { Enis = [config.Enis[0], TestTopologies.Eni("c", "blue-a", 0x0B, ["open"], "10.0.1.11")] });
        Send(1);
        Assert.Equal(1, Drained(session));
    }

    [Fact]
    public void A_mirror_goes_on_with_its_file_in_a_new_section()
    {
        string path = Path.Combine(_folder, "m.pcapng");
        for (int round = 1; round <= 2; round++)
        {
            using (Mirror(path, out _))
            {
                Send(3);
            }

            byte[] file = File.ReadAllBytes(path);
            Assert.Equal(3 * round, CountOf(file));
        }
    }

    [Fact]
    public void A_mirror_touches_no_file_that_is_something_else()
    {
        string path = Path.Combine(_folder, "notes.txt");
        File.WriteAllText(path, "mine");
        using (MirrorFile mirror = Mirror(path, out BlockingProblems problems))
        {
            Assert.Contains("is no pcapng file; it was not touched", problems.Take(), StringComparison.Ordinal);
            Send(3);
            Assert.True(SpinWait.SpinUntil(() => mirror.Lost == 3, Limit), "its packets are counted");
            Assert.Equal(0, mirror.Written);
        }

        Assert.Equal("mine", File.ReadAllText(path));
    }

    [Fact]
    public void A_mirror_whose_folder_appears_later_writes_from_then_on()
    {
        string folder = Path.Combine(_folder, "later");
        using (MirrorFile mirror = Mirror(Path.Combine(folder, "m.pcapng"), out BlockingProblems problems))
        {
            Assert.Contains("m.pcapng", problems.Take(), StringComparison.Ordinal);
            Directory.CreateDirectory(folder);
            Assert.Null(problems.Take());
            Assert.Null(mirror.Problem);
            Send(2);
            Assert.True(SpinWait.SpinUntil(() => mirror.Written == 2, Limit), "what comes then is written");
        }

        Assert.Equal(2, CountOf(File.ReadAllBytes(Path.Combine(folder, "m.pcapng"))));
    }

    public void Dispose()
    {
        _host.Free();
        Directory.Delete(_folder, recursive: true);
    }

    private CaptureSession Begin(string words, long? count = null, int ringBytes = PacketTap.DefaultRingBytes)
    {
        Assert.True(PacketFilter.TryParse(words, out PacketFilter filter, out string? error), error);
        return CaptureSession.TryBegin(_host, new CaptureRequest(filter, Count: count), ringBytes: ringBytes)!;
    }

    private MirrorFile Mirror(string path, out BlockingProblems problems)
    {
        CaptureSession session = CaptureSession.TryBegin(_host, new CaptureRequest(PacketFilter.All), isMirror: true)!;
        problems = new BlockingProblems();
        return new MirrorFile(session, path, TimeSpan.FromMilliseconds(10), TimeProvider.System, problems.Add);
    }

    private static int Drained(CaptureSession session)
    {
        using var writer = new PcapngWriter("x", new MemoryStream(), []);
        return session.Drain(writer, int.MaxValue);
    }

    private static CaptureReader Read(byte[] bytes) => CaptureReader.Open("x", new MemoryStream(bytes));

    private static int CountOf(byte[] bytes)
    {
        using CaptureReader reader = Read(bytes);
        int count = 0;
        while (reader.TryReadNext(out _))
        {
            count++;
        }

        Assert.Null(reader.Error);
        return count;
    }

    private byte[] Frame() => Frames.Udp(PacketTapTests.AToB(TestTopologies.Small()), 4000, 53);

    /// <summary>Lets a worker take frames in by port a, and waits until it has. The ports have no devices: all are dropped.</summary>
    private void Send(int count)
    {
        var errand = new Sender(Frame(), Array.IndexOf(_host.Snapshot.PortNames, "a"), count);
        _host.Post(0, errand);
        Assert.True(errand.Done.Wait(Limit), "the worker takes them");
        long received = _sent += count;
        Assert.True(SpinWait.SpinUntil(() => _host.Workers.Sum(errand.Port).Dropped >= received, Limit), "all came to their end");
    }

    private long _sent;

    private sealed unsafe class Sender(byte[] frame, int port, int count) : IWorkerErrand
    {
        private int _left = count;

        public int Port => port;

        public ManualResetEventSlim Done { get; } = new();

        public bool Step(Worker worker)
        {
            PacketBuffer* p = worker.Pool.Rent(frame.Length);
            frame.CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
            p->Length = frame.Length;
            worker.Pipeline.Process(&p, 1, port);
            worker.Pipeline.Flush();
            _left--;
            if (_left == 0)
            {
                Done.Set();
            }

            return _left == 0;
        }
    }

    private sealed class BlockingProblems
    {
        private readonly System.Collections.Concurrent.BlockingCollection<string> _problems = [];

        public void Add(string? problem) => _problems.Add(problem ?? "");

        public string? Take()
        {
            Assert.True(_problems.TryTake(out string? problem, Limit), "it is told");
            return problem!.Length == 0 ? null : problem;
        }
    }

    /// <summary>Takes nothing, until it is given up.</summary>
    private sealed class StalledStream : MemoryStream
    {
        private readonly TaskCompletionSource _stalled = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Stalled => _stalled.Task;

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _stalled.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }
    }
}
