namespace VSwitch.SystemTests.BlackBox;

/// <summary>What a case adds to the bench: rules, timers, which ports have a kernel's own stack. Everything else is
/// fixed.</summary>
internal sealed record BenchSetup
{
    /// <summary>Ports whose namespace has the IP address and routes; the others are raw.</summary>
    public IReadOnlyList<BenchPort> Kernel { get; init; } = [];

    /// <summary>Ingress rules of the group of port A, as YAML in braces, comma separated.</summary>
    public string RulesA { get; init; } = "";

    public string RulesB { get; init; } = "";

    public string RulesC { get; init; } = "";

    public string RulesD { get; init; } = "";

    public string RulesE { get; init; } = "";

    /// <summary>Keys for the group of B: <c>liveConnections: cut</c>.</summary>
    public string GroupB { get; init; } = "";

    /// <summary>Keys for all ENIs: <c>tcp: loose</c>.</summary>
    public string EveryEni { get; init; } = "";

    /// <summary>Keys for the ENI B.</summary>
    public string EniB { get; init; } = "";

    /// <summary>Keys for the subnet of C.</summary>
    public string SubnetOfC { get; init; } = "";

    /// <summary>Keys for the ENI C.</summary>
    public string EniC { get; init; } = "";

    /// <summary>Keys for the internet side.</summary>
    public string Internet { get; init; } = "";

    /// <summary>Network ACLs, as YAML in braces, comma separated.</summary>
    public string NetworkAcls { get; init; } = "";

    /// <summary>Both families in vpc1 and outside.</summary>
    public bool IsDual { get; init; }

    public string Timeouts { get; init; } = "";

    public int Capacity { get; init; } = 100_000;

    /// <summary>An ENI that is not there.</summary>
    public BenchPort? Without { get; init; }

    /// <summary>The configuration. D has a second address, which no other VPC has (BB39).</summary>
    public string Yaml()
    {
        string[] enis =
        [
            Eni(BenchPort.A, "", ""), Eni(BenchPort.B, "", EniB), Eni(BenchPort.C, "", EniC),
            Eni(BenchPort.D, ", 10.1.0.40", ""),
            Eni(BenchPort.E, "", ""),
        ];
        string neighbor6 = $"\"{BenchPort.X.Ip6}\": \"{BenchPort.X.Mac}\"";
        const string Route6 = "{ destination: \"::/0\", target: internet }";
        string[] eips =
        [
            .. BenchPort.All.Where(p => p.Eip != null && p != Without)
                .Select(p => $"  - {{ name: eip-{p.Name}, address: {p.Eip}, eni: {p.Name} }}"),
        ];
        return $$"""
            switch:
              gatewayMac: "{{BenchPort.GatewayMac}}"
              connections: { capacity: {{Capacity}} }
              timeouts: { {{Timeouts}} }
            internet:
              device: { tap: {{BenchPort.X.Namespace}}, offload: false }
              mac: "{{BenchPort.UplinkMac}}"
              addresses: [{{BenchPort.SwitchOutside}}/24{{Six($"\"{BenchPort.SwitchOutside6}/64\"")}}]
              routes: [{ destination: 0.0.0.0/0, nextHop: {{BenchPort.X.Ip}} }]
              neighbors: { {{BenchPort.X.Ip}}: "{{BenchPort.X.Mac}}"{{Six(neighbor6)}} }
              {{Internet}}
            vpcs:
              - name: vpc1
                cidrs: [10.1.0.0/16{{Six("\"fd00:1::/48\"")}}]
                subnets:
                  - { name: one, cidrs: [10.1.0.0/24{{Six("\"fd00:1:0:1::/64\"")}}] }
                  - { name: two, cidrs: [10.1.1.0/24{{Six("\"fd00:1:0:2::/64\"")}}]{{Also(SubnetOfC)}} }
                routeTables:
                  - name: main1
                    main: true
                    routes: [{ destination: 0.0.0.0/0, target: internet }{{Six(Route6)}}]
              - name: vpc2
                cidrs: [10.1.0.0/16]
                subnets: [{ name: three, cidrs: [10.1.0.0/24] }]
                routeTables: [{ name: main2, main: true, routes: [{ destination: 0.0.0.0/0, target: internet }] }]
            securityGroups:
              - { name: sg-A, vpc: vpc1, ingress: [{{RulesA}}] }
              - { name: sg-B, vpc: vpc1, ingress: [{{RulesB}}]{{Also(GroupB)}} }
              - { name: sg-C, vpc: vpc1, ingress: [{{RulesC}}] }
              - { name: sg-D, vpc: vpc2, ingress: [{{RulesD}}] }
              - { name: sg-E, vpc: vpc2, ingress: [{{RulesE}}] }
            enis:
            {{string.Join('\n', enis.Where(e => e.Length > 0))}}
            elasticIps:
            {{string.Join('\n', eips)}}
            {{(NetworkAcls.Length == 0 ? "" : $"networkAcls: [{NetworkAcls}]")}}
            """;
    }

    private string Six(string text) => IsDual ? ", " + text : "";

    private string Eni(BenchPort port, string addresses, string keys) => port == Without ? "" :
        $"  - {{ name: {port.Name}, subnet: {port.Subnet}, mac: \"{port.Mac}\", " +
        $"privateIps: [{port.Ip}{(port.Ip6 is null ? "" : Six($"\"{port.Ip6}\""))}{addresses}], " +
        $"securityGroups: [sg-{port.Name}], device: {{ tap: {port.Namespace}, offload: false }}{Also(EveryEni)}{Also(keys)} }}";

    private static string Also(string keys) => keys.Length == 0 ? "" : ", " + keys;
}
