using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Workers;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.DataPlane.Flows;

/// <summary>A walk over live connections: each once, whatever comes and goes; in the reader's pace; ended at any time.</summary>
public sealed class ConnectionWalkTests : IDisposable
{
    private readonly ITestOutputHelper _output;
    private readonly SwitchConfig _config = TestTopologies.Small();
    private readonly SwitchUnderTest _switch;
    private long _nowNs = 1_000_000_000;

    public ConnectionWalkTests(ITestOutputHelper output)
    {
        _output = output;
        _switch = new SwitchUnderTest(_config);
    }

    private Worker Worker => _switch.Workers.Workers[0];

    [Fact]
    public void What_lives_all_the_while_is_listed_once_and_nothing_twice_whatever_comes_and_goes()
    {
        int seed = Seeded.Take("walk", _output.WriteLine);
        var random = new Random(seed);
        for (int port = 1; port <= 1000; port++)
        {
            Open(port, isV6: port % 3 == 0);
        }

        var gone = new HashSet<int>();
        var seen = new List<(int Port, uint Born)>();
        int next = 2000;
        var walk = new ConnectionWalk(ConnectionFilter.All, capacity: 37);
        do
        {
            walk.Begin();
            Worker.Post(walk);
            while (!walk.IsResting)
            {
                // Between two steps, as between two bursts: some go, others take their slots.
                for (int i = random.Next(4); i > 0; i--)
                {
                    Open(next++, isV6: random.Next(2) == 0);
                    int port = random.Next(1, 1001);
                    gone.Add(port);
                    Remove(port);
                }

                Worker.RunErrand();
            }

            foreach (ConnectionRecord record in walk.Found)
            {
                seen.Add((PortOf(record), record.Detail.CreatedMs));
            }
        }
        while (!walk.IsAtEnd);

        Assert.NotEmpty(gone);
        Assert.Equal(seen.Count, seen.Distinct().Count());
        int[] stayed = [.. Enumerable.Range(1, 1000).Where(port => !gone.Contains(port))];
        Assert.Equal(stayed, seen.Select(s => s.Port).Where(p => stayed.Contains(p)).Order());
    }

    [Fact]
    public void A_record_holds_what_the_connection_is()
    {
        byte[] frame = Frames.Tcp(Ends(isV6: true), 40_000, 443, TcpBits.Syn);
        Send("a", frame);
        Send("a", frame);
        Send("b", Frames.Tcp(Ends(isV6: true).Reverse(), 443, 40_000, TcpBits.Syn | TcpBits.Ack));
        Advance(5_000);

        ConnectionRecord record = Assert.Single(_switch.Connections());
        Assert.True(record.IsV6);
        Assert.Equal(6, record.Protocol);
        Assert.Equal(FlowState.TcpSynRecv, record.Entry.State);
        Assert.Equal((PortNumber("a"), PortNumber("b")), (record.OpenerPort, record.OtherPort));
        Assert.Equal((2, 2L * frame.Length), record.Sent);
        Assert.Equal((1, frame.Length), record.Received);
        Assert.Equal(5_000u + 2, record.AgeMs);
        Assert.Equal(60_000u - 5_000, record.RemainingMs);
        Assert.Equal((PortNumber("a"), PortNumber("b")), (record.Forward.InPort, (int)record.Forward.OutPort));
        Assert.Equal((PortNumber("b"), PortNumber("a")), (record.Reply.InPort, (int)record.Reply.OutPort));
    }

