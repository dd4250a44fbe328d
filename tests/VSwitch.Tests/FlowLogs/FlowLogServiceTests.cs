using System.Net;
using System.Net.Sockets;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Workers;
using VSwitch.Live;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.FlowLogs;

/// <summary>The thread that reads, gathers and writes: intervals, files that are moved away or cannot be written, collectors that are
/// down, changes, the end.</summary>
public sealed class FlowLogServiceTests : IDisposable
{
    private const string Format = "${interface-id} ${flow-direction} ${packets} ${action} ${log-status}";
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-flowlog-").FullName;
    private readonly Clock _time = new();
    private readonly List<string> _said = [];
    private readonly SwitchUnderTest _switch = new(TestTopologies.Small());
    private FlowLogService? _service;

    private string LogPath => Path.Combine(_folder, "flows.log");

    public void Dispose()
    {
        _service?.Dispose();
        _switch.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Each_interval_is_written_and_a_file_that_was_moved_away_is_made_again()
    {
        Start(File("t"));
        Send(3);
        EndInterval();
        Assert.Equal(["a egress 3 ACCEPT OK", "b ingress 3 ACCEPT OK"], WaitForLines(2));
        System.IO.File.Move(LogPath, LogPath + ".1");
        EndInterval();
        Assert.Equal(["a - - - NODATA", "b - - - NODATA"], WaitForLines(2));
        Assert.Equal(2, System.IO.File.ReadAllLines(LogPath + ".1").Length);
        FlowLogStatus status = Assert.Single(_service!.Status);
        Assert.Equal((2, 0, null), (status.Records, status.Lost, status.Failure));
        Assert.True(status.Bytes > 40, "bytes are counted");
    }

    [Fact]
    public void What_there_is_at_the_end_is_written()
    {
        Start(File("t"));
        Send(5);
        _service!.Dispose();
        Assert.Equal(["a egress 5 ACCEPT OK", "b ingress 5 ACCEPT OK"], Lines());
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_named_once_and_tried_again()
    {
        Directory.CreateDirectory(LogPath);
        Start(File("t"));
        Send(1);
        EndInterval();
        Wait(() => _service!.Status[0].Failure != null, "the failure is told");
        Send(1);
        EndInterval();
        Wait(() => _time.Asked > 20, "some turns");
        Directory.Delete(LogPath);
        EndInterval();
        Wait(() => _service!.Status[0].Failure == null, "it can be written again");
        Assert.Equal(4, Lines().Count(l => l.EndsWith("OK", StringComparison.Ordinal)));
        lock (_said)
        {
            Assert.Equal(2, _said.Count);
            Assert.Contains("cannot be written", _said[0], StringComparison.Ordinal);
            Assert.Contains("can be written again", _said[1], StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Logs_come_and_go_with_the_configuration()
    {
        Start();
        Send(2);
        SwitchConfig with = TestTopologies.Small() with { FlowLogs = [File("t")] };
        Use(with);
        Wait(() => _service!.Status.Count == 1 && _switch.Workers.Workers[0].Pipeline.Recorder != null, "the log is there");
        Wait(() => !_isWalking, "what was before is left out");
        Send(4);
        Use(TestTopologies.Small());
        Wait(() => _service!.Status.Count == 0, "the log is gone");
        Assert.Equal(["a egress 4 ACCEPT OK", "b ingress 4 ACCEPT OK"], WaitForLines(2));
        Wait(() => _switch.Workers.Workers[0].Pipeline.Recorder == null, "workers record nothing any more");
    }

    [Fact]
    public void A_collector_that_is_down_costs_records_that_are_counted_and_is_sent_to_all_the_same()
    {
        using var socket = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        int port = ((IPEndPoint)socket.Client.LocalEndPoint!).Port;
        socket.Close();
        Start(new FlowLogConfig { Name = "x", Vpc = "blue", Interval = TimeSpan.FromSeconds(1), Ipfix = $"127.0.0.1:{port}" });
        Wait(
            () =>
            {
                Send(1);
                EndInterval();
                return _service!.Status[0] is { Failure: not null, Lost: > 0 };
            },
            "the refusal is told");
        using var collector = new UdpClient(new IPEndPoint(IPAddress.Loopback, port));
        collector.Client.ReceiveTimeout = 10_000;
        Send(7);
        EndInterval();
        var reader = new IpfixReader();
        IPEndPoint? from = null;
        while (!reader.Records.Any(r => r.Template == 256 && IpfixReader.Number(r.Fields[(0, 2)]) == 7))
        {
            reader.Read(collector.Receive(ref from));
        }

        lock (_said)
        {
            Assert.Contains(_said, line => line.Contains("cannot be reached", StringComparison.Ordinal));
        }
    }

    private FlowLogConfig File(string name) =>
        new() { Name = name, Vpc = "blue", Interval = TimeSpan.FromSeconds(10), Format = Format, File = LogPath };

    private volatile bool _isWalking;

    /// <summary>Errands are carried out at once, on the service's thread: the test sends nothing meanwhile.</summary>
    private void Start(params FlowLogConfig[] logs)
    {
        SwitchConfig config = TestTopologies.Small() with { FlowLogs = logs };
        _service = new FlowLogService(_switch.Workers, Carry, config, _switch.Snapshot, _time, line =>
        {
            lock (_said)
            {
                _said.Add(line);
            }
        });
    }

    private void Carry(int worker, IWorkerErrand errand)
    {
        _isWalking = true;
        while (!errand.Step(_switch.Workers.Workers[worker]))
        {
        }

        _isWalking = false;
    }

    private void Use(SwitchConfig config) => _service!.Use(config, _switch.Snapshot);

    private void Send(int packets)
    {
        EniConfig[] enis = [.. TestTopologies.Small().Enis];
        var ends = new FrameAddresses(enis[0].Mac, enis[1].Mac, enis[0].PrivateIps[0], enis[1].PrivateIps[0]);
        for (int i = 0; i < packets; i++)
        {
            _switch.Receive("a", Frames.Udp(ends, 4000, 53), WorkerThread.NowNs());
        }
    }

    private void EndInterval()
    {
        long asked = _time.Asked;
        _time.Advance(TimeSpan.FromSeconds(10));

        // Two turns later the first one that saw the new time is over.
        Wait(() => _time.Asked >= asked + 6, "the service looks at the clock");
    }

    private string[] Lines() => System.IO.File.Exists(LogPath) ? [.. System.IO.File.ReadAllLines(LogPath).Order(StringComparer.Ordinal)] : [];

    private string[] WaitForLines(int count)
    {
        Wait(() => Lines().Length >= count, "lines are written");
        return Lines();
    }

    private static void Wait(Func<bool> condition, string what) =>
        Assert.True(SpinWait.SpinUntil(condition, TimeSpan.FromSeconds(30)), what);

    private sealed class Clock : TimeProvider
    {
        private long _ticks = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc).Ticks;
        private long _asked;

        public long Asked => Volatile.Read(ref _asked);

        public void Advance(TimeSpan time) => Interlocked.Add(ref _ticks, time.Ticks);

        public override DateTimeOffset GetUtcNow()
        {
            Interlocked.Increment(ref _asked);
            return new DateTimeOffset(Volatile.Read(ref _ticks), TimeSpan.Zero);
        }
    }
}
