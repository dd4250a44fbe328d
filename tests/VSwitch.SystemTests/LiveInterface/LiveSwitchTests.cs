using System.Diagnostics;
using System.Text.Json;
using VSwitch.Live;
using Xunit;

namespace VSwitch.SystemTests.LiveInterface;

/// <summary>The program on live interfaces, as a user without rights outside a user namespace of his own starts
/// it.</summary>
public sealed class LiveSwitchTests : IDisposable
{
    private const string Yaml = """
        vpcs: [{ name: v, cidrs: [10.0.0.0/16], subnets: [{ name: s, cidrs: [10.0.0.0/24] }] }]
        securityGroups: [{ name: g, vpc: v, template: open }]
        enis:
          - { name: a, subnet: s, mac: "02:00:00:00:00:01", privateIps: [10.0.0.11], securityGroups: [g], device: { interface: s1QUEUES } }
          - { name: b, subnet: s, mac: "02:00:00:00:00:02", privateIps: [10.0.0.12], securityGroups: [g], device: { interface: s2QUEUES } }
        """;

    /// <summary>Words: the program, the configuration, the file for the summary.</summary>
    private const string Script = """
        set -e
        mount -t tmpfs none /run
        for n in 1 2; do
            ip netns add t$n
            ip link add s$n type veth peer name e$n netns t$n
            ip link set s$n up
            ip -n t$n link set e$n address 02:00:00:00:00:0$n
            ip -n t$n addr add 10.0.0.1$n/24 dev e$n
            ip -n t$n link set e$n up
        done
        dotnet "$1" run "$2" --json > "$3" & switch=$!
        trap 'kill -KILL $switch $server 2>/dev/null' EXIT
        until ip netns exec t1 ping -q -c 1 -W 1 10.0.0.12; do kill -0 $switch; done
        ip netns exec t2 iperf3 -s & server=$!
        until ip netns exec t2 ss -tln | grep -q :5201; do kill -0 $server; done
        ip netns exec t1 iperf3 -c 10.0.0.12 -n 100M --connect-timeout 5000
        ip netns exec t1 iperf3 -c 10.0.0.12 -n 100M -R --connect-timeout 5000
        kill -TERM $switch
        wait $switch
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-live-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [RootFact("unshare", "mount", "ping", "iperf3", "ss")]
    public void In_a_user_namespace_super_packets_pass_whole_both_ways()
    {
        foreach (string queues in (string[])["", ", queues: 1"])
        {
            string config = Path.Combine(_folder, "c.yaml");
            File.WriteAllText(config, Yaml.Replace("QUEUES", queues, StringComparison.Ordinal));
            string summary = Path.Combine(_folder, "summary.json");
            using Process process = Process.Start(new ProcessStartInfo(
                "unshare", ["-Urnm", "bash", "-c", Script, "live", typeof(SwitchHost).Assembly.Location, config, summary])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            Task<string> error = process.StandardError.ReadToEndAsync();
            bool ended = process.WaitForExit(TimeSpan.FromSeconds(120));
            if (!ended)
            {
                process.Kill(entireProcessTree: true);
            }

            Assert.True(ended && process.ExitCode == 0, output.Result + error.Result);
            using JsonDocument document = JsonDocument.Parse(File.ReadAllText(summary));
            foreach (string port in (string[])["a", "b"])
            {
                // 100 MB went each way; acknowledgements draw the mean down.
                JsonElement counters = document.RootElement.GetProperty("ports").GetProperty(port);
                long bytes = counters.GetProperty("receivedBytes").GetInt64();
                Assert.InRange(bytes, 100_000_000, 400_000_000);
                Assert.InRange(bytes / counters.GetProperty("received").GetInt64(), 3000, 65_535);
            }
        }
    }
}