    [Fact]
    public void A_copy_put_into_other_tables_is_the_same_connection()
    {
        Send("a", Frames.Tcp(Ends(isV6: false), 40_000, 443, TcpBits.Syn));
        Send("b", Frames.Tcp(Ends(isV6: false).Reverse(), 443, 40_000, TcpBits.Syn | TcpBits.Ack));
        Send("a", Frames.Tcp(Ends(isV6: false), 40_000, 443, TcpBits.Ack));
        Open(7, isV6: true);
        using var other = new SwitchUnderTest(_config);
        foreach (ConnectionRecord record in _switch.Connections())
        {
            Import(other, record);
        }

        ConnectionRecord[] copies = [.. other.Connections()];
        ConnectionRecord[] originals = [.. _switch.Connections()];
        Assert.Equal(originals.Select(PortOf), copies.Select(PortOf));
        Assert.Equal(originals.Select(r => (r.Entry.State, r.Entry.Flags, r.Entry.DeadlineMs, r.Addresses)), copies.Select(r => (r.Entry.State, r.Entry.Flags, r.Entry.DeadlineMs, r.Addresses)));
        Assert.Equal(originals.Select(r => (r.Forward.OutPort, r.Reply.OutPort, r.Detail.Hash)), copies.Select(r => (r.Forward.OutPort, r.Reply.OutPort, r.Detail.Hash)));

        // It is found, and goes on.
        byte[] next = Frames.Tcp(Ends(isV6: false), 40_000, 443, TcpBits.Ack, payload: 10);
        Assert.Equal(OutcomeKind.Forwarded, other.Receive("a", next, _nowNs).Kind);
        using var empty = new SwitchUnderTest(_config);
        Assert.Equal(OutcomeKind.Dropped, empty.Receive("a", next, _nowNs).Kind);
    }

    [Fact]
    public void What_has_expired_and_was_not_met_yet_is_left_out()
    {
        Open(1, isV6: false);
        Advance(29_000);
        Open(2, isV6: false);
        Worker.Pipeline.Begin(_nowNs + 1_500_000_000, maxExpiries: 0);
        Assert.Equal(2, _switch.ConnectionCount);
        Assert.Equal(2, PortOf(Assert.Single(_switch.Connections())));
    }

    [Fact]
    public void A_full_batch_leaves_the_worker_nothing_to_do_until_the_reader_comes_again()
    {
        for (int port = 1; port <= 20; port++)
        {
            Open(port, isV6: false);
        }

        var walk = new ConnectionWalk(ConnectionFilter.All, capacity: 7);
        var sizes = new List<int>();
        while (!walk.IsAtEnd)
        {
            walk.Begin();
            Worker.Post(walk);
            Assert.True(Worker.HasErrand);
            RunErrands();
            Assert.True(walk.IsResting);
            sizes.Add(walk.Found.Length);
        }

        Assert.Equal([7, 7, 6], sizes);
    }

    [Fact]
    public void A_cancelled_walk_ends_at_its_next_step_and_the_next_errand_begins()
    {
        for (int port = 1; port <= 500; port++)
        {
            Open(port, isV6: false);
        }

        var walk = new ConnectionWalk(ConnectionFilter.All, capacity: 500);
        var clear = new ConnectionClear(ConnectionFilter.All);
        walk.Begin();
        Worker.Post(walk);
        Worker.Post(clear);
        Worker.RunErrand();
        int taken = _switch.ConnectionCount;
        walk.Cancel();
        Worker.RunErrand();
        Assert.True(walk.IsResting);
        Assert.False(walk.IsAtEnd);
        Assert.InRange(walk.Found.Length, 1, taken - 1);
        Assert.False(clear.IsDone);
        RunErrands();
        Assert.True(clear.IsDone);
        Assert.Equal(500, clear.Count);
    }

    [Fact]
    public void Errands_are_carried_out_in_the_order_posted_also_by_many_threads()
    {
        var done = new List<int>();
        var threads = Enumerable.Range(0, 4).Select(t => new Thread(() =>
        {
            for (int i = 0; i < 500; i++)
            {
                int number = (t * 1000) + i;
                Worker.Post(new Note(() => done.Add(number)));
            }
        })).ToList();
        threads.ForEach(t => t.Start());
        while (done.Count < 2000)
        {
            Worker.RunErrand();
        }

        threads.ForEach(t => t.Join());
        Assert.False(Worker.HasErrand);
        Assert.All(Enumerable.Range(0, 4), t =>
            Assert.Equal(Enumerable.Range(t * 1000, 500), done.Where(n => n / 1000 == t)));
    }

