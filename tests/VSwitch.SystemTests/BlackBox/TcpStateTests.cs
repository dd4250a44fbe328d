using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using Xunit;
using static VSwitch.SystemTests.BlackBox.BenchPort;

namespace VSwitch.SystemTests.BlackBox;

/// <summary>Section A of the black-box cases: TCP by raw frames.</summary>
public class TcpStateTests
{
    private const string AllTcp = "{ protocol: tcp, source: 0.0.0.0/0 }";

    [RootFact]
    public void BB04_unsolicited_packets_in_mid_stream_pass_nowhere_and_begin_nothing()
    {
        byte[] Segment(TcpBits flags, int bytes = 0) => Frames.Tcp(B.To(A), 40000, 80, flags, bytes);
        byte[][] noOpeners =
        [
            Segment(TcpBits.Syn | TcpBits.Ack), Segment(TcpBits.Psh | TcpBits.Ack, 10), Segment(TcpBits.Fin),
            Segment(TcpBits.Rst),
        ];
        Bench.Run(new BenchSetup(), bench =>
        {
            byte[] echoReply = Frames.Echo(B.To(A), 7, 1, reply: true);
            foreach (byte[] frame in (byte[][])[.. noOpeners, Segment(TcpBits.Ack), echoReply])
            {
                bench.Drop(B, frame, DropReason.ConnectionInvalid);
            }

            // UDP may open; it is the empty group of A that refuses it.
            bench.Drop(B, Frames.Udp(B.To(A), 40000, 53), DropReason.SecurityGroupIngress);
            Assert.Equal(0, bench.ConnectionCount);
        });
        Bench.Run(new BenchSetup { RulesA = AllTcp }, bench =>
        {
            foreach (byte[] frame in noOpeners)
            {
                bench.Drop(B, frame, DropReason.ConnectionInvalid);
            }

            Assert.Equal(0, bench.ConnectionCount);
            bench.Pass(B, Segment(TcpBits.Syn), A, PacketAssert.Flags(TcpBits.Syn), PacketAssert.Ttl(64));
            Assert.Equal(1, bench.ConnectionCount);
        });
        // The documented loose mode admits a segment with ACK and without SYN, RST, FIN, and nothing else.
        Bench.Run(new BenchSetup { RulesA = AllTcp, EveryEni = "tcp: loose" }, bench =>
        {
            foreach (byte[] frame in noOpeners.Where(f => f != noOpeners[1]))
            {
                bench.Drop(B, frame, DropReason.ConnectionInvalid);
            }

            Assert.Equal(0, bench.ConnectionCount);
            bench.Pass(B, noOpeners[1], A);
            Assert.Equal(1, bench.ConnectionCount);
        });
    }

    [RootFact]
    public void BB11_a_connection_lives_as_long_as_the_timer_of_its_state() => Bench.Run(
        new BenchSetup { RulesB = AllTcp, Timeouts = "tcpTransient: 2s, tcpEstablished: 5s, tcpClosing: 2s" }, bench =>
        {
            TcpTalk whole = new TcpTalk(bench, A, B, 40002, 80, 100, 900).Open();
            TcpTalk over = new TcpTalk(bench, A, B, 40003, 80, 100, 900).Open();
            over.FromClient(TcpBits.Fin | TcpBits.Ack);
            over.FromServer(TcpBits.Fin | TcpBits.Ack);
            over.FromClient(TcpBits.Ack);
            var half = new TcpTalk(bench, A, B, 40001, 80, 100, 900);
            half.FromClient(TcpBits.Syn);
            Assert.Equal(3, bench.ConnectionCount);

            // That the two others are gone shows that their time has passed, and the established one outlives it.
            bench.Await(() => bench.ConnectionCount == 1, "the SYN's and the closed connection's timers");
            half.ServerDropped(TcpBits.Syn | TcpBits.Ack);
            over.ClientDropped(TcpBits.Ack);
            whole.Exchange();
            Assert.Equal(1, bench.ConnectionCount);

            bench.Await(() => bench.ConnectionCount == 0, "the established connection's timer");
            whole.ServerDropped(TcpBits.Psh | TcpBits.Ack, 10);
        });

