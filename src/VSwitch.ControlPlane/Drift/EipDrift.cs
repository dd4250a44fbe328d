using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Probes;

namespace VSwitch.ControlPlane.Drift;

/// <summary>Where an EIP goes: to another place by hand, or to a standby because of what the health checks say. The place that it leaves
/// takes the place in the list of standbys that it comes from, so that the list keeps its order and nothing is lost.</summary>
public static class EipDrift
{
    /// <summary>What the health checks want of an EIP.</summary>
    /// <param name="eip">The EIP.</param>
    /// <param name="enis">The ENIs by name.</param>
    /// <param name="healthOf">How an address of an ENI is.</param>
    /// <param name="isTaken">Whether another EIP has that address.</param>
    /// <returns>The EIP at its next place; null when it stays.</returns>
    public static ElasticIpConfig? Next(
        ElasticIpConfig eip, IReadOnlyDictionary<string, EniConfig> enis, Func<EipPlace, ProbeHealth> healthOf, Func<EipPlace, bool> isTaken)
    {
        if (eip.Eni == null || eip.HealthCheck == null || eip.Standby.Count == 0)
        {
            return null;
        }

        bool IsFree(EipPlaceConfig place) => healthOf(place.On(enis)) == ProbeHealth.Healthy && !isTaken(place.On(enis));
        var here = new EipPlaceConfig(eip.Eni, eip.PrivateIp);
        if (healthOf(here.On(enis)) == ProbeHealth.Unhealthy)
        {
            EipPlaceConfig? next = eip.Standby.FirstOrDefault(IsFree);
            return next == null ? null : Move(eip, next) with { Home = !eip.Failback || next == eip.Home ? null : eip.Home ?? here };
        }

        return eip.Failback && eip.Home is EipPlaceConfig home && IsFree(home) ? Move(eip, home) : null;
    }

    /// <summary>The EIP at another place, and at home there. If that is one of its standbys, the one that it leaves becomes one.</summary>
    public static ElasticIpConfig Move(ElasticIpConfig eip, EipPlaceConfig to)
    {
        EipPlaceConfig? left = eip.Eni == null ? null : new EipPlaceConfig(eip.Eni, eip.PrivateIp);
        return eip.Disassociated() with
        {
            Eni = to.Eni,
            PrivateIp = to.PrivateIp,
            Standby = left == null ? [.. eip.Standby.Where(s => s != to)] : [.. eip.Standby.Select(s => s == to ? left : s)],
        };
    }
}
