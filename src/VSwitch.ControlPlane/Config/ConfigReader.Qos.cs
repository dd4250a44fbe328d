using VSwitch.ControlPlane.Validation;

namespace VSwitch.ControlPlane.Config;

/// <content>Limits and marks of ENIs, protection of elastic IPs.</content>
public static partial class ConfigReader
{
    private const string RateForm = "a rate, like 100Mbps or 1Gbps";

    private static readonly TimeSpan ShortestCalm = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestCalm = TimeSpan.FromHours(1);

    private static EniLimitsConfig ReadLimits(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "limits", errors);
        var limits = new EniLimitsConfig
        {
            EgressBitsPerSecond = map.Value<long>("egress", ConfigValues.Rate, RateForm),
            IngressBitsPerSecond = map.Value<long>("ingress", ConfigValues.Rate, RateForm),
            EgressPacketsPerSecond = map.Integer("egressPackets", 1, Quotas.PacketsPerSecond),
            IngressPacketsPerSecond = map.Integer("ingressPackets", 1, Quotas.PacketsPerSecond),
        };
        map.Finish();
        return limits;
    }

    private static byte? ReadDscp(ConfigMap map) =>
        map.Text("dscp") is null or "keep" ? null : map.Value<byte>("dscp", ConfigValues.Dscp, "keep, a number from 0 to 63, or a name: ef, af11 to af43, cs0 to cs7, le, va");

    private static ProtectionConfig ReadProtection(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "protection", errors);
        var usual = new ProtectionConfig();
        var protection = new ProtectionConfig
        {
            BitsPerSecond = map.Value<long>("bits", ConfigValues.Rate, RateForm),
            PacketsPerSecond = map.Integer("packets", 1, int.MaxValue),
            SynsPerSecond = map.Integer("syns", 1, int.MaxValue),
            NewConnectionsPerSecond = map.Integer("newConnections", 1, int.MaxValue),
            CalmFor = map.Value<TimeSpan>(
                "calmFor", t => ConfigValues.Duration(t) is TimeSpan time && time >= ShortestCalm && time <= LongestCalm ? time : null,
                "a time from 1s to 1h, like 10s") ?? usual.CalmFor,
        };
        map.Finish();
        if (protection with { CalmFor = usual.CalmFor } == usual)
        {
            errors.Add(node.Position, "protection has no threshold, so it would never begin; add bits, packets, syns or newConnections");
        }

        return protection;
    }
}
