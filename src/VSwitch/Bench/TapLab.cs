using System.Globalization;
using System.Text;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.Lab;
using VSwitch.Live;

namespace VSwitch.Bench;

/// <summary>A switch at work with two TAPs, each in a network namespace of its own: a client's and a server's. Disposed, nothing
/// of it stays.</summary>
internal sealed class TapLab : IDisposable
{
    private const string Prefix = "vswb-";
    private const string Client = "client";
    private const string Server = "server";
    private const string ServerAddress = "10.0.0.11";
    private const string ElasticIp = "203.0.113.10";
    private const int FillerRules = 24;
    private readonly LabPlan _plan;
    private readonly SwitchHost _host;

    /// <summary>Makes it.</summary>
    /// <param name="scenario">l2: two ENIs of a subnet, everything allowed; sg: the same with <see cref="Rules"/> rules in each
    /// direction; eip: from the outside to an elastic IP, the same rules.</param>
    /// <param name="workers">Worker threads; null = one a processor.</param>
    /// <exception cref="DeviceException">A TAP cannot be made.</exception>
    /// <exception cref="IOException">A namespace cannot be made; nothing stays.</exception>
    public TapLab(BenchScenario scenario, int? workers = null)
    {
        string name = scenario.ToString().ToLowerInvariant();
        ConfigResult result = ConfigReader.Parse($"bench-{name}.yaml", Yaml(scenario));
        SwitchConfig config = result.Config ?? throw new ArgumentException(string.Join(Environment.NewLine, result.Errors), nameof(scenario));
        _plan = new LabPlan(config, Prefix);
        bool isEip = scenario == BenchScenario.Eip;
        (ClientNamespace, ServerNamespace) = (_plan.NamespaceOf(isEip ? LabPlan.Outside : Client), _plan.NamespaceOf(Server));
        Target = isEip ? ElasticIp : ServerAddress;
        // Before the TAPs: a host that cannot have its names would have to be taken down again.
        LabRunner.RefuseTaken(_plan.Namespaces);
        _host = new SwitchHost(config, workers);
        try
        {
            LabRunner.Attach(_plan);
        }
        catch
        {
            _host.Free();
            throw;
        }
    }

    /// <summary>Rules of the group in each direction, where there are rules; the last two of them match the traffic.</summary>
    public const int Rules = (2 * FillerRules) + 2;

    /// <summary>Ports that the rules allow, for TCP and UDP.</summary>
    public const int FirstPort = 5201;

    /// <summary>The last of them.</summary>
    public const int LastPort = 9300;

    /// <summary>Namespace of who opens connections.</summary>
    public string ClientNamespace { get; }

    /// <summary>Namespace of who answers.</summary>
    public string ServerNamespace { get; }

    /// <summary>The server's address as the client sees it.</summary>
    public string Target { get; }

    /// <summary>What ended a worker, which is an error of ours; null while all is well.</summary>
    public Exception? Failure => _host.Failure;

    /// <inheritdoc/>
    public void Dispose()
    {
        LabRunner.Detach(_plan);
        _host.Free();
    }

    private static string Yaml(BenchScenario scenario)
    {
        bool isEip = scenario == BenchScenario.Eip;
        string routes = isEip ? ", routes: [{ destination: 0.0.0.0/0, target: internet }]" : "";
        var yaml = new StringBuilder();
        if (isEip)
        {
            yaml.AppendLine(CultureInfo.InvariantCulture, $$"""
                internet:
                  device: { tap: vswb-outside, offload: true }
                  addresses: [198.51.100.1/24]
                  routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }]
                  neighbors: { 198.51.100.254: "02:00:00:00:99:01" }
                elasticIps: [{ name: eip, address: {{ElasticIp}}, eni: {{Server}} }]
                """);
        }

        yaml.AppendLine(CultureInfo.InvariantCulture, $$"""
            vpcs:
              - name: bench
                cidrs: [10.0.0.0/16]
                subnets: [{ name: one, cidrs: [10.0.0.0/24] }]
                routeTables: [{ name: main, main: true{{routes}} }]
            enis:
              - { name: {{Server}}, subnet: one, mac: "02:00:00:00:00:02", privateIps: [{{ServerAddress}}], securityGroups: [guests], device: { tap: vswb-server, offload: true } }
            """);
        if (!isEip)
        {
            yaml.AppendLine(CultureInfo.InvariantCulture, $$"""
                  - { name: {{Client}}, subnet: one, mac: "02:00:00:00:00:01", privateIps: [10.0.0.10], securityGroups: [guests], device: { tap: vswb-client, offload: true } }
                """);
        }

        return yaml.Append(Groups(scenario)).ToString();
    }

    private static string Groups(BenchScenario scenario)
    {
        if (scenario == BenchScenario.L2)
        {
            return "securityGroups: [{ name: guests, vpc: bench, template: open }]";
        }

        var yaml = new StringBuilder("securityGroups:\n  - name: guests\n    vpc: bench\n");
        foreach ((string direction, string peer) in ((string, string)[])[("ingress", "source"), ("egress", "destination")])
        {
            yaml.Append(CultureInfo.InvariantCulture, $"    {direction}:\n");
            for (int i = 0; i < FillerRules; i++)
            {
                yaml.Append(CultureInfo.InvariantCulture, $"      - {{ protocol: tcp, ports: {8000 + i}, {peer}: 172.16.{i}.0/24 }}\n");
                yaml.Append(CultureInfo.InvariantCulture, $"      - {{ protocol: udp, ports: {8000 + i}, {peer}: 172.17.{i}.0/24 }}\n");
            }

            yaml.Append(CultureInfo.InvariantCulture, $"      - {{ protocol: tcp, ports: {FirstPort}-{LastPort}, {peer}: 0.0.0.0/0 }}\n");
            yaml.Append(CultureInfo.InvariantCulture, $"      - {{ protocol: udp, ports: {FirstPort}-{LastPort}, {peer}: 0.0.0.0/0 }}\n");
        }

        return yaml.ToString();
    }
}
