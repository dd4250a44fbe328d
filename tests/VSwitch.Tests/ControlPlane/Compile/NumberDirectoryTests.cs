using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.ControlPlane.Compile;

/// <summary>What connections, counters and limits hold by number stays what it is when the configuration changes.</summary>
public unsafe class NumberDirectoryTests
{
    [Fact]
    public void Ports_vpcs_and_eips_keep_their_numbers_over_reconfigurations()
    {
        var numbers = new NumberDirectory();
        SwitchConfig config = BlackBoxBench.Config();
        ForwardingSnapshot before = SnapshotCompiler.Compile(config, numbers);
        int number = before.Eips[3].Number;
        Assert.Equal((3, 6, 7, 12), (number, before.Eips[3].OutMeter, before.Eips[3].InMeter, before.MeterEnd));

        // Without vpc2, D, E, A and A's EIPs; the rest in another order, and a new ENI before all others.
        EniConfig extra = config.Enis[1] with
        {
            Name = "N",
            Mac = MacAddress.Parse("02:00:00:00:01:99"),
            PrivateIps = [IpAddress.Parse("10.1.0.50")],
        };
        SwitchConfig smaller = config with
        {
            Vpcs = [config.Vpcs[0]],
            Enis = [extra, config.Enis[2], config.Enis[1]],
            ElasticIps = [config.ElasticIps[4], config.ElasticIps[2]],
        };
        ForwardingSnapshot after = SnapshotCompiler.Compile(smaller, numbers);
        Assert.Equal(["internet", "(removed)", "B", "C", "(removed)", "(removed)", "N"], after.PortNames);
        Assert.Equal([1, 0, 1, 1, 0, 0, 1], Enumerable.Range(0, 7).Select(p => (int)(after.Enis[p].Flags & EniFlags.Exists)));
        Assert.Equal((number, 1u, 5, 1u), (after.Eips[2].Number, after.Eips[2].Since, after.Eips[1].Number, after.Eips[1].Since));
        Assert.Equal(3, after.Vpcs.Length);
        Assert.False(after.Vpcs[2].Contains(Raw.Ip4(IpAddress.Parse("10.1.0.10"))));
        Assert.Equal(0, after.PortOf(2, Raw.Ip4(IpAddress.Parse("10.1.0.10"))));
        Assert.Equal(0, after.PortOf(1, Raw.Ip4(IpAddress.Parse("10.1.0.10"))));
        Assert.Equal(6, after.PortOf(1, Raw.Ip4(IpAddress.Parse("10.1.0.50"))));

        SwitchConfig again = config with { Vpcs = [config.Vpcs[1], config.Vpcs[0]], Enis = [.. config.Enis.Reverse(), extra] };
        ForwardingSnapshot back = SnapshotCompiler.Compile(again, numbers);
        Assert.Equal(["internet", "A", "B", "C", "D", "E", "N"], back.PortNames);
        Assert.Equal(["", "vpc1", "vpc2"], back.Vpcs.Select(v => v.Name));
        Assert.Equal([1, 1, 1, 2, 2, 1], Enumerable.Range(1, 6).Select(p => (int)back.Enis[p].Vpc));
        Assert.Equal(4, back.PortOf(2, Raw.Ip4(IpAddress.Parse("10.1.0.10"))));
        Assert.Equal((number, 1u), (back.Eips[3].Number, back.Eips[3].Since));
        Assert.Equal((1, 3u), (back.Eips[1].Number, back.Eips[1].Since));
    }

    [Fact]
    public void A_number_is_given_again_only_after_its_release()
    {
        var numbers = new NumberDirectory();
        Assert.Equal((1, 2, 3), (numbers.PortOf("a"), numbers.PortOf("b"), numbers.PortOf("c")));
        Assert.True(numbers.ReleasePort("c"));
        Assert.True(numbers.ReleasePort("a"));
        Assert.False(numbers.ReleasePort("a"));
        Assert.False(numbers.ReleasePort("never"));
        Assert.Equal(4, numbers.PortCount);
        Assert.Equal((1, 3, 4, 2), (numbers.PortOf("d"), numbers.PortOf("a"), numbers.PortOf("e"), numbers.PortOf("b")));
        Assert.Equal(5, numbers.PortCount);
    }

