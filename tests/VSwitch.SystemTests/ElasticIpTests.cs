using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.State;
using VSwitch.DataPlane.Probes;
using VSwitch.DataPlane.Workers;
using VSwitch.Live;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.SystemTests;

/// <summary>Elastic IPs with real guests: an EIP that drifts under 200 new connections a second, by hand and by its health check; its
/// announcements; its bandwidth by iperf3.</summary>
public class ElasticIpTests(ITestOutputHelper output)
{
    private const string Yaml = """
        internet:
          device: { tap: vst-inet }
          addresses: [198.51.100.1/24]
          routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }]
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16]
            subnets: [{ name: blue-a, cidrs: [10.0.1.0/24] }]
            routeTables: [{ name: m, main: true, routes: [{ destination: 0.0.0.0/0, target: internet }] }]
        securityGroups:
          - { name: web, vpc: blue, ingress: [{ protocol: tcp, ports: "80,5201", source: 0.0.0.0/0 }] }
        enis:
          - { name: a, subnet: blue-a, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10], securityGroups: [web], device: { tap: vst-a } }
          - { name: b, subnet: blue-a, mac: "02:00:00:00:01:11", privateIps: [10.0.1.11], securityGroups: [web], device: { tap: vst-b } }
        elasticIps:
          - { name: front, address: 198.51.100.10, eni: a, standby: [{ eni: b }], bandwidth: 20Mbps, bandwidthIn: 20Mbps, CHECK }
        """;

    private const string Check = "healthCheck: { protocol: tcp, port: 80, interval: 200ms, timeout: 100ms, unhealthy: 2 }";

    /// <summary>Answers each line with its name, for as long as the client wants.</summary>
    private const string Server = """
        import asyncio, sys
        async def serve(reader, writer):
            try:
                while await reader.readline():
                    writer.write(sys.argv[1].encode() + b"\n")
                    await writer.drain()
            except OSError:
                pass
            writer.close()
        async def main():
            server = await asyncio.start_server(serve, "0.0.0.0", 80, backlog=1024)
            await server.serve_forever()
        asyncio.run(main())
        """;

    /// <summary>Opens 200 connections a second, each with one question, until a line comes in; five more go on asking. Says when all
    /// five are under way and a server has answered 100 others, and at the end of each when it began and ended on the machine's
    /// monotonic clock, and who answered.</summary>
    private const string Client = """
        import asyncio, json, sys, time
        ends, steady, stop, asked, answered = [], [], False, 0, {}
        def count(who):
            answered[who] = answered.get(who, 0) + 1
            if answered[who] == 100: print(who, 100, flush=True)
        async def once():
            begun, who, writer = time.monotonic(), "", None
            try:
                reader, writer = await asyncio.wait_for(asyncio.open_connection("198.51.100.10", 80), 5)
                writer.write(b"?\n")
                who = (await asyncio.wait_for(reader.readline(), 5)).decode().strip()
            except Exception as e:
                who = type(e).__name__
            if writer: writer.close()
            if asked == 5: count(who)
            ends.append((begun, time.monotonic(), who))
        async def forever():
            global asked
            answers, how = [], "lives"
            reader, writer = await asyncio.open_connection("198.51.100.10", 80)
            try:
                while not stop:
                    writer.write(b"?\n")
                    line = await asyncio.wait_for(reader.readline(), 5)
                    if not line: how = "closed"; break
                    answers.append(line.decode().strip())
                    if len(answers) == 1: asked += 1
                    await asyncio.sleep(0.05)
            except Exception as e:
                how = type(e).__name__
            steady.append((how, sorted(set(answers)), time.monotonic()))
        async def main():
            global stop
            tasks = [asyncio.create_task(forever()) for _ in range(5)]
            line = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
            next = time.monotonic()
            while not line.done():
                tasks.append(asyncio.create_task(once()))
                next += 0.005
                await asyncio.sleep(max(0, next - time.monotonic()))
            stop = True
            await asyncio.gather(*tasks)
            print(json.dumps({"ends": ends, "steady": steady}))
        asyncio.run(main())
        """;

    /// <summary>Says each announcement (sender = target) of the EIP that comes by.</summary>
    private const string Listener = """
        import socket
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
        print("ready", flush=True)
        while True:
            f = s.recv(2048)
            if f[28:32] == f[38:42] == socket.inet_aton("198.51.100.10"):
                print(f[0:6].hex(), f[22:28].hex(), flush=True)
        """;

    private static double NowSeconds => Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency;

    [RootFact("python3")]
    public void By_hand_the_EIP_goes_on_at_its_standby_and_no_connection_is_stale()
    {
        using var bed = new Bed(Yaml.Replace(", CHECK", "", StringComparison.Ordinal), isDrifting: false);
        bed.Begin();
        double askedAt = NowSeconds;
        bed.Associate("b");
        double doneAt = NowSeconds;
        Course course = bed.End();
        Report("by hand", course, doneAt);
        AssertNotStale(course, doneAt);
        Assert.All(course.Ends.Where(e => e.Who == "b"), e => Assert.True(e.Ended >= askedAt, "the standby answered nothing before it had the EIP"));
        Assert.Equal(1, bed.Host.Moves.Of("front"));
    }

