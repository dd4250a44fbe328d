using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Probes;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Compile;

/// <summary>A health check that some part of the configuration wants.</summary>
/// <param name="Name">Its name, the same in every configuration that wants it: what is known of the target hangs on it.</param>
/// <param name="Eni">The ENI.</param>
/// <param name="Address">One of its IPv4 addresses.</param>
/// <param name="Check">How it is asked.</param>
/// <param name="TcpPort">Its TCP port where the check itself names none; 0 = none.</param>
public readonly record struct WantedProbe(string Name, string Eni, IpAddress Address, HealthCheckConfig Check, int TcpPort = 0);

/// <summary>All health checks of a configuration, and their targets in a snapshot.</summary>
public static class ProbeCompiler
{
    /// <summary>Every health check that the configuration wants, each name once.</summary>
    public static IEnumerable<WantedProbe> Wanted(SwitchConfig config) => OfElasticIps(config).Concat(BalancerCompiler.Probes(config)).DistinctBy(p => p.Name);

    /// <summary>The place of an EIP that its health check looks at: where it is, or where it may go.</summary>
    public static string NameOf(ElasticIpConfig eip, string eni, IpAddress address) => $"elastic-ip/{eip.Name}/{eni}/{address}";

    /// <summary>Gives every check its number, and makes the snapshot's table of them.</summary>
    internal static ProbeTarget[] Compile(SwitchConfig config, NumberDirectory numbers)
    {
        WantedProbe[] wanted = [.. Wanted(config)];
        if (wanted.Length == 0)
        {
            return [];
        }

        foreach (WantedProbe probe in wanted)
        {
            numbers.ProbeOf(probe.Name);
        }

        var targets = new ProbeTarget[numbers.ProbeCount];
        var ofAddress = new Dictionary<(int, uint), int>();
        foreach (WantedProbe probe in wanted)
        {
            int number = numbers.ProbeOf(probe.Name);
            int port = numbers.PortOf(probe.Eni);
            uint address = Raw.Ip4(probe.Address);
            HealthCheckConfig check = probe.Check;
            bool isArp = check.Protocol == ProbeKind.Arp;
            targets[number] = new ProbeTarget
            {
                Port = (ushort)port,
                Address = address,
                Kind = check.Protocol,
                TcpPort = check.Protocol == ProbeKind.Tcp ? (ushort)(check.Port ?? probe.TcpPort) : (ushort)0,
                IntervalMs = (int)check.Interval.TotalMilliseconds,
                TimeoutMs = (int)check.Timeout.TotalMilliseconds,
                HealthyThreshold = (ushort)check.Healthy,
                UnhealthyThreshold = (ushort)check.Unhealthy,
                Since = numbers.ProbeSince(probe.Name),
                NextOfAddress = isArp ? ofAddress.GetValueOrDefault((port, address)) : 0,
            };
            if (isArp)
            {
                ofAddress[(port, address)] = number;
            }
        }

        return targets;
    }

    /// <summary>The checks' names by number.</summary>
    internal static string[] NamesOf(SwitchConfig config, NumberDirectory numbers, int count)
    {
        string[] names = new string[count];
        Array.Fill(names, "");
        foreach (WantedProbe probe in count == 0 ? [] : Wanted(config))
        {
            names[numbers.ProbeOf(probe.Name)] = probe.Name;
        }

        return names;
    }

    /// <summary>Where an ARP answer finds the checks of its address; null when there are none.</summary>
    internal static NativeMap? ArpMapOf(ProbeTarget[] targets)
    {
        // The one that no other leads to is the first.
        var inner = targets.Select(t => t.NextOfAddress).ToHashSet();
        KeyValuePair<ulong, int>[] entries =
        [
            .. Enumerable.Range(0, targets.Length).Where(n => targets[n].Port != 0 && targets[n].Kind == ProbeKind.Arp && !inner.Contains(n))
                .Select(n => KeyValuePair.Create(ForwardingSnapshot.ProbeKey(targets[n].Port, targets[n].Address), n)),
        ];
        return entries.Length == 0 ? null : new NativeMap(entries);
    }

    private static IEnumerable<WantedProbe> OfElasticIps(SwitchConfig config)
    {
        if (!config.ElasticIps.Any(e => e.HealthCheck != null))
        {
            yield break;
        }

        var enis = config.Enis.ToDictionary(e => e.Name, StringComparer.Ordinal);
        foreach (ElasticIpConfig eip in config.ElasticIps.Where(e => e.HealthCheck != null))
        {
            foreach (EipPlace place in eip.Places(enis))
            {
                yield return new WantedProbe(NameOf(eip, place.Eni, place.Address), place.Eni, place.Address, eip.HealthCheck!);
            }
        }
    }
}
