using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Routing;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using Xunit;
using static VSwitch.Tests.DataPlane.Gateways.GatewayLab;

namespace VSwitch.Tests.DataPlane.Gateways;

/// <summary>Which way, and which not: local before all, the longest prefix, static before propagated, weights, the way back.</summary>
public sealed class GatewayRouteTests
{
    private const long StartNs = 1_000_000_000_000;

    /// <summary>Three lines; the first two share a prefix 3 to 1, the third is their static better where the prefix is longer.</summary>
    private const string Yaml = """
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16]
            subnets: [{ name: blue-a, cidrs: [10.0.1.0/24] }]
            routeTables:
              - name: main
                main: true
                routes:
                  - { destination: 192.168.0.0/16, target: "gateway:a", preference: propagated, weight: 3 }
                  - { destination: 192.168.0.0/16, target: "gateway:b", preference: propagated }
                  - { destination: 192.168.9.0/24, target: "gateway:a", preference: propagated }
                  - { destination: 192.168.9.0/24, target: "gateway:c" }
                  - { destination: 10.0.0.0/8, target: "gateway:c" }
        securityGroups: [{ name: open, vpc: blue, template: open }]
        enis: [{ name: blue-1, subnet: blue-a, mac: "02:00:00:00:01:10", privateIps: [10.0.1.10], securityGroups: [open] }]
        gateways:
          - { name: a, vpc: blue, addresses: [169.254.1.1/30], neighbors: { 169.254.1.2: "02:00:00:00:88:02" }, routes: [{ destination: 0.0.0.0/0, nextHop: 169.254.1.2 }] }
          - { name: b, vpc: blue, addresses: [169.254.2.1/30], neighbors: { 169.254.2.2: "02:00:00:00:88:02" }, routes: [{ destination: 0.0.0.0/0, nextHop: 169.254.2.2 }] }
          - { name: c, vpc: blue, addresses: [169.254.3.1/30], neighbors: { 169.254.3.2: "02:00:00:00:88:02" }, routes: [{ destination: 0.0.0.0/0, nextHop: 169.254.3.2 }] }
        """;

    [Fact]
    public void Connections_are_spread_by_weight_and_keep_their_way()
    {
        var sent = new List<string>();
        using var quiet = new QuietSwitch(Parse(Yaml), sent.Add);
        void Send(int port) => quiet.Inject("blue-1", Out(Blue, "10.0.1.10", "192.168.0.5", (ushort)port));
        for (int i = 1; i <= 2000; i++)
        {
            Send(i);
        }

        Assert.InRange(sent.Count(s => s == "a"), 1400, 1600);
        string[] first = [.. sent];
        sent.Clear();
        for (int i = 1; i <= 2000; i++)
        {
            Send(i);
        }

        Assert.Equal(first, sent);
    }

    [Fact]
    public void A_gateway_that_is_down_loses_its_weight_while_it_is()
    {
        var sent = new List<string>();
        using var quiet = new QuietSwitch(Parse(Yaml), sent.Add);
        ushort[] byA = [.. Enumerable.Range(1, 40).Select(i => (ushort)i).Where(i =>
        {
            quiet.Inject("blue-1", Out(Blue, "10.0.1.10", "192.168.0.5", i));
            return sent[^1] == "a";
        })];
        Assert.NotEmpty(byA);
        sent.Clear();
        quiet.StatusOf("a").IsUp = false;

        foreach (int port in Enumerable.Range(9000, 20))
        {
            quiet.Inject("blue-1", Out(Blue, "10.0.1.10", "192.168.0.5", (ushort)port));
        }

        Assert.Equal(Enumerable.Repeat("b", 20), sent);
        sent.Clear();
        quiet.StatusOf("a").IsUp = true;
        quiet.Inject("blue-1", Out(Blue, "10.0.1.10", "192.168.0.5", byA[0]));
        Assert.Equal(["a"], sent);
    }

    [Fact]
    public void Local_beats_all_then_the_longest_prefix_then_static()
    {
        using var real = new SwitchUnderTest(Parse(Yaml));
        ReferenceOutcome nobody = real.Receive("blue-1", Out(Blue, "10.0.1.10", "10.0.7.7"), StartNs);
        Assert.Equal(DropReason.NoRoute, nobody.DropReason);
        Assert.Equal("c", real.Receive("blue-1", Out(Blue, "10.0.1.10", "10.9.0.1"), StartNs).Sent[0].Port);
        Assert.Equal("c", real.Receive("blue-1", Out(Blue, "10.0.1.10", "192.168.9.1"), StartNs).Sent[0].Port);
    }

    [Fact]
    public void Answers_may_come_by_any_gateway_that_the_routes_lead_to_and_by_no_other()
    {
        using var real = new SwitchUnderTest(Parse(Yaml));
        ReferenceOutcome opened = real.Receive("blue-1", Out(Blue, "10.0.1.10", "192.168.0.5"), StartNs);
        string by = opened.Sent[0].Port;
        byte[] answer = In("192.168.0.5", "10.0.1.10").Udp(1000, 2000).Payload(4).Build();
        foreach (string gateway in (string[])["a", "b"])
        {
            ReferenceOutcome outcome = real.Receive(gateway, answer, StartNs + 1_000_000);
            Assert.Equal("blue-1", Assert.Single(outcome.Sent).Port);
        }

        Assert.Equal(DropReason.NoRoute, real.Receive("c", answer, StartNs + 2_000_000).DropReason);
        Assert.Equal(by, real.Receive("blue-1", Out(Blue, "10.0.1.10", "192.168.0.5"), StartNs + 3_000_000).Sent[0].Port);
        Assert.Equal(1, real.ConnectionCount);
    }

    [Fact]
    public void A_second_choice_of_the_same_prefix_is_a_way_in()
    {
        using var real = new SwitchUnderTest(Parse(Yaml));
        byte[] frame = In("192.168.9.1", "10.0.1.10").Udp(1, 2).Payload(4).Build();
        Assert.Equal(OutcomeKind.Forwarded, real.Receive("a", frame, StartNs).Kind);
        Assert.Equal(DropReason.NoRoute, real.Receive("b", frame, StartNs).DropReason);
    }

    [Fact]
    public void A_group_prefers_what_is_up_then_static_and_without_either_the_static_one()
    {
        var group = new GatewayGroup([new GatewayHop(1, 1, false), new GatewayHop(2, 1, true), new GatewayHop(3, 3, true)]);
        Assert.Equal(1, group.Choose(0, 0, _ => true));
        Assert.Equal(1, group.Choose(0, 3, _ => true));
        Assert.Equal(2, group.Choose(0, 0, port => port != 1));
        Assert.Equal(3, group.Choose(uint.MaxValue, 0, port => port != 1));
        Assert.Equal(2, group.Choose(uint.MaxValue, 2, port => port != 1));
        Assert.Equal(1, group.Choose(uint.MaxValue, 0, _ => false));
    }
}
