using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Probes;
using VSwitch.DataPlane.Tables;

namespace VSwitch.Live;

/// <summary>What the health checks say of the places of EIPs, under one configuration and its snapshot.</summary>
internal sealed class EipHealth
{
    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private readonly ProbeTable _probes;

    public EipHealth(ForwardingSnapshot snapshot, ProbeTable probes)
    {
        _probes = probes;
        for (int number = 1; number < snapshot.ProbeNames.Length; number++)
        {
            _numbers.TryAdd(snapshot.ProbeNames[number], number);
        }
    }

    /// <summary>What is known of a place; null when it is not checked.</summary>
    public ProbeReading? Read(ElasticIpConfig eip, EipPlace place) =>
        _numbers.TryGetValue(ProbeCompiler.NameOf(eip, place.Eni, place.Address), out int number) ? _probes.Read(number) : null;

    /// <summary>How a place is.</summary>
    public ProbeHealth Of(ElasticIpConfig eip, EipPlace place) => Read(eip, place)?.Health ?? ProbeHealth.Unknown;
}
