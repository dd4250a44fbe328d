using System.Diagnostics;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using Xunit;
using static VSwitch.SystemTests.BlackBox.BenchPort;

namespace VSwitch.SystemTests.BlackBox;

/// <summary>Section A of the black-box cases: an ENI that goes and comes, and a table that overflows.</summary>
public class LifecycleTests
{
    private const string IcmpFromA = "{ protocol: icmp, source: 10.1.0.10/32 }";

    [RootFact("iperf3", "ping")]
    public void BB10_an_eni_goes_under_load_and_comes_back()
    {
        var setup = new BenchSetup
        {
            Kernel = [A, B, C],
            RulesB = "{ protocol: udp, source: 10.1.0.10/32 }, " +
                "{ protocol: tcp, ports: \"5201\", source: 10.1.0.10/32 }",
            RulesC = IcmpFromA,
        };
        Bench.Run(setup, bench =>
        {
            bench.Network.Touch(C);
            bench.Network.Start(B, "iperf3", "-s");
            bench.Network.WaitForListener(B, 5201);
            // A must go on sending to B's MAC while B is gone.
            BenchNetwork.Ip(A, $"neigh replace {B.Ip} lladdr {B.Mac} dev {A.Namespace} nud permanent");
            BenchProgram ping = bench.Network.Start(A, "ping", "-q", "-i", ".05", "-W", "2", "10.1.1.10");
            BenchProgram load = bench.Network.Start(A, "iperf3", "-u", "-b", "50M", "-l", "1400", "-t", "60", "-c",
                "10.1.0.11");
            bench.Await(() => bench.Network[B].Count > 2000, "the load at B");

            bench.Apply(setup with { Without = B });
            bench.Await(() => bench.Drops(A, DropReason.UnknownDestinationMac) > 4000,
                "drops of what goes to an ENI that is not there");

            bench.Apply(setup);
            bench.Reattach(B);
            int before = bench.Network[B].Count;
            bench.Await(() => bench.Network[B].Count > before + 2000, "the load at the new B");
            load.Stop();
            Assert.Contains(" 0% packet loss", ping.Interrupt(), StringComparison.Ordinal);
        });
    }

    [RootFact]
    public void BB10_no_state_of_the_eni_that_went_is_used_by_the_new_one()
    {
        var setup = new BenchSetup { RulesB = "{ protocol: tcp, ports: \"80\", source: 10.1.0.10/32 }" };
        Bench.Run(setup, bench =>
        {
            TcpTalk talk = new TcpTalk(bench, A, B, 40000, 80, 100, 900).Open();
            talk.Exchange();
            bench.Apply(setup with { Without = B });
            talk.ClientDropped(TcpBits.Psh | TcpBits.Ack, 10, DropReason.UnknownDestinationMac);
            bench.Apply(setup);
            bench.Reattach(B);
            talk.ClientDropped(TcpBits.Psh | TcpBits.Ack, 10);
            talk.ServerDropped(TcpBits.Psh | TcpBits.Ack, 10);
            new TcpTalk(bench, A, B, 40001, 80, 100, 900).Open().Exchange();
        });
    }

    [RootFact("curl", "python3")]
    public void BB26_a_syn_flood_takes_nothing_from_others()
    {
        const int Capacity = 1000;
        const int Flood = 200_000;
        const int PerSecond = 20_000;
        const int Ports = 60_000;
        string folder = Directory.CreateTempSubdirectory("vswitch-bb-").FullName;
        File.WriteAllText(Path.Combine(folder, "page"), "hello");
        var setup = new BenchSetup
        {
            Kernel = [B, C],
            Capacity = Capacity,
            RulesB = "{ protocol: tcp, ports: \"80\", source: 10.1.0.0/16 }",
            Timeouts = "tcpTransient: 2s",
        };
        Bench.Run(setup, bench =>
        {
            bench.Network.Serve(B, folder, 80);
            (int, string) Curl() => bench.Network.Run(C, "curl", "-s", "-m", "5", "http://10.1.0.11/page");
            Assert.Equal((0, "hello"), Curl());
            long memory = Process.GetCurrentProcess().WorkingSet64;
            int largest = 0;
            int curls = 0;
            using var over = new ManualResetEventSlim(initialState: false);
            var client = Task.Run(() =>
            {
                while (!over.Wait(200))
                {
                    Assert.Equal((0, "hello"), Curl());
                    curls++;
                }
            });
            // 7919 is prime: all ports come, in no order that a table could be lucky with.
            IEnumerable<byte[]> syns = Enumerable.Range(0, Flood).Select(i => Frames.Begin(A.To(B))
                .Tcp((ushort)(1024 + (i * 7919L % Ports)), 80, TcpBits.Syn, t => t with { Sequence = (uint)i * 77_777 })
                .Build());
            bench.SendAll(A, syns, PerSecond, () => largest = Math.Max(largest, bench.ConnectionCount));
            over.Set();
            client.GetAwaiter().GetResult();

            Assert.True(curls >= 3, $"{curls} curls");
            Assert.Equal((0, "hello"), Curl());
            Assert.InRange(largest, 1, Capacity);
            long made = bench.Host.Workers.Workers.Sum(w => w.Counters.FlowsCreated);
            long removed = bench.Host.Workers.Workers.Sum(w => w.Counters.FlowsRemoved);
            Assert.True(removed >= Flood - Capacity, $"{made} connections made, {removed} removed; {bench.Report()}");
            Assert.Equal(0, bench.Drops(C, DropReason.ConnectionTableFull));
            Assert.True(Process.GetCurrentProcess().WorkingSet64 - memory < 512L << 20, "memory is bounded");
            bench.TakeAll(A);
        });
        Directory.Delete(folder, recursive: true);
    }
}
