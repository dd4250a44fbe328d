using System.Diagnostics;
using System.Text.Json;
using Xunit;

namespace VSwitch.SystemTests.LiveInterface;

/// <summary>The program between two guests, each on a veth of its own, as a user without rights outside a user namespace of his own starts
/// it: ping, and 100 MB by iperf3 each way.</summary>
internal static class UserNamespaceRun
{
    private const string Yaml = """
        vpcs: [{ name: v, cidrs: [10.0.0.0/16], subnets: [{ name: s, cidrs: [10.0.0.0/24] }] }]
        securityGroups: [{ name: g, vpc: v, template: open }]
        enis:
          - { name: a, subnet: s, mac: "02:00:00:00:00:01", privateIps: [10.0.0.11], securityGroups: [g], device: { KIND: s1OPTIONS } }
          - { name: b, subnet: s, mac: "02:00:00:00:00:02", privateIps: [10.0.0.12], securityGroups: [g], device: { KIND: s2OPTIONS } }
        """;

    /// <summary>Words: the program, the configuration, the file for the summary, what is switched off at the guests' interfaces.</summary>
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
            for off in $4; do ip netns exec t$n ethtool -K e$n $off off; done
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

    /// <summary>Runs it.</summary>
    /// <param name="program">The program's assembly.</param>
    /// <param name="kind">Kind of the ports' devices.</param>
    /// <param name="options">What stands behind a device's name.</param>
    /// <param name="off">Features that are switched off at the guests' interfaces, by blanks.</param>
    /// <returns>The closing summary.</returns>
    public static JsonDocument Run(string program, string kind, string options = "", string off = "")
    {
        string folder = Directory.CreateTempSubdirectory("vswitch-live-").FullName;
        try
        {
            string config = Path.Combine(folder, "c.yaml");
            File.WriteAllText(config, Yaml.Replace("KIND", kind, StringComparison.Ordinal).Replace("OPTIONS", options, StringComparison.Ordinal));
            string summary = Path.Combine(folder, "summary.json");
            using Process process = Process.Start(new ProcessStartInfo("unshare", ["-Urnm", "bash", "-c", Script, "live", program, config, summary, off])
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
            return JsonDocument.Parse(File.ReadAllText(summary));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Bytes and frames that came in by the ports.</summary>
    public static IEnumerable<(long Bytes, long Frames)> Received(JsonDocument summary) => ((string[])["a", "b"]).Select(port =>
    {
        JsonElement counters = summary.RootElement.GetProperty("ports").GetProperty(port);
        return (counters.GetProperty("receivedBytes").GetInt64(), counters.GetProperty("received").GetInt64());
    });
}
