using VSwitch.ControlPlane.Config;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.ControlPlane;

/// <summary>What the system chooses where a configuration leaves it open: addresses and MACs, and that they stay.</summary>
public class SystemChoicesTests
{
    private const string Head = """
        vpcs:
          - name: v
            cidrs: [10.0.0.0/16, "fd00:a::/48"]
            subnets: [{ name: s, cidrs: ["fd00:a:0:1::/64", 10.0.1.0/28] }, { name: six, cidrs: ["fd00:a:0:2::/64"] }]
        securityGroups: [{ name: g, vpc: v }]
        instances: [{ name: vm, vcpus: 2 }, { name: big, vcpus: 8 }]
        enis:

        """;

    [Fact]
    public void Addresses_are_the_lowest_free_ones_and_never_reserved_or_in_use()
    {
        SwitchConfig config = Read(
            "{ name: a, subnet: s, privateIps: auto }", "{ name: b, subnet: s, privateIps: [10.0.1.4, 10.0.1.6] }", "{ name: c, subnet: s, privateIps: 3 }",
            "{ name: d, subnet: s }", "{ name: e, subnet: six, privateIps: 2 }");
        Assert.Equal(
            ["10.0.1.3", "10.0.1.4,10.0.1.6", "10.0.1.5,10.0.1.7,10.0.1.8", "10.0.1.9", "fd00:a:0:2::2,fd00:a:0:2::3"],
            config.Enis.Select(e => string.Join(',', e.PrivateIps)));
    }

    [Fact]
    public void MACs_are_local_unicast_unique_and_made_of_the_name()
    {
        SwitchConfig config = Read([.. Enumerable.Range(0, 11).Select(i => $"{{ name: e{i}, subnet: s }}")]);
        Assert.All(config.Enis, e => Assert.Equal(0x02UL, e.Mac.Value >> 40));
        Assert.Equal(11, config.Enis.Select(e => e.Mac).Distinct().Count());
        Assert.Equal(config.Enis[3].Mac, Read("{ name: e3, subnet: s }").Enis[0].Mac);

        string taken = config.Enis[3].Mac.ToString();
        SwitchConfig clash = Read("{ name: e3, subnet: s }", $"{{ name: other, subnet: s, mac: \"{taken}\" }}");
        Assert.NotEqual(clash.Enis[1].Mac, clash.Enis[0].Mac);
    }

    [Fact]
    public void A_subnet_without_room_is_an_error_with_its_place()
    {
        ConfigResult result = ConfigReader.Parse("c.yaml", Text("{ name: a, subnet: s, privateIps: 12 }", "{ name: b, subnet: s }"));
        ConfigError error = Assert.Single(result.Errors);
        Assert.Equal("subnet 's' has no free address in 10.0.1.0/28 for ENI 'b'; use a larger subnet or release addresses", error.Message);
        Assert.Equal(new SourcePosition(9, 5), error.Position);
    }

    [Theory]
    [InlineData("privateIps: some", "'privateIps: some' is not a list of addresses, auto, or a number from 1 to 21")]
    [InlineData("privateIps: 22", "'privateIps: 22' is not a list of addresses, auto, or a number from 1 to 21")]
    [InlineData("privateIps: 0", "'privateIps: 0' is not a list")]
    [InlineData("privateIps: {}", "'privateIps' must be one value")]
    [InlineData("privateIps: []", "ENI 'a' has 0 addresses; it needs 1 to 21")]
    [InlineData("mac: x", "is not a MAC address")]
    [InlineData("detached: true, instance: vm", "ENI 'a' is detached and names instance 'vm'; remove one of the two")]
    [InlineData("detached: true, instance: vm, primary: true", "ENI 'a' is the primary one of instance 'vm', which is never detached")]
    [InlineData("primary: true", "ENI 'a' is a primary one and names no instance")]
    [InlineData("primary: true, instance: vm, deleteWithInstance: false", "ENI 'a' is a primary one, which is always deleted with its instance")]
    [InlineData("queues: 65", "'queues: 65' is not a whole number from 1 to 64")]
    [InlineData("primary: true, instance: vm, queues: 3", "with 2 vCPUs it takes 2 (1 vCPU: 1, 2 and 3: 2, 4 and more: 4)")]
    [InlineData("queues: 3, device: { tap: t, queues: 2 }", "asks for 3 queues, its device is made with 2")]
    [InlineData("queues: 3, device: { interface: t }", "asks for 3 queues, and its device is no TAP")]
    [InlineData("rss: { key: half }", "'key' is not symmetric, microsoft, or 40 bytes as 80 hexadecimal digits")]
    [InlineData("rss: { indirection: 4 }", "'indirection' must be a list")]
    [InlineData("rss: { indirection: [] }", "'indirection' is 128 numbers from 0 to 63, or 1 to 64 weights")]
    [InlineData("rss: { indirection: [x] }", "x is not a whole number")]
    [InlineData("rss: { table: [1] }", "unknown key 'table' in rss")]
    public void Bad_input_is_said(string setting, string words)
    {
        ConfigResult result = ConfigReader.Parse("c.yaml", Text($"{{ name: a, subnet: s, {setting} }}"));
        Assert.Contains(result.Errors, e => e.Message.Contains(words, StringComparison.Ordinal) && e.Position.Line > 0);
    }