    [Fact]
    public void A_lookup_finds_the_connection_of_a_key_and_no_other()
    {
        Open(5, isV6: false);
        Open(5, isV6: true);
        foreach (ConnectionRecord record in _switch.Connections())
        {
            ConnectionKey key = KeyOf(record);
            Assert.True(Find(key, out ConnectionRecord found));
            Assert.Equal((record.IsV6, record.Place), (found.IsV6, found.Place));
            Assert.False(Find(key with { High = key.High ^ 1 }, out _));
            Assert.False(Find(key with { IsV6 = !key.IsV6 }, out _));
        }

        Worker.Pipeline.Begin(_nowNs + 31_000_000_000, maxExpiries: 0);
        Assert.Equal(2, _switch.ConnectionCount);
        Worker.Pipeline.Begin(_nowNs, maxExpiries: 0);
        ConnectionKey last = KeyOf(_switch.Connections()[0]);
        Worker.Pipeline.Begin(_nowNs + 31_000_000_000, maxExpiries: 0);
        Assert.False(Find(last, out _));
    }

    public void Dispose() => _switch.Dispose();

    private static unsafe void Import(SwitchUnderTest other, ConnectionRecord record) =>
        Assert.True(other.Workers.Workers[0].Pipeline.Connections.Import(record) != null);

    private static ConnectionKey KeyOf(in ConnectionRecord record) => new(
        record.IsV6, record.Entry.KeyLow, record.Entry.KeyHigh, record.Detail.Hash, record.Addresses, IsFromHigher: false);

    private static int PortOf(ConnectionRecord record)
    {
        ushort raw = record.IsOpenerHigher ? record.HigherPort : record.LowerPort;
        return System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(raw);
    }

    private bool Find(ConnectionKey key, out ConnectionRecord record)
    {
        var errand = new ConnectionLookup(key);
        Worker.Post(errand);
        RunErrands();
        Assert.True(errand.IsDone);
        return errand.TryGet(out record);
    }

    private void RunErrands()
    {
        while (Worker.HasErrand)
        {
            Worker.RunErrand();
        }
    }

    private int PortNumber(string name) => Array.IndexOf(_switch.Snapshot.PortNames, name);

    private FrameAddresses Ends(bool isV6) => new(
        _config.Enis[0].Mac, _config.Enis[1].Mac, _config.Enis[0].PrivateIps[isV6 ? 1 : 0], _config.Enis[1].PrivateIps[isV6 ? 1 : 0]);

    private void Open(int port, bool isV6) => Send("a", Frames.Udp(Ends(isV6), (ushort)port, 9));

    private void Send(string port, byte[] frame)
    {
        _nowNs += 1_000_000;
        Assert.Equal(OutcomeKind.Forwarded, _switch.Receive(port, frame, _nowNs).Kind);
    }

    private void Advance(long ms)
    {
        _nowNs += ms * 1_000_000;
        Worker.Pipeline.Begin(_nowNs, int.MaxValue);
    }

    private unsafe void Remove(int port)
    {
        Connections connections = Worker.Pipeline.Connections;
        foreach (FlowTable table in (FlowTable[])[connections.V4, connections.V6])
        {
            for (int i = 0; i < table.WalkedSlotCount; i++)
            {
                FlowEntry* entry = table.At(i);
                bool isIt = entry->State != FlowState.Free && System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(
                    (ushort)((entry->Flags & FlowFlags.OpenerSwapped) != 0 ? entry->KeyHigh >> 16 : entry->KeyHigh)) == port;
                if (isIt)
                {
                    connections.Remove(entry);
                    return;
                }
            }
        }
    }

    private sealed class Note(Action action) : IWorkerErrand
    {
        public bool Step(Worker worker)
        {
            action();
            return true;
        }
    }
}
