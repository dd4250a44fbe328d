using System.Diagnostics;
using System.Text;
using VSwitch.ControlPlane.Config;
using VSwitch.Lab;
using VSwitch.Live;

namespace VSwitch.SystemTests;

/// <summary>A switch at work and two namespaces: a guest whose interface has nothing but its MAC, and a peer that is set up by
/// hand. What clients of the guest learn, their scripts write into a folder; nothing outside the namespaces is touched.</summary>
internal sealed class GuestFixture : IDisposable
{
    public const string Tap = "vsd-g";
    public const string GatewayMac = "02:76:73:00:00:01";
    private const string Guest = "vsd-guest";
    private const string Peer = "vsd-peer";
    private const string PeerTap = "vsd-p";

    private const string Yaml = """
        vpcs:
          - name: v
            cidrs: [10.0.0.0/16, "fd00:a::/48"]
            dhcp: { dns: [10.0.2.10, "fd00:a:0:2::10"], domainName: lab.example, ntp: [10.0.2.10], leaseTime: 10m }
            subnets:
              - { name: near, cidrs: [10.0.1.0/25, "fd00:a:0:1::/64"] }
              - { name: far, cidrs: [10.0.2.0/24, "fd00:a:0:2::/64"] }
        securityGroups: [{ name: open, vpc: v, template: open }]
        instances: [{ name: vm1, vcpus: 2 }]
        enis:
          - { name: vm1-eth0, instance: vm1, primary: true, subnet: near, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10, "fd00:a:0:1::10", "fd00:a:0:1::11"], securityGroups: [open], mtu: 1400, device: { tap: vsd-g } }
          - { name: peer, subnet: far, mac: "02:00:00:00:02:10", privateIps: [10.0.2.10, "fd00:a:0:2::10"], securityGroups: [open], device: { tap: vsd-p } }
        """;

