using VSwitch.ControlPlane.Config;

namespace VSwitch.Tests.ControlPlane.Compile;

/// <summary>The bench of the black-box cases: two VPCs with the same range and the same addresses, four EIPs (one unbound), a
/// public side; IPv6 and limits added so that every field of a snapshot has something to hold.</summary>
internal static class BlackBoxBench
{
    public const string Text = """
        switch:
          gatewayMac: "02:76:73:00:00:01"
          timeouts: { tcpEstablished: 10s, tcpTransient: 2s, tcpClosing: 3s, tcpReset: 4s, udp: 5s, udpStream: 6s, icmp: 7s, other: 8s }
        internet:
          mac: "02:76:73:00:00:02"
          addresses: [198.51.100.1/24, "2001:db8:100::1/64"]
          routes:
            - { destination: 0.0.0.0/0, nextHop: 198.51.100.10 }
            - { destination: 192.0.2.0/24, nextHop: 198.51.100.20 }
            - { destination: "::/0", nextHop: "2001:db8:100::10" }
          neighbors: { 198.51.100.10: "02:00:00:00:ff:01", "2001:db8:100::10": "02:00:00:00:ff:01" }
        vpcs:
          - name: vpc1
            cidrs: [10.1.0.0/16, "fd00:1::/48"]
            subnets:
              - { name: one, cidrs: [10.1.0.0/24, "fd00:1:0:1::/64"] }
              - { name: two, cidrs: [10.1.1.0/24], routeTable: inner }
            routeTables:
              - name: main
                main: true
                routes:
                  - { destination: 0.0.0.0/0, target: internet }
                  - { destination: 172.16.0.0/12, target: "eni:C" }
                  - { destination: 172.16.9.0/24, target: blackhole }
                  - { destination: "::/0", target: internet }
                  - { destination: "2001:db8:9::/48", target: "eni:B" }
              - { name: inner }
          - name: vpc2
            cidrs: [10.1.0.0/16]
            subnets:
              - { name: three, cidrs: [10.1.0.0/24] }
        securityGroups:
          - { name: default1, vpc: vpc1 }
          - { name: default2, vpc: vpc2, egress: [] }
        enis:
          - { name: A, subnet: one, mac: "02:00:00:00:01:0a", privateIps: [10.1.0.10, "fd00:1:0:1::a", 10.1.0.110], securityGroups: [default1] }
          - { name: B, subnet: one, mac: "02:00:00:00:01:0b", privateIps: [10.1.0.11, "fd00:1:0:1::b"], securityGroups: [default1], tcp: loose, sourceDestCheck: false }
          - { name: C, subnet: two, mac: "02:00:00:00:01:0c", privateIps: [10.1.1.10], securityGroups: [default1], mtu: 9000, sourceDestCheck: false }
          - { name: D, subnet: three, mac: "02:00:00:00:02:0a", privateIps: [10.1.0.10], securityGroups: [default2] }
          - { name: E, subnet: three, mac: "02:00:00:00:02:0b", privateIps: [10.1.0.11], securityGroups: [default2] }
        elasticIps:
          - { name: eip-a, address: 203.0.113.10, eni: A, bandwidth: 5Mbps }
          - { name: eip-a2, address: 203.0.113.12, eni: A, privateIp: 10.1.0.110, bandwidth: 150Mbps }
          - { name: eip-b, address: 203.0.113.11, eni: B, bandwidth: 100Mbps, bandwidthIn: 1Mbps }
          - { name: eip-d, address: 203.0.113.20, eni: D }
          - { name: spare, address: 203.0.113.99 }
        """;

    public static SwitchConfig Config()
    {
        ConfigResult result = ConfigReader.Parse("bench.yaml", Text);
        return result.Config ?? throw new InvalidOperationException(string.Join('\n', result.Errors));
    }
}
