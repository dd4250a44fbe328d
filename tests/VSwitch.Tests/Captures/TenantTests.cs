using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Testing.Captures;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Captures;

/// <summary>vxlan-overlap-tenants.pcap: the same five-tuple in VNI 4711, in VNI 4242 and bare. Taken out of their
/// tunnels, each is a tenant's: three VPCs with the same addresses, one ENI a host.</summary>
public class TenantTests
{
    private const int OuterHeaders = 14 + 20 + 8 + 8;
    private static readonly int[] Tenants = [0, 4242, 4711];

    [SharedFact]
    public void Three_tenants_have_three_connections()
    {
        (SwitchConfig config, List<(int Tenant, LabFrame Frame)> frames) = Split();
        TraceResult result = TraceReplay.Run(config, frames.Select(f => f.Frame));
        Assert.Equal((42, 3, 0), (result.Summary.Forwarded, result.Summary.Flows.Created, result.Summary.Dropped));
        foreach (int tenant in Tenants)
        {
            Assert.Equal(14, result.Sent.Where(p => p.Key.StartsWith($"t{tenant}-",
                StringComparison.Ordinal)).Sum(p => p.Value.Count));
        }
    }

    [SharedFact]
    public void The_others_SYN_opens_nothing_for_a_tenant_that_sent_none()
    {
        (SwitchConfig config, List<(int Tenant, LabFrame Frame)> frames) = Split();
        frames.RemoveAt(frames.FindIndex(f => f.Tenant == 4711));
        TraceResult result = TraceReplay.Run(config, frames.Select(f => f.Frame));
        Assert.Equal((2, 13), (result.Summary.Flows.Created, result.Summary.Drops["connection-invalid"] + result.Sent
            .Where(p => p.Key.StartsWith("t4711-", StringComparison.Ordinal)).Sum(p => p.Value.Count)));
        Assert.All(result.Dropped, drop => Assert.StartsWith("t4711-", drop.Port, StringComparison.Ordinal));
        Assert.Equal(28, result.Sent.Where(p => !p.Key.StartsWith("t4711-",
            StringComparison.Ordinal)).Sum(p => p.Value.Count));
    }

    private static (SwitchConfig Config, List<(int Tenant, LabFrame Frame)> Frames) Split()
    {
        IReadOnlyList<CapturedFrame> captured =
            CapturedFrame.Read(Path.Combine(RepositoryRoot.Shared!, "captures", "vxlan-overlap-tenants.pcap"), out _);
        List<(int Tenant, CapturedFrame Frame)> inner = [.. captured.Select(f => f.Bytes[23] == 17
            ? ((f.Bytes[OuterHeaders - 4] << 16) | (f.Bytes[OuterHeaders - 3] << 8) | f.Bytes[OuterHeaders - 2],
                f with { Bytes = f.Bytes[OuterHeaders..] })
            : (0, f))];
        Assert.Equal(Tenants, inner.Select(f => f.Tenant).Distinct().Order());
        var lab = new CaptureLab([.. inner.Select(f => f.Frame)], new LabOptions());
        VpcConfig vpc = lab.Config.Vpcs[0];
        SwitchConfig config = lab.Config with
        {
            Vpcs = [.. Tenants.Select(t => vpc with { Name = $"t{t}",
                Subnets = [vpc.Subnets[0] with { Name = $"t{t}-a" }] })],
            SecurityGroups = [.. Tenants.Select(t => lab.Config.SecurityGroups[0] with { Name = $"t{t}",
                Vpc = $"t{t}" })],
            Enis = [.. Tenants.SelectMany(t => lab.Config.Enis.Select(e => e with
            {
                Name = $"t{t}-{e.Name}", Subnet = $"t{t}-a", SecurityGroups = [$"t{t}"], Mac = Of(e.Mac, t),
            }))],
        };
        return (config, [.. inner.Zip(lab.Frames,
            (f, moved) => (f.Tenant, moved with { Bytes = WithMacs(moved.Bytes, f.Tenant) }))]);
    }

    private static MacAddress Of(MacAddress mac, int tenant) => new(mac.Value | ((ulong)tenant << 24));

    private static byte[] WithMacs(byte[] frame, int tenant) =>
    [
        .. OnesComplement.BytesOf(Of(MacAddress.Read(frame), tenant)),
            .. OnesComplement.BytesOf(Of(MacAddress.Read(frame.AsSpan(6)), tenant)),
        .. frame[12..],
    ];
}