    [RootFact("python3")]
    public void When_the_holders_server_dies_the_health_check_moves_the_EIP()
    {
        using var bed = new Bed(Yaml.Replace("CHECK", Check, StringComparison.Ordinal), isDrifting: true);
        bed.WaitForHealth();
        bed.Begin();
        double killedAt = NowSeconds;
        bed.KillServerOfA();
        double movedAt = bed.WaitForMove(killedAt);
        Course course = bed.End();
        Report("server killed", course, killedAt, movedAt);
        AssertNotStale(course, movedAt);
        Assert.Contains(course.Ends, e => e.Who == "b");
        Assert.Equal(ChangeOrigin.HealthCheck, bed.Control.Ledger.History.Page(1, before: null)[0].By);
    }

    [RootFact("python3")]
    public void When_the_holders_link_goes_down_the_health_check_moves_the_EIP_and_fails_back()
    {
        using var bed = new Bed(Yaml.Replace("CHECK", Check + ", failback: true", StringComparison.Ordinal), isDrifting: true);
        bed.WaitForHealth();
        bed.Begin();
        double downAt = NowSeconds;
        Assert.Equal(0, bed.Lab.Run("a", "ip", "link", "set", "vst-a", "down").Exit);
        double movedAt = bed.WaitForMove(downAt);
        Course course = bed.End();
        Report("link down", course, downAt, movedAt);
        AssertNotStale(course, movedAt);

        Assert.Equal("a", bed.Host.Config.ElasticIps[0].Home?.Eni);
        Assert.Equal(0, bed.Lab.Run("a", "ip", "link", "set", "vst-a", "up").Exit);
        Assert.True(SpinWait.SpinUntil(() => bed.Host.Moves.Of("front") == 2, TimeSpan.FromSeconds(20)), "it goes back");
        Assert.True(bed.Host.Config.ElasticIps[0] is { Eni: "a", Home: null });
    }

    [RootFact("python3")]
    public void A_bound_EIP_is_announced_on_the_internet_side()
    {
        using var bed = new Bed(Yaml.Replace(", CHECK", "", StringComparison.Ordinal), isDrifting: true);
        Process listener = bed.Python("internet", Listener);
        Assert.Equal("ready", listener.StandardOutput.ReadLine());
        string expected = "ffffffffffff " + bed.Host.Config.Internet!.Mac.ToString().Replace(":", "", StringComparison.Ordinal);
        bed.Associate("b");
        Assert.Equal(expected, listener.StandardOutput.ReadLine());
        Assert.Equal(expected, listener.StandardOutput.ReadLine());
    }

    [RootFact("iperf3")]
    public void Iperf3_gets_the_bandwidth_each_way()
    {
        using var bed = new Bed(Yaml.Replace(", CHECK", "", StringComparison.Ordinal), isDrifting: false);
        foreach (string way in (string[])["", "-R"])
        {
            using Process server = bed.Lab.Start("a", "iperf3", "-s", "-1");
            bed.Lab.WaitForListener("a", 5201);
            (int exit, string text) = bed.Lab.Run(
                "internet", ["iperf3", "-c", "198.51.100.10", "-t", "3", "-J", "--connect-timeout", "5000", .. way.Length > 0 ? new[] { way } : []]);
            Assert.True(exit == 0, text);
            server.WaitForExit(10_000);
            double rate = JsonDocument.Parse(text).RootElement.GetProperty("end").GetProperty("sum_received").GetProperty("bits_per_second").GetDouble();
            output.WriteLine($"iperf3 {way}: {rate / 1e6:0.0} of 20 Mbit/s");

            // On a machine that others use TCP may not come up to a bandwidth that drops what is over it. JD Cloud's own tolerance is
            // 75 to 150 %.
            Assert.InRange(rate, 1e6, 1.5 * 20e6);
        }
    }

    /// <summary>Once the EIP has moved nobody is answered by its former holder, and the connections that it had are over.</summary>
    private static void AssertNotStale(Course course, double movedAt)
    {
        Assert.All(course.Ends.Where(e => e.Begun > movedAt), e => Assert.NotEqual("a", e.Who));
        Assert.Contains(course.Ends, e => e.Begun > movedAt && e.Who == "b");
        Assert.Equal(5, course.Steady.Count);
        Assert.All(course.Steady, s => Assert.Equal("a", s.Who));
        Assert.All(course.Steady, s => Assert.NotEqual("lives", s.How));
    }

