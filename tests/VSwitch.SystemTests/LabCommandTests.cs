using System.Diagnostics;
using System.Text.Json;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>vswitch lab as its user meets it: the program, a switch in the background, namespaces.</summary>
public sealed class LabCommandTests : IDisposable
{
    private const string Yaml = """
        internet:
          device: { tap: vstl-inet }
          addresses: [198.51.100.1/24]
          routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }]
          neighbors: { 198.51.100.254: "02:00:00:00:99:01" }
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16, "fd00:b::/48"]
            subnets:
              - { name: blue-a, cidrs: [10.0.1.0/24, "fd00:b:0:1::/64"] }
              - { name: blue-b, cidrs: [10.0.2.0/24] }
            routeTables: [{ name: m, main: true, routes: [{ destination: 0.0.0.0/0, target: internet }] }]
        securityGroups: [{ name: open, vpc: blue, template: open }]
        instances: [{ name: vstl1, vcpus: 2 }]
        enis:
          - { name: vstl1-eth0, instance: vstl1, primary: true, subnet: blue-a, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10, "fd00:b:0:1::10"], securityGroups: [open], device: { tap: vstl1-eth0 } }
          - { name: vstl1-eth1, instance: vstl1, subnet: blue-b, mac: "02:00:00:00:02:10", privateIps: [10.0.2.10], securityGroups: [open], device: { tap: vstl1-eth1 } }
          - { name: vstl2, subnet: blue-a, mac: "02:00:00:00:01:11", privateIps: [10.0.1.11, "fd00:b:0:1::11"], securityGroups: [open], device: { tap: vstl2 } }
        elasticIps: [{ name: e, address: 203.0.113.10, eni: vstl1-eth0 }]
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-lab-").FullName;
    private readonly string _config;

    public LabCommandTests()
    {
        _config = Path.Combine(_folder, "lab.yaml");
        File.WriteAllText(_config, Yaml);
    }

    public void Dispose()
    {
        VSwitch("lab", "down", _config);
        Directory.Delete(_folder, recursive: true);
    }

    [RootFact("ping")]
    public void A_lab_comes_up_carries_traffic_on_every_interface_and_leaves_nothing()
    {
        string before = Traces();
        (int exit, string output) = VSwitch("lab", "up", _config);
        Assert.True(exit == 0, output);
        Assert.Equal(0, Inside("vstl1", "ping", "-c", "1", "-W", "2", "10.0.1.11").Exit);
        Assert.Equal(0, Inside("vstl1", "ping", "-6", "-c", "1", "-W", "2", "fd00:b:0:1::11").Exit);
        Assert.Equal(0, Inside("internet", "ping", "-c", "1", "-W", "2", "203.0.113.10").Exit);
        // The answer must leave by the second interface: by the first its source would be dropped as spoofed.
        Assert.Equal(0, Inside("vstl2", "ping", "-c", "1", "-W", "2", "10.0.2.10").Exit);
        Assert.Equal(0, Inside("vstl1", "ping", "-I", "10.0.2.10", "-c", "1", "-W", "2", "10.0.1.11").Exit);
        Assert.Equal(7, Inside("vstl2", "sh", "-c", "exit 7").Exit);

        (exit, output) = VSwitch("lab", "up", _config);
        Assert.Equal(1, exit);
        Assert.Contains("the lab is up already", output, StringComparison.Ordinal);
        (exit, output) = VSwitch("lab", "exec", _config, "nobody", "--", "true");
        Assert.Equal(2, exit);
        Assert.Contains("the lab has no 'nobody'; it has vstl1,", output, StringComparison.Ordinal);

        (exit, output) = VSwitch("lab", "status", _config, "--json");
        Assert.Equal(0, exit);
        using (var status = JsonDocument.Parse(output))
        {
            JsonElement[] rows = [.. status.RootElement.GetProperty("interfaces").EnumerateArray()];
            Assert.Equal(4, rows.Length);
            Assert.All(rows, row => Assert.Equal("up", row.GetProperty("state").GetString()));
            Assert.Equal("10.0.1.10/24", rows[0].GetProperty("addresses")[0].GetString());
            (exit, output) = VSwitch("show", "enis", "--api", status.RootElement.GetProperty("api").GetString()!);
            Assert.True(exit == 0 && output.Contains("vstl1-eth1", StringComparison.Ordinal), output);
        }

        (exit, output) = VSwitch("lab", "down", _config);
        Assert.True(exit == 0, output);
        Assert.Contains("vstl1-eth0", output, StringComparison.Ordinal);
        Assert.Equal(before, Traces());
        Assert.Contains("was not up", VSwitch("lab", "down", _config).Output, StringComparison.Ordinal);
    }

    [RootFact]
    public void A_lab_whose_switch_was_killed_and_whose_configuration_is_gone_is_taken_down_all_the_same()
    {
        string before = Traces();
        Assert.Equal(0, VSwitch("lab", "up", _config).Exit);
        using (var status = JsonDocument.Parse(VSwitch("lab", "status", _config, "--json").Output))
        {
            using var victim = Process.GetProcessById(status.RootElement.GetProperty("switchPid").GetInt32());
            victim.Kill();
            Assert.True(victim.WaitForExit(10_000));
        }

        File.Delete(_config);
        Assert.Contains("missing", VSwitch("lab", "status", _config).Output, StringComparison.Ordinal);
        Assert.Equal(0, VSwitch("lab", "down", _config).Exit);
        Assert.Equal(before, Traces());
    }

    [RootFact]
    public void A_step_that_fails_undoes_all_before_it_and_a_namespace_of_others_is_left_alone()
    {
        string before = Traces();
        // The kernel refuses an IPv6 address on a link this small: the last ENI's step fails after all others went well.
        File.WriteAllText(_config, Yaml.Replace("tap: vstl2 }", "tap: vstl2 }, mtu: 600", StringComparison.Ordinal));
        (int exit, string output) = VSwitch("lab", "up", _config);
        Assert.Equal(1, exit);
        Assert.Contains("ip -n vs-vstl2 addr add fd00:b:0:1::11/64 dev vstl2 nodad: ", output, StringComparison.Ordinal);
        Assert.Equal(before, Traces());

        File.WriteAllText(_config, Yaml);
        Assert.Equal(0, Run("ip", "netns", "add", "vs-vstl2").Exit);
        try
        {
            (exit, output) = VSwitch("lab", "up", _config);
            Assert.Equal(1, exit);
            Assert.Contains("'vs-vstl2' is there already", output, StringComparison.Ordinal);
            Assert.Contains("vs-vstl2", Run("ip", "netns", "list").Output, StringComparison.Ordinal);
        }
        finally
        {
            Run("ip", "netns", "delete", "vs-vstl2");
        }

        Assert.Equal(before, Traces());
    }

    /// <summary>What a lab of this test could leave on the machine.</summary>
    private static string Traces()
    {
        string folder = "/run/vswitch";
        IEnumerable<string> files = Directory.Exists(folder) ? Directory.GetFiles(folder, "lab-*").Order(StringComparer.Ordinal) : [];
        IEnumerable<string> links = Directory.GetDirectories("/sys/class/net", "vstl*").Order(StringComparer.Ordinal);
        return string.Join('\n', files.Concat(links).Append(Run("ip", "netns", "list").Output));
    }

    private (int Exit, string Output) Inside(string name, params string[] command) =>
        VSwitch(["lab", "exec", _config, name, "--", .. command]);

    private static (int Exit, string Output) VSwitch(params string[] arguments) =>
        Run("dotnet", [Path.Combine(AppContext.BaseDirectory, "vswitch.dll"), .. arguments]);

    private static (int Exit, string Output) Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(60_000))
        {
            process.Kill(entireProcessTree: true);
            return (-1, $"{program} {string.Join(' ', arguments)}: no end within 60 s");
        }

        return (process.ExitCode, output.Result + error.Result);
    }
}
