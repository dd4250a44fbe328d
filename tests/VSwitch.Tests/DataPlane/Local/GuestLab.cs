using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Wire;

namespace VSwitch.Tests.DataPlane.Local;

/// <summary>The switch that the tests of DHCP and router advertisements ask, with its addresses.</summary>
internal sealed class GuestLab : IDisposable
{
    public const string Yaml = """
        vpcs:
          - name: v
            cidrs: [10.0.0.0/16, "fd00:a::/48"]
            dhcp:
              dns: [10.0.0.53, "fd00:a::53", 10.0.0.54]
              domainName: lab.example
              ntp: [10.0.0.123, "fd00:a::123"]
              leaseTime: 2h
            subnets:
              - { name: s, cidrs: [10.0.1.0/25, "fd00:a:0:1::/64"] }
              - { name: quiet, cidrs: [10.0.2.0/24, "fd00:a:0:2::/64"], dhcp: { enabled: false } }
              - { name: four, cidrs: [10.0.3.0/24], dhcp: { dns: [], leaseTime: 100d } }
              - { name: six, cidrs: ["fd00:a:0:6::/80"], dhcp: { leaseTime: 100d } }
        securityGroups: [{ name: closed, vpc: v, egress: [] }]
        instances: [{ name: vm_one, vcpus: 4 }]
        enis:
          - { name: one, instance: vm_one, primary: true, subnet: s, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10, "fd00:a:0:1::10", 10.0.1.11, "fd00:a:0:1::11"], securityGroups: [closed], mtu: 1400 }
          - { name: quiet, subnet: quiet, mac: "02:00:00:00:02:10", privateIps: [10.0.2.10, "fd00:a:0:2::10"], securityGroups: [closed] }
          - { name: four, subnet: four, mac: "02:00:00:00:03:10", privateIps: [10.0.3.10], securityGroups: [closed] }
          - { name: six, subnet: six, mac: "02:00:00:00:06:10", privateIps: ["fd00:a:0:6::10"], securityGroups: [closed], mtu: 1000 }
          - { name: half, subnet: s, mac: "02:00:00:00:01:20", privateIps: [10.0.1.20], securityGroups: [closed] }
        """;

    public static readonly MacAddress GatewayMac = MacAddress.Parse("02:76:73:00:00:01");
    public static readonly MacAddress One = MacAddress.Parse("02:00:00:00:01:10");
    public static readonly MacAddress Quiet = MacAddress.Parse("02:00:00:00:02:10");
    public static readonly MacAddress Four = MacAddress.Parse("02:00:00:00:03:10");
    public static readonly MacAddress Six = MacAddress.Parse("02:00:00:00:06:10");
    public static readonly MacAddress Half = MacAddress.Parse("02:00:00:00:01:20");
    public static readonly IpAddress Router6 = Frames.LinkLocal(GatewayMac);

    /// <summary>DUID-LL of the gateway's MAC.</summary>
    public static readonly byte[] ServerDuid = [0, 3, 0, 1, 0x02, 0x76, 0x73, 0, 0, 1];

    public GuestLab()
    {
        ConfigResult result = ConfigReader.Parse("lab.yaml", Yaml);
        Config = result.Config ?? throw new InvalidOperationException(string.Join('\n', result.Errors));
        Switch = new SwitchUnderTest(Config);
    }

    public SwitchConfig Config { get; }

    public SwitchUnderTest Switch { get; }

    /// <summary>What became of a frame of a port, in short: "answered", "consumed", or the drop's reason.</summary>
    public string Send(string port, byte[] frame) => Send(port, frame, out _);

    public string Send(string port, byte[] frame, out IReadOnlyList<(string Port, byte[] Frame)> sent)
    {
        ReferenceOutcome outcome = Switch.Receive(port, frame, 1_000_000_000);
        sent = outcome.Sent;
        return outcome.Kind switch
        {
            OutcomeKind.Dropped => VSwitch.DataPlane.Pipeline.DropReasons.Name(outcome.DropReason),
            OutcomeKind kind => kind.ToString().ToLowerInvariant(),
        };
    }

    /// <summary>The one answer to a frame; it must leave by the port that asked.</summary>
    public byte[] Ask(string port, byte[] frame)
    {
        string outcome = Send(port, frame, out IReadOnlyList<(string Port, byte[] Frame)> sent);
        return outcome == "answered" && sent.Count >= 1 && sent.All(s => s.Port == port) ? sent[0].Frame
            : throw new PacketAssertException($"{outcome}, {sent.Count} frames");
    }

    public void Dispose() => Switch.Dispose();
}
