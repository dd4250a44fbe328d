using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Xunit;

namespace VSwitch.SystemTests.Operating;

/// <summary>One session of an operator, from attaching an ENI to removing everything again, while others' traffic runs: none of
/// theirs is lost, and every change is seen in show, metrics, flow log and capture.</summary>
public sealed class OperatingSessionTests
{
    private const int Swaps = 100;
    private const int Rules = 10_000;
    private const string Prefix = "vsto-";

    private const string Yaml = """
        switch: { workers: 2 }
        internet:
          device: { tap: vsto-inet }
          addresses: [198.51.100.1/24]
          routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }]
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16]
            subnets: [{ name: blue-a, cidrs: [10.0.1.0/24] }]
            routeTables: [{ name: m, main: true, routes: [{ destination: 0.0.0.0/0, target: internet }] }]
        securityGroups:
          - { name: steady, vpc: blue, ingress: [{ protocol: all, source: "sg:steady" }] }
          - { name: bulk, vpc: blue, ingress: [] }
          - { name: web, vpc: blue, ingress: [{ protocol: tcp, ports: "80", source: 0.0.0.0/0 }] }
        enis:
          - { name: a, subnet: blue-a, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10], securityGroups: [steady, bulk], device: { tap: vsto-a } }
          - { name: b, subnet: blue-a, mac: "02:00:00:00:01:11", privateIps: [10.0.1.11], securityGroups: [steady, bulk], device: { tap: vsto-b } }
          - { name: c, subnet: blue-a, mac: "02:00:00:00:01:12", privateIps: [10.0.1.12], securityGroups: [web], device: { tap: vsto-c } }
        elasticIps:
          - { name: e-web, address: 203.0.113.10, eni: c }
        flowLogs:
          - { name: all, vpc: blue, interval: 1s, to: { file: "FOLDER/flow.log" },
              format: "${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${action} ${log-status} ${drop-reason}" }
        """;

    private const string GuestD = """
        { "name": "d", "subnet": "blue-a", "mac": "02:00:00:00:01:13", "privateIps": ["10.0.1.13"], "securityGroups": ["web"],
          "device": { "tap": "vsto-d" } }
        """;

    [RootFact("ping", "iperf3", "curl", "python3", "tshark")]
    public void A_session_changes_everything_under_traffic_and_loses_nothing_of_others()
    {
        using var lab = new OperatedSwitch(Yaml, Prefix);
        try
        {
            Run(lab);
        }
        finally
        {
            lab.RemoveGuest("d");
        }
    }

    private static void Run(OperatedSwitch lab)
    {
        string first = lab.Curl("GET", "/v1/config").Body;
        Traffic traffic = Traffic.Start(lab);
        string captured = Path.Combine(lab.Folder, "session.pcapng");
        Process capture = lab.StartVSwitch("capture", "-w", captured);
        OperatedSwitch.WaitUntil(() => File.Exists(captured) && new FileInfo(captured).Length > 0, "the capture to begin");

        AttachAnEni(lab);
        OpenAPort(lab);
        MoveAnEip(lab);
        ChangeABandwidth(lab);
        SwapRules(lab);
        RemoveEverything(lab);

        traffic.End();
        Assert.Equal(first, lab.Curl("GET", "/v1/config").Body);
        Assert.Equal(0, OperatedSwitch.Interrupt(capture));
        LookAtTheFlowLog(lab);
        LookAtTheCapture(captured);
    }

    private static void AttachAnEni(OperatedSwitch lab)
    {
        Assert.True(lab.Change("POST", "/v1/enis", GuestD).GetProperty("changed").GetBoolean());
        Assert.False(lab.Change("POST", "/v1/enis", GuestD).GetProperty("changed").GetBoolean());
        lab.AttachGuest("d", "vsto-d", "02:00:00:00:01:13", "10.0.1.13/24", "10.0.1.1");
        Assert.Equal("10.0.1.13", Named(lab.Show("enis"), "d").GetProperty("privateIps")[0].GetString());
        Assert.Equal(0, lab.Run("d", "ping", "-c", "1", "-W", "2", "10.0.1.1").Exit);
        Assert.True(lab.Metric("vswitch_port_received_packets_total", "port=\"d\"") > 0);
    }

