using System.Diagnostics;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using Xunit;
using static VSwitch.SystemTests.BlackBox.BenchPort;

namespace VSwitch.SystemTests.BlackBox;

/// <summary>Section A of the black-box cases: an ENI that goes and comes, and a table that overflows.</summary>
public sealed class LifecycleTests : IDisposable
{
    private const string IcmpFromA = "{ protocol: icmp, source: 10.1.0.10/32 }";
    private const string Page = "hello";
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-bb-").FullName;

    public LifecycleTests() => File.WriteAllText(Path.Combine(_folder, "page"), Page);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

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
            BenchProgram ping = bench.Network.Start(A, "ping", "-q", "-c", "100", "-i", ".05", "-W", "2", "10.1.1.10");
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
            (_, string output) = ping.Wait();
            Assert.True(output.Contains(" 0% packet loss", StringComparison.Ordinal), $"{output}\n{bench.Report()}");
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
        const long MemoryBytes = 512L << 20;
        var setup = new BenchSetup
        {
            Kernel = [B, C],
            Capacity = Capacity,
            RulesB = "{ protocol: tcp, ports: \"80\", source: 10.1.0.0/16 }",
            Timeouts = "tcpTransient: 2s",
        };
        // 7919 is prime: all ports come, in no order that a table could be lucky with.
        IEnumerable<byte[]> syns = Enumerable.Range(0, Flood).Select(i => Frames.Begin(A.To(B))
            .Tcp((ushort)(1024 + (i * 7919L % Ports)), 80, TcpBits.Syn, t => t with { Sequence = (uint)i * 77_777 })
            .Build());
        Bench.Run(setup, bench =>
        {
            bench.Network.Serve(B, _folder, 80);
            Assert.Equal((0, Page), Curl(bench));
            long memory = Process.GetCurrentProcess().WorkingSet64;
            int largest = 0;
            using var over = new ManualResetEventSlim(initialState: false);
            var curls = Task.Run(() => CurlUntil(over, bench));
            try
            {
                bench.SendAll(A, syns, PerSecond, () => largest = Math.Max(largest, bench.ConnectionCount));
            }
            finally
            {
                over.Set();
                curls.Wait();
            }

            // While it lasted, and at once after it.
            Assert.InRange(curls.Result.Count, 5, int.MaxValue);
            Assert.All(curls.Result, result => Assert.Equal((0, Page), result));
            Assert.Equal((0, Page), Curl(bench));

            // The oldest half-open connections of A made room, and nobody else's did.
            Assert.InRange(largest, 1, Capacity);
            long removed = bench.Host.Workers.Workers.Sum(w => w.Counters.FlowsRemoved);
            Assert.True(removed >= Flood - Capacity, $"{removed} connections removed; {bench.Report()}");
            Assert.Equal(0, bench.Drops(A, DropReason.ConnectionTableFull));
            Assert.Equal(0, bench.Drops(C, DropReason.ConnectionTableFull));
            Assert.InRange(Process.GetCurrentProcess().WorkingSet64 - memory, long.MinValue, MemoryBytes);
            bench.TakeAll(A);
        });
    }

    private static (int Exit, string Output) Curl(Bench bench) =>
        bench.Network.Run(C, "curl", "-s", "-m", "5", "http://10.1.0.11/page");

    /// <summary>A new connection every 0.2 s.</summary>
    private static List<(int Exit, string Output)> CurlUntil(ManualResetEventSlim over, Bench bench)
    {
        const int PauseMs = 200;
        var results = new List<(int, string)>();
        do
        {
            results.Add(Curl(bench));
        }
        while (!over.Wait(PauseMs));
        return results;
    }
}
