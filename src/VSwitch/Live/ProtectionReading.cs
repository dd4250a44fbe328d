using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Limits;

namespace VSwitch.Live;

/// <summary>An elastic IP under protection, and how it fares.</summary>
/// <param name="Eip">As configured.</param>
/// <param name="State">How it fares.</param>
internal sealed record ProtectionReading(ElasticIpConfig Eip, ScrubbingReading State)
{
    /// <summary>All of a switch, in the order of the configuration.</summary>
    public static IEnumerable<ProtectionReading> All(SwitchHost host)
    {
        PolicyInForce policy = host.InForce;
        for (int i = 0; i < policy.Config.ElasticIps.Count; i++)
        {
            if (policy.Config.ElasticIps[i].Protection != null)
            {
                // The snapshot's index 0 is nobody's.
                yield return new ProtectionReading(
                    policy.Config.ElasticIps[i], host.Workers.Shared.Scrubber.ReadingOf(policy.Snapshot.EipAt(i + 1).Number));
            }
        }
    }

    /// <summary>The threshold that a trigger is over, as the configuration calls it; null for none.</summary>
    public static string? Word(ScrubbingTrigger trigger) => trigger switch
    {
        ScrubbingTrigger.Bits => "bits",
        ScrubbingTrigger.Packets => "packets",
        ScrubbingTrigger.Syns => "syns",
        ScrubbingTrigger.NewConnections => "newConnections",
        _ => null,
    };
}