    private static void OpenAPort(OperatedSwitch lab)
    {
        Serve(lab, "c", 8080);
        Assert.Equal(28, lab.Run("d", "curl", "-s", "-m", "1", "http://10.0.1.12:8080/name").Exit);
        Assert.True(lab.Metric("vswitch_drops_total", "port=\"d\"", "reason=\"security-group-ingress\"") > 0);
        JsonElement drop = List(lab.Show("drops")).First(d => d.GetProperty("reason").GetString() == "security-group-ingress");
        Assert.Contains("10.0.1.12:8080", drop.GetProperty("last").GetProperty("packet").GetString(), StringComparison.Ordinal);

        const string Rule = """{ "protocol": "tcp", "ports": "8080", "source": "10.0.1.0/24" }""";
        Assert.True(lab.Change("POST", "/v1/security-groups/web/ingress", Rule).GetProperty("changed").GetBoolean());
        Assert.Contains("8080", Named(lab.Show("groups"), "web").GetProperty("ingress").ToString(), StringComparison.Ordinal);
        Assert.Equal((0, "c"), lab.Run("d", "curl", "-s", "-m", "5", "http://10.0.1.12:8080/name"));
    }

    private static void MoveAnEip(OperatedSwitch lab)
    {
        Serve(lab, "c", 80);
        Serve(lab, "d", 80);
        Assert.Equal((0, "c"), lab.Run("internet", "curl", "-s", "-m", "5", "http://203.0.113.10/name"));
        lab.Change("PUT", "/v1/elastic-ips/e-web/association", """{ "eni": "d", "allowReassociation": true }""");
        Assert.Equal((0, "d"), lab.Run("internet", "curl", "-s", "-m", "5", "http://203.0.113.10/name"));
        Assert.Equal("d", Named(lab.Show("eips"), "e-web").GetProperty("eni").GetString());
        Assert.True(lab.Metric("vswitch_eip_received_packets_total", "eip=\"e-web\"") > 0);
    }

    private static void ChangeABandwidth(OperatedSwitch lab)
    {
        lab.Change("PATCH", "/v1/elastic-ips/e-web", """{ "bandwidth": "1Mbps" }""");
        Assert.Equal(1_000_000, Named(lab.Show("eips"), "e-web").GetProperty("bandwidth").GetInt64());
        Assert.Equal(28, lab.Run("internet", "curl", "-s", "-m", "2", "-o", "/dev/null", "http://203.0.113.10/large").Exit);
        Assert.True(lab.Metric("vswitch_drops_total", "reason=\"eip-bandwidth\"") > 0);
        lab.Change("PATCH", "/v1/elastic-ips/e-web", """{ "bandwidth": "1Gbps" }""");
        Assert.Equal(0, lab.Run("internet", "curl", "-s", "-m", "20", "-o", "/dev/null", "http://203.0.113.10/large").Exit);
    }

    private static void SwapRules(OperatedSwitch lab)
    {
        long revision = lab.Show("status").GetProperty("revision").GetInt64();
        string[] groups = [GroupOf(Rules, 0), GroupOf(Rules, 1)];
        for (int i = 0; i < Swaps; i++)
        {
            Assert.True(lab.Change("PUT", "/v1/security-groups/bulk", groups[i % 2]).GetProperty("changed").GetBoolean());
        }

        Assert.Equal(revision + Swaps, lab.Show("status").GetProperty("revision").GetInt64());
        Assert.Equal(Rules, Named(lab.Show("groups"), "bulk").GetProperty("ingress").GetArrayLength());
        Assert.Equal(revision + Swaps, lab.Metric("vswitch_configuration_revision"));
    }

    private static void RemoveEverything(OperatedSwitch lab)
    {
        lab.Change("PUT", "/v1/security-groups/bulk", """{ "name": "bulk", "vpc": "blue", "ingress": [] }""");
        lab.Change("PUT", "/v1/elastic-ips/e-web/association", """{ "eni": "c", "allowReassociation": true }""");
        lab.Change("PATCH", "/v1/elastic-ips/e-web", """{ "bandwidth": null }""");
        (int status, string body) = lab.Curl("DELETE", "/v1/security-groups/web");
        Assert.True(status is 409 or 422, $"a group in use is not removed: {status} {body}");
        lab.Change("DELETE", "/v1/enis/d");
        Assert.DoesNotContain(List(lab.Show("ports")), p => p.GetProperty("name").GetString() == "d");
        (int exit, string plan, string error) = lab.VSwitch("apply", lab.ConfigFile, "--dry-run");
        Assert.True(exit == 0, error);
        Assert.Contains("8080", plan, StringComparison.Ordinal);
        Assert.Equal(0, lab.VSwitch("apply", lab.ConfigFile).Exit);
    }