    /// <summary>For udhcpc and dhclient alike: sets up what the client was given, as the scripts that come with them do, but for
    /// the resolver; writes each call's variables into the folder, under the name of what happened.</summary>
    private const string Script = """
        #!/bin/sh
        mask_bits() { n=0; for o in $(echo "$1" | tr . ' '); do while [ "$o" -gt 0 ]; do n=$((n + o % 2)); o=$((o / 2)); done; done; echo $n; }
        what=${reason:-$1}
        dev=$interface
        case $what in
            deconfig|PREINIT) ip -4 addr flush dev "$dev"; ip link set dev "$dev" up ;;
            PREINIT6)
                ip link set dev "$dev" up
                tries=100
                while [ $tries -gt 0 ] && [ -z "$(ip -6 addr show dev "$dev" scope link -tentative)" ]; do tries=$((tries - 1)); sleep 0.1; done ;;
            bound|renew) address=$ip; bits=$mask; routers=$router; link_mtu=$mtu ;;
            BOUND|RENEW|REBIND|REBOOT) address=$new_ip_address; bits=$(mask_bits "$new_subnet_mask"); routers=$new_routers; link_mtu=$new_interface_mtu ;;
            BOUND6) ip -6 addr replace "$new_ip6_address/$new_ip6_prefixlen" dev "$dev" ;;
        esac
        if [ -n "$address" ]; then
            ip -4 addr replace "$address/$bits" dev "$dev"
            [ -z "$link_mtu" ] || ip link set dev "$dev" mtu "$link_mtu"
            for r in $routers; do ip -4 route replace default via "$r" dev "$dev"; done
        fi
        set >> "FOLDER/$what.new"
        mv "FOLDER/$what.new" "FOLDER/$what.$(date +%s%N)"
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-guest-").FullName;
    private readonly List<Process> _processes = [];
    private readonly SwitchHost _host;

    public GuestFixture()
    {
        ConfigResult result = ConfigReader.Parse("guest.yaml", Yaml);
        SwitchConfig config = result.Config ?? throw new InvalidOperationException(string.Join('\n', result.Errors));
        RemoveNamespaces();
        File.WriteAllText(ScriptPath, Script.Replace("FOLDER", _folder, StringComparison.Ordinal));
        using (Process chmod = Process.Start("chmod", ["700", ScriptPath]))
        {
            chmod.WaitForExit();
        }

        _host = new SwitchHost(config, workers: 2);
        try
        {
            SetUp();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string ScriptPath => Path.Combine(_folder, "script");

    /// <summary>A path for a file of the test.</summary>
    public string PathOf(string name) => Path.Combine(_folder, name);

    /// <summary>Runs a program in the guest, to its end or a limit.</summary>
    public (int Exit, string Output) Run(params string[] command)
    {
        using Process process = Process.Start(Begin(command))!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(30_000))
        {
            process.Kill(entireProcessTree: true);
            return (-1, "no end within 30 s");
        }

        return (process.ExitCode, output.Result + error.Result);
    }

    /// <summary>Starts a program in the guest that runs until the test ends; what it says is kept.</summary>
    public GuestProcess Start(params string[] command)
    {
        Process process = Process.Start(Begin(command))!;
        _processes.Add(process);
        return new GuestProcess(process);
    }

    /// <summary>Waits until the script was called for a reason, and gives the variables of its latest such call.</summary>
    public Dictionary<string, string> WaitForCall(string reason, GuestProcess client, int calls = 1)
    {
        string[] Found() => [.. Directory.GetFiles(_folder, reason + ".*").Where(f => !f.EndsWith(".new", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        bool came = SpinWait.SpinUntil(() => Found().Length >= calls, TimeSpan.FromSeconds(30));
        return came
            ? File.ReadAllLines(Found()[^1]).Select(line => line.Split('=', 2)).Where(p => p.Length == 2)
                .GroupBy(p => p[0]).ToDictionary(g => g.Key, g => g.Last()[1].Trim('\''))
            : throw new InvalidOperationException($"no {reason}: {client.Said}");
    }

    public void Dispose()
    {
        foreach (Process process in _processes)
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }

            process.WaitForExit();
            process.Dispose();
        }

        RemoveNamespaces();
        _host.Free();
        Directory.Delete(_folder, recursive: true);
    }

    private static void SetUp()
    {
        foreach ((string name, string tap, string mac) in new[] { (Guest, Tap, "02:00:00:00:01:10"), (Peer, PeerTap, "02:00:00:00:02:10") })
        {
            LabProcess.Ip("netns", "add", name);
            LabProcess.Ip("link", "set", "dev", tap, "netns", name);
            LabProcess.Ip("-n", name, "link", "set", "dev", "lo", "up");
            LabProcess.Ip("-n", name, "link", "set", "dev", tap, "address", mac);
        }

        foreach (string command in new[]
        {
            "addr add 10.0.2.10/24 dev vsd-p", "addr add fd00:a:0:2::10/64 dev vsd-p nodad", "link set dev vsd-p up",
            "route add default via 10.0.2.1", "-6 route add default via fd00:a:0:2::1",
        })
        {
            LabProcess.Ip(["-n", Peer, .. command.Split(' ')]);
        }
    }

    private static ProcessStartInfo Begin(string[] command) => new("ip", ["netns", "exec", Guest, .. command])
    {
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    };

    private static void RemoveNamespaces()
    {
        LabProcess.TryIp("netns", "delete", Guest);
        LabProcess.TryIp("netns", "delete", Peer);
    }
}

/// <summary>A program at work in the guest, and what it said so far.</summary>
internal sealed class GuestProcess
{
    private readonly StringBuilder _said = new();

    public GuestProcess(Process process)
    {
        Process = process;
        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public Process Process { get; }

    public string Said
    {
        get
        {
            lock (_said)
            {
                return _said.ToString();
            }
        }
    }

    /// <summary>Waits until it has said something.</summary>
    public void WaitFor(string words)
    {
        if (!SpinWait.SpinUntil(() => Said.Contains(words, StringComparison.Ordinal), TimeSpan.FromSeconds(20)))
        {
            throw new InvalidOperationException($"'{words}' was not said, but: {Said}");
        }
    }

    private void Keep(string? line)
    {
        lock (_said)
        {
            _said.AppendLine(line);
        }
    }
}
