using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using VSwitch.Api;
using VSwitch.Devices.Pcap;
using VSwitch.Live;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>Captures and mirrors of a switch at work, read by the programs that people use: tshark, tcpdump, curl.</summary>
public sealed class CaptureTests : IDisposable
{
    private const int LimitMs = 60_000;

    private const string Yaml = """
        vpcs: [{ name: v, cidrs: [10.8.0.0/16], subnets: [{ name: s, cidrs: [10.8.1.0/24] }] }]
        securityGroups:
          - { name: open, vpc: v, template: open }
          - { name: shut, vpc: v, ingress: [{ protocol: tcp, ports: "80", source: 0.0.0.0/0 }] }
        enis:
          - { name: cap-a, subnet: s, mac: "02:00:00:00:08:10", privateIps: [10.8.1.10], securityGroups: [open], device: { tap: vsc-a } }
          - { name: cap-b, subnet: s, mac: "02:00:00:00:08:11", privateIps: [10.8.1.11], securityGroups: [open], device: { tap: vsc-b } }
          - { name: cap-c, subnet: s, mac: "02:00:00:00:08:12", privateIps: [10.8.1.12], securityGroups: [shut], device: { tap: vsc-c } }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-capture-").FullName;

    private string Socket => Path.Combine(_folder, "api.sock");

    private string Program => $"dotnet {typeof(SwitchHost).Assembly.Location}";

    [RootFact("tshark", "ping")]
    public void Tshark_reads_verdict_and_reason_of_every_packet_from_the_pipe()
    {
        using var lab = new LabFixture(Yaml);
        using ApiServer api = Serve(lab);
        using Process shell = Shell(
            $"{Program} capture -w - --filter icmp --api unix:{Socket} | tshark -l -n -i - -c 7 -T fields -e frame.interface_name -e frame.packet_flags_direction -e icmp.type -e frame.comment");
        Task<string> output = shell.StandardOutput.ReadToEndAsync();
        Task<string> error = shell.StandardError.ReadToEndAsync();
        AwaitWatch(lab, watches: true);

        Assert.Equal(0, lab.Run("cap-a", "ping", "-c", "1", "-W", "2", "10.8.1.11").Exit);
        Assert.NotEqual(0, lab.Run("cap-a", "ping", "-c", "3", "-i", "0.2", "-W", "1", "10.8.1.12").Exit);

        Assert.True(shell.WaitForExit(LimitMs), "tshark has its 7 packets, and the capture notices that it went");
        string[] lines = [.. output.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => string.Join(' ', l.Split('\t'))).Order(StringComparer.Ordinal)];
        Assert.True(lines.Length == 7, output.Result + error.Result);
        Assert.Equal(3, lines.Count(l => l.StartsWith("cap-a ", StringComparison.Ordinal) && l.EndsWith(" 8 dropped: security-group-ingress", StringComparison.Ordinal)));
        Assert.Single(lines, l => l.StartsWith("cap-a ", StringComparison.Ordinal) && l.EndsWith(" 8 forwarded to cap-b", StringComparison.Ordinal));
        Assert.Single(lines, l => l.StartsWith("cap-b ", StringComparison.Ordinal) && l.EndsWith(" 8 forwarded from cap-a", StringComparison.Ordinal));
        Assert.Single(lines, l => l.StartsWith("cap-b ", StringComparison.Ordinal) && l.EndsWith(" 0 forwarded to cap-a", StringComparison.Ordinal));
        Assert.Single(lines, l => l.StartsWith("cap-a ", StringComparison.Ordinal) && l.EndsWith(" 0 forwarded from cap-b", StringComparison.Ordinal));
        Assert.Contains("packets captured, 0 lost", error.Result, StringComparison.Ordinal);
        AwaitWatch(lab, watches: false);
    }

    [RootFact("ping", "curl")]
    public void Interrupted_it_leaves_a_whole_file_and_says_the_counts_and_curl_shows_the_same()
    {
        using var lab = new LabFixture(Yaml);
        using ApiServer api = Serve(lab);
        string file = Path.Combine(_folder, "c.pcapng");
        string byCurl = Path.Combine(_folder, "curl.pcapng");
        using Process curl = Shell($"exec curl -sN --unix-socket {Socket} 'http://localhost/v1/capture?port=cap-a&filter=icmp&drops=true&count=2' -o {byCurl}");
        using Process capture = Shell($"exec {Program} capture cap-a --drops --filter icmp -w {file} --api unix:{Socket}");
        Task<string> error = capture.StandardError.ReadToEndAsync();
        Assert.True(SpinWait.SpinUntil(() => File.Exists(file) && new FileInfo(file).Length > 0, LimitMs), "the capture has begun");
        Assert.True(SpinWait.SpinUntil(() => File.Exists(byCurl) && new FileInfo(byCurl).Length > 0, LimitMs), "curl's, too");

        lab.Run("cap-a", "ping", "-c", "2", "-i", "0.2", "-W", "1", "10.8.1.12");
        Assert.True(SpinWait.SpinUntil(() => CommentsOf(file).Count == 2, LimitMs), "both are in the file while it goes on");
        Signal(capture, "INT");
        Assert.True(capture.WaitForExit(LimitMs), "it ends");
        Assert.True(curl.WaitForExit(LimitMs), "curl has its two");

        Assert.Equal(0, capture.ExitCode);
        Assert.Contains("2 packets captured, 0 lost", error.Result, StringComparison.Ordinal);
        Assert.Equal(["dropped: security-group-ingress", "dropped: security-group-ingress"], CommentsOf(file));
        Assert.Equal(["dropped: security-group-ingress", "dropped: security-group-ingress"], CommentsOf(byCurl));
    }

    [RootFact("ping")]
    public void Without_a_file_it_prints_a_line_a_packet_and_ends_after_as_many_as_asked_for()
    {
        using var lab = new LabFixture(Yaml);
        using ApiServer api = Serve(lab);
        using Process capture = Shell($"exec {Program} capture -c 1 --drops --filter 'host 10.8.1.12' --api unix:{Socket}");
        AwaitWatch(lab, watches: true);
        lab.Run("cap-a", "ping", "-c", "1", "-W", "1", "10.8.1.12");
        Assert.True(capture.WaitForExit(LimitMs), "it ends by itself");
        string line = capture.StandardOutput.ReadToEnd();
        Assert.Matches(@"^\d\d:\d\d:\d\d\.\d{6} cap-a in  icmp 10\.8\.1\.10 > 10\.8\.1\.12[^,]*, 98 bytes, dropped: security-group-ingress\n$", line);
        Assert.Equal("1 packets captured, 0 lost\n", capture.StandardError.ReadToEnd());
    }

    [RootFact]
    public void What_cannot_be_is_said_in_one_line()
    {
        using var lab = new LabFixture(Yaml);
        using ApiServer api = Serve(lab);
        foreach ((string words, string sentence) in new[]
        {
            ("--filter 'colour red'", "'colour' is no word of a filter"),
            ("--filter 'state established'", "'state' is for connections"),
            ("nobody", "there is no port 'nobody'"),
            ("--snaplen 3", "snaplen is from 14"),
            ("-w /nowhere/x", "/nowhere/x: cannot be created"),
        })
        {
            using Process capture = Shell($"exec {Program} capture {words} --api unix:{Socket}");
            string error = capture.StandardError.ReadToEnd();
            Assert.True(capture.WaitForExit(LimitMs), "it ends");
            Assert.Equal(1, capture.ExitCode);
            Assert.Contains(sentence, error, StringComparison.Ordinal);
            Assert.Single(error.TrimEnd('\n').Split('\n'));
        }
    }

    [RootFact("tcpdump", "ping")]
    public void A_mirror_shows_a_port_to_another_guest_and_to_a_file_and_comes_and_goes_with_the_configuration()
    {
        string file = Path.Combine(_folder, "mirror.pcapng");
        using var lab = new LabFixture(Yaml);
        using Process tcpdump = lab.Start("cap-c", "tcpdump", "-n", "-l", "--immediate-mode", "-i", "any", "icmp and host 10.8.1.11");
        string? said = "";
        while (said != null && !said.Contains("listening on", StringComparison.Ordinal))
        {
            said = tcpdump.StandardError.ReadLine();
        }

        Assert.NotNull(said);
        lab.Host.Apply(Parse(Yaml + $$"""