    private static void LookAtTheFlowLog(OperatedSwitch lab)
    {
        string[] lines = [];
        bool Has(params string[] words) => lines.Any(l => words.All(w => $" {l} ".Contains($" {w} ", StringComparison.Ordinal)));
        OperatedSwitch.WaitUntil(
            () =>
            {
                lines = File.ReadAllLines(Path.Combine(lab.Folder, "flow.log"));
                return Has("d", "10.0.1.13", "10.0.1.12", "8080", "ACCEPT") && Has("8080", "REJECT", "security-group-ingress") &&
                    Has("d", "80", "ACCEPT") && Has("REJECT", "eip-bandwidth");
            },
            "the flow log to tell of the port that was closed, then open, of the EIP at its new place and of its cap");
        Assert.DoesNotContain(lines, l => l.Contains("SKIPDATA", StringComparison.Ordinal));

        // What ran all the while between the two others: none of it was dropped.
        string[] steady = [.. lines.Where(l => l.Contains("10.0.1.10", StringComparison.Ordinal) && l.Contains("10.0.1.11", StringComparison.Ordinal))];
        Assert.NotEmpty(steady);
        Assert.All(steady, l => Assert.Contains(" ACCEPT ", l, StringComparison.Ordinal));
    }

    private static void LookAtTheCapture(string file)
    {
        using Process tshark = Process.Start(new ProcessStartInfo("tshark", ["-r", file, "-T", "fields", "-e", "frame.comment", "-e", "tcp.dstport"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> error = tshark.StandardError.ReadToEndAsync();
        string output = tshark.StandardOutput.ReadToEnd();
        tshark.WaitForExit();
        Assert.True(tshark.ExitCode == 0, error.Result);
        string[] lines = output.Split('\n');
        Assert.Contains(lines, l => l.Contains("security-group-ingress", StringComparison.Ordinal) && l.EndsWith("8080", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.Contains("eip-bandwidth", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.Contains("forwarded", StringComparison.Ordinal) && l.EndsWith("\t80", StringComparison.Ordinal));
    }

    /// <summary>What a document's one list has under a name.</summary>
    private static JsonElement Named(JsonElement document, string name) =>
        List(document).Single(e => e.GetProperty("name").GetString() == name);

    private static JsonElement.ArrayEnumerator List(JsonElement document) => document.EnumerateObject().Single().Value.EnumerateArray();

    private static void Serve(OperatedSwitch lab, string guest, int port)
    {
        string folder = Path.Combine(lab.Folder, guest);
        if (!Directory.Exists(folder))
        {
            Directory.CreateDirectory(folder);
            File.WriteAllText(Path.Combine(folder, "name"), guest);
            File.WriteAllBytes(Path.Combine(folder, "large"), new byte[4_000_000]);
        }

        lab.StartIn(guest, "python3", "-m", "http.server", port.ToString(CultureInfo.InvariantCulture), "--directory", folder);
        lab.WaitForListener(guest, port);
    }

    /// <summary>A group of many rules; two kinds that have none in common.</summary>
    private static string GroupOf(int rules, int kind)
    {
        var text = new StringBuilder("""{ "name": "bulk", "vpc": "blue", "ingress": [""");
        for (int i = 0; i < rules; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $$"""{{(i == 0 ? "" : ",")}}{"protocol":"tcp","ports":"{{1000 + i}}","source":"172.16.{{kind}}.{{i % 256}}/32"}""");
        }

        return text.Append("]}").ToString();
    }

    /// <summary>What runs all the while between two guests that no change is about: ping, and a TCP stream.</summary>
    private sealed class Traffic(OperatedSwitch lab, Process ping, Process stream)
    {
        public static Traffic Start(OperatedSwitch lab)
        {
            lab.StartIn("b", "iperf3", "-s");
            lab.WaitForListener("b", 5201);
            Process stream = lab.StartIn("a", "iperf3", "-c", "10.0.1.11", "-t", "600", "-b", "50M");
            Process ping = lab.StartIn("a", "ping", "-q", "-i", "0.01", "-W", "5", "10.0.1.11");
            stream.BeginOutputReadLine();
            OperatedSwitch.WaitUntil(
                () => lab.Metric("vswitch_port_forwarded_packets_total", "port=\"a\"") > 1000, "traffic between a and b");
            return new Traffic(lab, ping, stream);
        }

        /// <summary>Ends both; none of their packets may be missing.</summary>
        public void End()
        {
            Assert.False(stream.HasExited, "the stream's connection lives");
            long packets = (long)lab.Metric("vswitch_port_forwarded_packets_total", "port=\"a\"");
            OperatedSwitch.WaitUntil(
                () => lab.Metric("vswitch_port_forwarded_packets_total", "port=\"a\"") > packets + 100, "the stream to go on");
            Task<string> words = ping.StandardOutput.ReadToEndAsync();
            Assert.True(OperatedSwitch.Interrupt(ping) == 0, "ping saw answers");
            PingReport.AssertNothingLost(words.Result);
            OperatedSwitch.Interrupt(stream);
        }
    }
}
