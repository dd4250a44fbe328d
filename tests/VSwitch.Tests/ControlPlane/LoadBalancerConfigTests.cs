using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Plan;
using VSwitch.DataPlane.Balancing;
using VSwitch.DataPlane.Probes;
using VSwitch.Testing;
using VSwitch.Tests.DataPlane.Balancing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.ControlPlane;

/// <summary>Load balancers as a user writes them, and each error with its place and the mend.</summary>
public sealed class LoadBalancerConfigTests
{
    private const string Listener =
        "- { name: web, protocol: tcp, port: 80, algorithm: sourceIp, stickiness: 5m, drain: 30s, " +
        "healthCheck: { protocol: tcp, interval: 2s }, backends: [{ eni: w1, port: 8080, weight: 3 }, { eni: w2, privateIp: 10.0.2.12, port: 81, draining: true }] }";

    private static readonly string Good = BalancerLab.Text(Listener);

    [Fact]
    public void It_reads_what_the_user_wrote()
    {
        SwitchConfig config = BalancerLab.Read(Good);
        LoadBalancerConfig balancer = Assert.Single(config.LoadBalancers);
        Assert.Equal(("lb", "front", IpAddress.Parse(BalancerLab.Vip)), (balancer.Name, balancer.Subnet, balancer.Address));
        ListenerConfig listener = Assert.Single(balancer.Listeners);
        Assert.Equal(("web", (byte)6, 80, BalancerAlgorithm.SourceIp), (listener.Name, listener.Protocol, listener.Port, listener.Algorithm));
        Assert.Equal((TimeSpan.FromMinutes(5), TimeSpan.FromSeconds(30), ProbeKind.Tcp), (listener.Stickiness, listener.Drain, listener.HealthCheck!.Protocol));
        Assert.Equal(
            [("w1", null, 8080, 3, false), ("w2", IpAddress.Parse("10.0.2.12"), 81, BackendConfig.UsualWeight, true)],
            listener.Backends.Select(b => (b.Eni, b.PrivateIp, b.Port, b.Weight, b.Draining)));
        Assert.Equal("lb", Assert.Single(config.ElasticIps).LoadBalancer);
        Assert.Null(ConfigEquality.Difference(config, BalancerLab.Read(ConfigWriter.ToJson(config))));
    }

    [Theory]
    [InlineData("port: 80,", "port: 0,", "'port: 0' is not a whole number from 1 to 65535")]
    [InlineData("protocol: tcp, port", "protocol: icmp, port", "'protocol: icmp' is not tcp or udp")]
    [InlineData("protocol: tcp, port: 80", "protocol: tcp", "a listener has no 'port'; add it")]
    [InlineData("sourceIp", "random", "is not roundRobin, leastConnections or sourceIp")]
    [InlineData("stickiness: 5m", "stickiness: 2h", "'stickiness: 2h' is not a time from 1s to 1h, like 300s")]
    [InlineData("drain: 30s", "drain: forever", "'drain: forever' is not a time from 0s to 1h, like 60s")]
    [InlineData("weight: 3", "weight: 101", "'weight: 101' is not a whole number from 0 to 100")]
    [InlineData("eni: w1, port: 8080", "eni: w9, port: 8080", "backend 'w9' of listener 'web' of load balancer 'lb' is no ENI; add it or correct the name")]
    [InlineData("privateIp: 10.0.2.12", "privateIp: 10.0.2.99", "backend 'w2' of listener 'web' of load balancer 'lb' needs an IPv4 address of that ENI as privateIp")]
    [InlineData("{ eni: w2, privateIp: 10.0.2.12, port: 81, draining: true }", "{ eni: w1, port: 8080 }", "names backend 'w1' 10.0.2.11:8080 twice; remove one")]
    [InlineData("address: 10.0.1.100", "address: 10.0.1.10", "address 10.0.1.10 of load balancer 'lb' belongs to ENI 'c' of the same VPC; choose another")]
    [InlineData("address: 10.0.1.100", "address: 10.0.1.1", "is reserved in 10.0.1.0/24 (network, router, .2, broadcast); choose another")]
    [InlineData("address: 10.0.1.100", "address: 10.0.2.100", "is not in subnet 'front'; choose one inside 10.0.1.0/24")]
    [InlineData("address: 10.0.1.100", "address: \"fd00::1\"", "is IPv6; a load balancer is for IPv4: give it an IPv4 address")]
    [InlineData("subnet: front\n    address", "subnet: rear\n    address", "load balancer 'lb' names subnet 'rear', which does not exist; add it or correct the name")]
    [InlineData("loadBalancer: lb", "loadBalancer: other", "elastic IP 'lb-ip' names load balancer 'other', which does not exist; add it or correct the name")]
    [InlineData("loadBalancer: lb", "loadBalancer: lb, eni: w1", "names eni and loadBalancer; it is associated with one thing at a time: keep one of them")]
    [InlineData("protocol: tcp, port: 80", "protocol: udp, port: 80", "asks by TCP, and its backends serve UDP; add the 'port', or check by icmp or arp")]
    public void An_error_names_what_is_wrong_and_the_mend(string good, string bad, string expected)
    {
        Assert.Contains(good, Good, StringComparison.Ordinal);
        ConfigResult result = ConfigReader.Parse("lab.yaml", Good.Replace(good, bad, StringComparison.Ordinal));
        Assert.Null(result.Config);
        Assert.Contains(result.Errors, e => e.Message.Contains(expected, StringComparison.Ordinal) && e.Position.Line > 0);
    }