    [Fact]
    public void What_is_in_force_is_kept_unless_somebody_asks_for_it_by_hand()
    {
        SwitchConfig before = Read("{ name: a, subnet: s }", "{ name: b, subnet: s, privateIps: 2 }");
        Assert.Equal("10.0.1.4,10.0.1.5", string.Join(',', before.Enis[1].PrivateIps));
        SwitchConfig other = SystemChoices.Fill(Read("{ name: z, subnet: s }", "{ name: b, subnet: s, privateIps: 3 }"), before);
        Assert.Equal("10.0.1.4,10.0.1.5,10.0.1.6", string.Join(',', other.Enis[1].PrivateIps));
        Assert.Equal("10.0.1.3", other.Enis[0].PrivateIps[0].ToString());
        Assert.Equal(before.Enis[1].Mac, other.Enis[1].Mac);

        SwitchConfig asked = SystemChoices.Fill(Read("{ name: b, subnet: s }", "{ name: y, subnet: s, privateIps: [10.0.1.4] }"), before);
        Assert.Equal("10.0.1.3", asked.Enis[0].PrivateIps[0].ToString());
    }

    [Theory]
    [InlineData(1, 1, 2)]
    [InlineData(2, 2, 2)]
    [InlineData(3, 2, 2)]
    [InlineData(4, 4, 4)]
    [InlineData(8, 4, 4)]
    [InlineData(9, 4, 8)]
    public void Quotas_by_vCPUs(int vcpus, int queues, int enis)
    {
        Assert.Equal(queues, EniQueues.OfVcpus(vcpus));
        Assert.Equal(enis, VSwitch.ControlPlane.Validation.Quotas.EnisPerInstance(vcpus));
    }

    [Theory]
    [InlineData("instance: big, primary: true", 4)]
    [InlineData("instance: big, primary: true, queues: 3", 3)]
    [InlineData("instance: big, primary: true, device: { tap: t, queues: 2 }", 2)]
    [InlineData("instance: vm, primary: true", 2)]
    [InlineData("mtu: 1500", 7)]
    [InlineData("queues: 5", 5)]
    public void Queues_of_an_ENI(string setting, int queues)
    {
        SwitchConfig config = Read($"{{ name: a, subnet: s, {setting} }}");
        Assert.Equal(queues, EniQueues.Of(config, config.Enis[0], workers: 7));
    }

    [Fact]
    public void Weights_share_out_the_table_in_blocks()
    {
        Assert.Equal([.. Enumerable.Repeat((byte)0, 64), .. Enumerable.Repeat((byte)2, 64)], IndirectionTable.OfWeights([1, 0, 1]));
        byte[] thirds = IndirectionTable.OfWeights([1, 1, 1]);
        Assert.Equal([43, 43, 42], thirds.GroupBy(q => q).Select(g => g.Count()));
        Assert.True(thirds.SequenceEqual(thirds.Order()));
        Assert.Equal(64, IndirectionTable.OfWeights([.. Enumerable.Repeat(5, 64)]).Distinct().Count());
    }

    private static SwitchConfig Read(params string[] enis)
    {
        ConfigResult result = ConfigReader.Parse("c.yaml", Text(enis));
        return result.Config ?? throw new InvalidOperationException(string.Join('\n', result.Errors));
    }

    private static string Text(params string[] enis) =>
        Head + string.Join('\n', enis.Select(e => "  - " + e.Replace(", subnet:", ", securityGroups: [g], subnet:", StringComparison.Ordinal)));
}