    private void Report(string what, Course course, double faultAt, double? movedAt = null)
    {
        double lastOfA = course.Ends.Where(e => e.Who == "a").Max(e => e.Ended);
        double firstOfB = course.Ends.Where(e => e.Who == "b").Min(e => e.Ended);
        int lost = course.Ends.Count(e => e.Who is not ("a" or "b"));
        int late = course.Ends.Count(e => e.Who == "b" && e.Begun < firstOfB - 0.5);
        double seconds = course.Ends.Max(e => e.Begun) - course.Ends.Min(e => e.Begun);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{what}: {course.Ends.Count / seconds:0} connections/s; gap {(firstOfB - lastOfA) * 1000:0.0} ms from the last answer of a to the first of b; " +
            $"{(movedAt is double moved ? $"moved {(moved - faultAt) * 1000:0} ms after the fault; " : "")}" +
            $"{lost} connections refused or reset, {late} answered only after a SYN sent again; {course.Steady.Count} steady ones ended by " +
            $"{string.Join('+', course.Steady.Select(s => s.How).Distinct())}, the last {(course.Steady.Max(s => s.Ended) - (movedAt ?? faultAt)) * 1000:0} ms after the move"));
    }

    private sealed record End(double Begun, double Ended, string Who);

    private sealed record Steady(string How, string Who, double Ended);

    private sealed record Course(IReadOnlyList<End> Ends, IReadOnlyList<Steady> Steady);

    private sealed class Bed : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-eip-").FullName;
        private readonly List<Process> _processes = [];
        private readonly DriftService? _drift;
        private readonly Process _serverOfA;
        private Process? _client;

        public Bed(string yaml, bool isDrifting)
        {
            Lab = new LabFixture(yaml);
            Control = new SwitchControl(Host);
            _serverOfA = Python("a", Server, "a");
            Python("b", Server, "b");
            Lab.WaitForListener("a", 80);
            Lab.WaitForListener("b", 80);
            _drift = isDrifting ? new DriftService(Control, NullLogger.Instance) : null;
        }

        public LabFixture Lab { get; }

        public SwitchHost Host => Lab.Host;

        public SwitchControl Control { get; }

        public Process Python(string instance, string script, params string[] words)
        {
            string file = Path.Combine(_folder, $"{_processes.Count}.py");
            File.WriteAllText(file, script);
            Process process = Lab.StartWithInput(instance, ["python3", file, .. words]);
            _processes.Add(process);
            return process;
        }

        public void Associate(string eni) => Control.ChangeAsync(new ChangeRequest(c => c with
        {
            ElasticIps = [new EipAssociation(eni, null, null, null).Of(c.ElasticIps[0], c)],
        })).GetAwaiter().GetResult();

        /// <summary>Waits until both are known to be well.</summary>
        public void WaitForHealth()
        {
            ProbeTable probes = Host.Workers.Shared.Probes;
            Assert.True(
                SpinWait.SpinUntil(() => probes.HealthOf(1) == ProbeHealth.Healthy && probes.HealthOf(2) == ProbeHealth.Healthy, TimeSpan.FromSeconds(20)),
                "both servers answer the health check");
        }

        /// <summary>Starts the client, and waits until it is served.</summary>
        public void Begin()
        {
            _client = Python("internet", Client);
            Assert.Equal("a 100", _client.StandardOutput.ReadLine());
        }

        public double WaitForMove(double faultAt)
        {
            Assert.True(SpinWait.SpinUntil(() => Host.Moves.Of("front") == 1, TimeSpan.FromSeconds(20)), "the EIP moves");
            double movedAt = NowSeconds;

            // Two questions 200 ms apart and 100 ms for an answer; the rest is this machine's leave to be busy.
            Assert.InRange(movedAt - faultAt, 0, (2 * 0.2) + 0.1 + 10);
            return movedAt;
        }

        public void KillServerOfA() => End(_serverOfA);

        public static void End(Process process)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
        }

        /// <summary>Lets the client go on until the standby has answered it, and hears what came of it.</summary>
        public Course End()
        {
            string? said = _client!.StandardOutput.ReadLine();
            for (; said != null && said != "b 100"; said = _client.StandardOutput.ReadLine())
            {
                Assert.DoesNotContain("{", said, StringComparison.Ordinal);
            }

            _client.StandardInput.WriteLine();
            JsonElement result = JsonDocument.Parse(_client.StandardOutput.ReadToEnd()).RootElement;
            return new Course(
                [.. result.GetProperty("ends").EnumerateArray().Select(e => new ElasticIpTests.End(e[0].GetDouble(), e[1].GetDouble(), e[2].GetString()!))],
                [.. result.GetProperty("steady").EnumerateArray().Select(s => new Steady(
                    s[0].GetString()!, string.Join(',', s[1].EnumerateArray().Select(w => w.GetString())), s[2].GetDouble()))]);
        }

        public void Dispose()
        {
            _drift?.Dispose();
            foreach (Process process in _processes)
            {
                if (!process.HasExited)
                {
                    End(process);
                }

                process.Dispose();
            }

            Lab.Dispose();
            Directory.Delete(_folder, recursive: true);
        }
    }
}