    /// <summary>There is no command that clears state yet; a group of mode cut whose rules change is the way to do
    /// it.</summary>
    [RootFact]
    public void BB13_state_that_is_cut_is_gone_and_a_new_connection_works_at_once()
    {
        var setup = new BenchSetup { RulesB = AllTcp, GroupB = "liveConnections: cut" };
        BenchSetup changed = setup with { RulesB = AllTcp + ", { protocol: udp, ports: \"9\", source: 0.0.0.0/0 }" };
        Bench.Run(setup, bench =>
        {
            TcpTalk talk = new TcpTalk(bench, A, B, 40000, 80, 100, 900).Open();
            talk.Exchange();
            bench.Apply(changed);
            talk.ServerDropped(TcpBits.Psh | TcpBits.Ack, 10);
            talk.ClientDropped(TcpBits.Psh | TcpBits.Ack, 10);
            Assert.Equal(0, bench.ConnectionCount);
            new TcpTalk(bench, A, B, 40000, 80, 5000, 7000).Open().Exchange();
        });
        Bench.Run(setup with { EveryEni = "tcp: loose" }, bench =>
        {
            TcpTalk talk = new TcpTalk(bench, A, B, 40000, 80, 100, 900).Open();
            bench.Apply(changed with { EveryEni = "tcp: loose" });
            // Picked up again by a segment that the rules allow: A's, and then B's as its answer.
            talk.FromClient(TcpBits.Psh | TcpBits.Ack, 10);
            talk.FromServer(TcpBits.Ack);
            Assert.Equal(1, bench.ConnectionCount);
        });
    }

    [RootFact]
    public void BB19_forged_resets_do_not_close_and_the_exact_one_does() => Bench.Run(
        new BenchSetup { RulesB = AllTcp, Timeouts = "tcpReset: 1s" }, bench =>
        {
            TcpTalk talk = new TcpTalk(bench, A, B, 40000, 80).Open();
            for (int i = 0; i < 3; i++)
            {
                talk.FromServer(TcpBits.Psh | TcpBits.Ack, 1000);
                talk.FromClient(TcpBits.Ack);
            }

            Assert.Equal(3001u, talk.ServerNext);
            (TcpBits Flags, uint Sequence, uint Ack)[] forged =
            [
                (TcpBits.Rst, 0, 0), (TcpBits.Rst, 1_000_000, 0), (TcpBits.Rst, 42, 0),
                (TcpBits.Rst | TcpBits.Ack, 3000, 1),
            ];
            foreach ((TcpBits flags, uint sequence, uint ack) in forged)
            {
                talk.ServerDroppedAt(flags, sequence, ack);
                talk.Exchange();
            }

            talk.FromServer(TcpBits.Rst | TcpBits.Ack);
            Assert.Equal(1, bench.ConnectionCount);
            bench.Await(() => bench.ConnectionCount == 0, "the timer of a connection that was reset");
            talk.ServerDropped(TcpBits.Psh | TcpBits.Ack, 10);
            talk.ClientDropped(TcpBits.Psh | TcpBits.Ack, 10);
        });

    [RootFact]
    public void BB23_data_that_was_acknowledged_long_ago_may_come_again() => Bench.Run(
        new BenchSetup { RulesB = AllTcp }, bench =>
        {
            TcpTalk talk = new TcpTalk(bench, A, B, 40000, 80).Open();
            talk.ClientWindow = 257;
            for (int i = 0; i < 46; i++)
            {
                talk.FromClient(TcpBits.Ack, 1460);
                talk.FromServer(TcpBits.Ack);
            }

            Assert.Equal(67161u, talk.ClientNext);
            talk.ClientPasses(TcpBits.Ack, 1, 1, 1460);
            talk.ServerPasses(TcpBits.Ack, 1, 67161);
            talk.Exchange();
        });

    [RootFact]
    public void BB24_a_simultaneous_open_is_one_connection() => Bench.Run(
        new BenchSetup { RulesA = AllTcp, RulesB = AllTcp }, bench =>
        {
            var talk = new TcpTalk(bench, A, B, 40000, 50000, 100, 900);
            talk.ClientPasses(TcpBits.Syn, 100, 0);
            talk.ServerPasses(TcpBits.Syn, 900, 0);
            talk.ClientPasses(TcpBits.Syn | TcpBits.Ack, 100, 901);
            talk.ServerPasses(TcpBits.Syn | TcpBits.Ack, 900, 101);
            (talk.ClientNext, talk.ServerNext) = (101, 901);
            talk.Exchange();
            Assert.Equal(1, bench.ConnectionCount);
        });
}
