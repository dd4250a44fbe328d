using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Devices.Memory;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.DataPlane.Policy;

/// <summary>What an explanation says of ACLs and of live connections.</summary>
public sealed class PolicyTraceTests
{
    private const string A = "10.0.1.10";
    private const string B = "10.0.2.10";
    private readonly NumberDirectory _numbers = new();

    [Fact]
    public void It_names_the_rule_and_the_border_in_both_directions()
    {
        const string Rule = "{ priority: 7, action: allow, protocol: udp, ports: \"2\", destination: 10.0.2.0/24 }, { priority: 9, action: deny, protocol: all, destination: 0.0.0.0/0 }";
        using var lab = new PolicyLab(PolicyLab.Text(", networkAcl: edge", "", NetworkAclTests.Acl("", Rule)));
        string[] passed = Explain(lab.Config, lab.Config, lab.From("a", A, B).Udp(1, 2));
        Assert.Contains("NetworkAcl: out of subnet front: allowed by network ACL edge, egress rule 7 (allow udp 2 to 10.0.2.0/24)", passed);
        Assert.Contains("NetworkAcl: replies: into subnet front: no rule of its network ACL names it, so it is denied", passed);
        Assert.Equal("Verdict: forwarded to b", passed[^1]);
        string[] denied = Explain(lab.Config, lab.Config, lab.From("a", A, B).Udp(1, 3));
        Assert.Contains("NetworkAcl: out of subnet front: denied by network ACL edge, egress rule 9 (deny all to 0.0.0.0/0)", denied);
        Assert.StartsWith("Verdict: dropped: network-acl. ", denied[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void It_says_why_a_known_connection_is_over()
    {
        string[] steps = After("cut", "udp", "all");
        Assert.Contains("Connection: the known connection is over: the rules of a group with liveConnections: cut have changed", steps);
        Assert.Equal("Verdict: forwarded to b", steps[^1]);
    }

    [Fact]
    public void It_says_which_rule_was_kept_also_when_it_is_gone()
    {
        Assert.Contains(
            "SecurityGroupIngress: b: allowed before by group open, ingress rule 1 (tcp from 0.0.0.0/0), whose group keeps live connections",
            After("keep", "udp", "tcp"));
        using var lab = new PolicyLab(Group("keep", "udp"));
        SwitchConfig empty = PolicyLab.Read(Group("keep", "udp").Replace("ingress: [{ protocol: udp, source: 0.0.0.0/0 }]", "ingress: []", StringComparison.Ordinal));
        Assert.Contains(
            "SecurityGroupIngress: b: allowed before by group open, a rule that it no longer has, whose group keeps live connections",
            Explain(lab.Config, empty, lab.From("a", A, B).Udp(1, 2), opens: true));
    }

    private string[] After(string mode, string before, string after)
    {
        using var lab = new PolicyLab(Group(mode, before));
        return Explain(lab.Config, PolicyLab.Read(Group(mode, after)), lab.From("a", A, B).Udp(1, 2), opens: true);
    }

    private static string Group(string mode, string protocol) => PolicyLab.Text(
        group: $"liveConnections: {mode}, ingress: [{{ protocol: {protocol}, source: 0.0.0.0/0 }}]");

    /// <summary>Sends the frame under one configuration and explains it under another; without <paramref name="opens"/> only
    /// explains it.</summary>
    private unsafe string[] Explain(SwitchConfig before, SwitchConfig after, PacketBuilder builder, bool opens = false)
    {
        byte[] frame = builder.Build();
        var steps = new List<TraceStep>();
        ForwardingSnapshot snapshot = SnapshotCompiler.Compile(before, _numbers);
        using var shared = new SwitchShared(snapshot, new FlowBudget(16, leaseSize: 1, isExact: true), 16, (1, 2));
        IPacketDevice?[] devices = [.. snapshot.PortNames.Select(n => new MemoryDevice(n, null))];
        shared.Publish(snapshot, devices);
        using var pool = new PacketPool(0, 8, 2);
        using var counters = new WorkerCounters(snapshot.PortCount, shared.Buckets.Capacity);
        using var pipeline = new PacketPipeline<RecordingTracer>(shared, pool, counters, null, 0, new RecordingTracer(steps));
        for (int round = opens ? 0 : 1; round < 2; round++)
        {
            if (round == 1)
            {
                shared.Publish(SnapshotCompiler.Compile(after, _numbers), devices);
                steps.Clear();
            }

            PacketBuffer* p = pool.Rent(frame.Length);
            frame.CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
            p->Length = frame.Length;
            pipeline.Begin(1_000_000_000, int.MaxValue);
            pipeline.Process(&p, 1, Array.IndexOf(snapshot.PortNames, "a"));
            pipeline.Flush();
        }

        return [.. steps.Select(s => $"{s.Stage}: {s.Text}")];
    }
}