    [Fact]
    public void Quotas_and_doubles_are_errors()
    {
        string many = string.Join("\n      ", Enumerable.Range(1, 21).Select(i => $"- {{ protocol: tcp, port: {i} }}"));
        Has(many, "load balancer 'lb' takes 20 listeners, this is number 21; remove one");
        Has("- { protocol: tcp, port: 80 }\n      - { protocol: tcp, port: 80 }", "load balancer 'lb' has two listeners for tcp 80; keep one");
        Has("- { name: a, protocol: tcp, port: 80 }\n      - { name: a, protocol: udp, port: 80 }", "load balancer 'lb' has two listeners called 'a'; rename one");
        string backends = string.Join(", ", Enumerable.Range(1, 101).Select(i => $"{{ eni: w1, port: {i} }}"));
        Has($"- {{ protocol: tcp, port: 80, backends: [{backends}] }}", "takes 100 backends, this is number 101; remove one");
        string balancers = string.Join("\n", Enumerable.Range(1, 6).Select(i => $"  - {{ name: b{i}, subnet: back, address: 10.0.2.{100 + i} }}"));
        ConfigResult result = ConfigReader.Parse("lab.yaml", Good.Replace("elasticIps:", balancers + "\nelasticIps:", StringComparison.Ordinal));
        Assert.Contains(result.Errors, e => e.Message == "VPC 'blue' takes 5 load balancers, this is number 6; remove one");

        static void Has(string listeners, string expected) =>
            Assert.Contains(ConfigReader.Parse("lab.yaml", BalancerLab.Text(listeners)).Errors, e => e.Message.Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void A_plan_names_the_listener_that_changes()
    {
        SwitchConfig before = BalancerLab.Read(Good);
        SwitchConfig after = BalancerLab.Read(BalancerLab.Text(Listener.Replace("weight: 3", "weight: 4", StringComparison.Ordinal)));
        Assert.Empty(ConfigDiff.Between(before, BalancerLab.Read(Good)).Changes);
        ConfigChange change = Assert.Single(ConfigDiff.Between(before, after).Changes);
        Assert.Equal((ChangeAction.Change, "listener", "lb/tcp-80", "backends"), (change.Action, change.Kind, change.Name, Assert.Single(change.Fields).Name));
        Assert.Equal(["load-balancer", "listener"], ConfigDiff.Between(before with { LoadBalancers = [], ElasticIps = [] }, before with { ElasticIps = [] }).Changes.Select(c => c.Kind));
        Assert.Equal(4, ConfigDiff.Between(before, after).Config.LoadBalancers[0].Listeners[0].Backends[0].Weight);
    }
}