            mirrors:
              - { name: to-c, port: cap-a, filter: icmp, to: { port: cap-c } }
              - { name: to-file, port: cap-a, filter: icmp, direction: out, to: { file: {{file}} } }
            """));
        long sentToC = lab.Counters("cap-c").SentPackets;

        Assert.Equal(0, lab.Run("cap-a", "ping", "-c", "3", "-i", "0.2", "-W", "2", "10.8.1.11").Exit);

        Assert.True(SpinWait.SpinUntil(() => lab.Host.Mirrors.Readings.Select(m => m.Mirrored).SequenceEqual([6L, 3L]), LimitMs), $"port c has 6, the file 3: {string.Join(", ", lab.Host.Mirrors.Readings.Select(m => $"{m.Config.Name} {m.Mirrored} {m.Lost} {m.Problem}"))}");
        Assert.All(lab.Host.Mirrors.Readings, m => Assert.Equal((0L, null), (m.Lost, m.Problem)));
        Assert.Equal(sentToC, lab.Counters("cap-c").SentPackets);
        lab.Host.Apply(Parse(Yaml));
        Assert.Equal(0, lab.Run("cap-a", "ping", "-c", "1", "-W", "2", "10.8.1.11").Exit);
        Assert.Empty(lab.Host.Mirrors.Readings);

        // Its own ping comes after whatever was mirrored: once that is read, tcpdump has shown all that there is.
        Assert.Equal(0, lab.Run("cap-c", "ping", "-c", "1", "-W", "2", "10.8.1.11").Exit);
        var seen = new List<string>();
        while (seen.Count(l => l.Contains("10.8.1.12", StringComparison.Ordinal)) < 2 && tcpdump.StandardOutput.ReadLine() is string line)
        {
            seen.Add(line);
        }

        Signal(tcpdump, "INT");
        Assert.True(tcpdump.WaitForExit(LimitMs), "tcpdump ends");
        Assert.Equal(6, seen.Count(l => l.Contains("10.8.1.10", StringComparison.Ordinal) && l.Contains("ICMP echo", StringComparison.Ordinal)));
        Assert.Equal(["forwarded from cap-b", "forwarded from cap-b", "forwarded from cap-b"], CommentsOf(file));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private ApiServer Serve(LabFixture lab) => ApiServer.Start(
        ApiListener.Open(ApiAddress.Parse($"unix:{Socket}"), tokenFile: null), new SwitchControl(lab.Host), NullLoggerFactory.Instance);

    private static VSwitch.ControlPlane.Config.SwitchConfig Parse(string yaml)
    {
        VSwitch.ControlPlane.Config.ConfigResult result = VSwitch.ControlPlane.Config.ConfigReader.Parse("test.yaml", yaml);
        return result.Config ?? throw new InvalidOperationException(string.Join('\n', result.Errors));
    }

    private static void AwaitWatch(LabFixture lab, bool watches) => Assert.True(
        SpinWait.SpinUntil(() => lab.Host.Workers.Shared.Watch != null == watches, LimitMs), watches ? "the capture begins" : "the capture ends");

    private static List<string> CommentsOf(string file)
    {
        var comments = new List<string>();
        using CaptureReader reader = CaptureReader.Open(file);
        while (reader.TryReadNext(out CaptureRecord record))
        {
            comments.Add(System.Text.Encoding.UTF8.GetString(record.Comment));
        }

        return comments;
    }

    private static Process Shell(string command) => Process.Start(new ProcessStartInfo("sh", ["-c", command])
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    })!;

    private static void Signal(Process process, string name)
    {
        using Process kill = Process.Start("kill", [$"-{name}", process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }
}
