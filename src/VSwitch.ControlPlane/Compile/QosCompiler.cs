using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Limits;
using VSwitch.DataPlane.Tables;

namespace VSwitch.ControlPlane.Compile;

/// <summary>From limits, marks and thresholds to what the data plane asks of them.</summary>
internal static class QosCompiler
{
    private const long NsPerTick = 1_000_000_000 / TimeSpan.TicksPerSecond;

    /// <summary>What an ENI limits or marks.</summary>
    public static EniLimits LimitsOf(EniConfig eni)
    {
        EniLimitsConfig l = eni.Limits;
        return (l.EgressBitsPerSecond != null || l.EgressPacketsPerSecond != null ? EniLimits.Egress : EniLimits.None) |
            (l.IngressBitsPerSecond != null || l.IngressPacketsPerSecond != null ? EniLimits.Ingress : EniLimits.None) |
            (eni.Dscp != null ? EniLimits.Marks : EniLimits.None);
    }

    /// <summary>Rates of the buckets of all ENIs.</summary>
    public static BucketRate[] PortRates(SwitchConfig config, NumberDirectory numbers) =>
    [
        .. config.Enis.SelectMany(eni =>
        {
            int port = numbers.PortOf(eni.Name);
            return new[]
            {
                new BucketRate(Eni.BitsBucketOf(port, isIngress: false), eni.Limits.EgressBitsPerSecond ?? 0),
                new BucketRate(Eni.PacketsBucketOf(port, isIngress: false), eni.Limits.EgressPacketsPerSecond ?? 0),
                new BucketRate(Eni.BitsBucketOf(port, isIngress: true), eni.Limits.IngressBitsPerSecond ?? 0),
                new BucketRate(Eni.PacketsBucketOf(port, isIngress: true), eni.Limits.IngressPacketsPerSecond ?? 0),
            };
        }),
    ];

    /// <summary>Thresholds by the EIP's place in the snapshot; empty when no EIP has any.</summary>
    public static EipProtection[] Protections(SwitchConfig config) =>
        config.ElasticIps.All(e => e.Protection == null) ? [] : [default, .. config.ElasticIps.Select(e => ProtectionOf(e.Protection))];

    private static EipProtection ProtectionOf(ProtectionConfig? p) => p == null ? default
        : new EipProtection(
            p.BitsPerSecond ?? 0, p.PacketsPerSecond ?? 0, p.SynsPerSecond ?? 0, p.NewConnectionsPerSecond ?? 0, p.CalmFor.Ticks * NsPerTick);
}