    [Fact]
    public void Vpcs_and_eips_are_released_apart_from_ports()
    {
        var numbers = new NumberDirectory();
        Assert.Equal((1, 1), (numbers.PortOf("x"), numbers.VpcOf("x")));
        Assert.Equal((1, 2, 1), (numbers.EipOf("x"), numbers.EipOf("y"), numbers.EipOf("x")));
        Assert.Equal(1, numbers.ReleaseEip("x"));
        Assert.Equal(0, numbers.ReleaseEip("x"));
        Assert.Equal((1, 2, 3), (numbers.EipOf("z"), numbers.EipOf("y"), numbers.EipOf("x")));
        Assert.Equal(4, numbers.EipCount);
        Assert.Equal(1, numbers.VpcOf("x"));
        Assert.True(numbers.ReleaseVpc("x"));
        Assert.Equal((1, 2), (numbers.VpcOf("other"), numbers.VpcCount));
        Assert.Equal(1, numbers.PortOf("x"));
    }

    [Fact]
    public void The_number_after_the_last_is_refused_and_not_port_0()
    {
        var numbers = new NumberDirectory();
        for (int i = 1; i <= ushort.MaxValue; i++)
        {
            Assert.Equal(i, numbers.PortOf($"eni{i}"));
        }

        var refused = Assert.Throws<InvalidOperationException>(() => numbers.PortOf("one more"));
        Assert.Contains("all 65535 numbers for ENIs are given", refused.Message, StringComparison.Ordinal);
        Assert.True(numbers.ReleasePort("eni7"));
        Assert.Equal(7, numbers.PortOf("one more"));
    }

    [Fact]
    public void A_name_that_one_snapshot_did_without_is_another_in_the_next()
    {
        var numbers = new NumberDirectory();
        SwitchConfig config = BlackBoxBench.Config();
        Assert.Equal(1u, SnapshotCompiler.Compile(config, numbers).Version);
        SnapshotCompiler.Compile(config, numbers);
        SnapshotCompiler.Compile(config with { Enis = [.. config.Enis.Take(3)], Vpcs = [config.Vpcs[0]], ElasticIps = [] }, numbers);
        ForwardingSnapshot back = SnapshotCompiler.Compile(config, numbers);
        Assert.Equal(4u, back.Version);
        Assert.Equal([1u, 1u, 1u, 4u, 4u], Enumerable.Range(1, 5).Select(back.PortSince));
        Assert.Equal([1u, 4u], back.Vpcs.Skip(1).Select(v => v.Since));

        // A number that changes hands is the new holder's since it has it.
        Assert.True(numbers.ReleasePort("A"));
        ForwardingSnapshot other = SnapshotCompiler.Compile(
            config with { Enis = [config.Enis[0] with { Name = "Z" }, .. config.Enis.Skip(1)], ElasticIps = [] }, numbers);
        Assert.Equal(("Z", 5u, 1u), (other.PortNames[1], other.PortSince(1), other.PortSince(2)));
    }

    [Fact]
    public void Rules_have_changed_when_their_text_has_and_a_copy_leaves_the_original_alone()
    {
        var numbers = new NumberDirectory();
        numbers.BeginVersion();
        int group = numbers.GroupOf("g");
        Assert.Equal(1u, numbers.NoteRules("g", "x"));
        numbers.BeginVersion();
        numbers.GroupOf("g");
        Assert.Equal(1u, numbers.NoteRules("g", "x"));

        NumberDirectory tried = numbers.Copy();
        tried.BeginVersion();
        Assert.Equal(group, tried.GroupOf("g"));
        Assert.Equal(3u, tried.NoteRules("g", "y"));
        Assert.Equal(group + 1, tried.GroupOf("h"));
        Assert.True(tried.ReleaseGroup("g"));
        Assert.Equal(group, tried.GroupOf("i"));

        Assert.Equal((2u, group), (numbers.Version, numbers.GroupOf("g")));
        numbers.BeginVersion();
        numbers.GroupOf("g");
        Assert.Equal(1u, numbers.NoteRules("g", "x"));
        Assert.Equal(group + 1, numbers.GroupOf("z"));

        // A group that was gone for a while has changed, whatever its text.
        numbers.BeginVersion();
        numbers.BeginVersion();
        numbers.GroupOf("g");
        Assert.Equal(5u, numbers.NoteRules("g", "x"));
    }
}
