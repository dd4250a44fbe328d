using System.Buffers.Binary;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Balancing;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Compile;

/// <summary>Load balancers, from the configuration to a snapshot's table.</summary>
public static class BalancerCompiler
{
    /// <summary>The name that a backend's number hangs on: the same while it serves the same listener at the same endpoint.</summary>
    public static string NameOf(LoadBalancerConfig balancer, ListenerConfig listener, BackendConfig backend, IpAddress address) =>
        $"{NameOf(balancer, listener)}/{backend.Eni}/{address}:{backend.Port}";

    /// <summary>Names of all backends of a configuration.</summary>
    public static IEnumerable<string> BackendNames(SwitchConfig config)
    {
        if (config.LoadBalancers.Count == 0)
        {
            yield break;
        }

        var enis = config.Enis.ToDictionary(e => e.Name, StringComparer.Ordinal);
        foreach (LoadBalancerConfig balancer in config.LoadBalancers)
        {
            foreach (ListenerConfig listener in balancer.Listeners)
            {
                foreach (BackendConfig backend in listener.Backends)
                {
                    yield return NameOf(balancer, listener, backend, backend.AddressOn(enis[backend.Eni]));
                }
            }
        }
    }

    /// <summary>The health checks that load balancers want; a draining backend is checked like any other.</summary>
    internal static IEnumerable<WantedProbe> Probes(SwitchConfig config)
    {
        if (!config.LoadBalancers.Any(b => b.Listeners.Any(l => l.HealthCheck != null)))
        {
            yield break;
        }

        var enis = config.Enis.ToDictionary(e => e.Name, StringComparer.Ordinal);
        foreach (LoadBalancerConfig balancer in config.LoadBalancers)
        {
            foreach (ListenerConfig listener in balancer.Listeners.Where(l => l.HealthCheck != null))
            {
                foreach (BackendConfig backend in listener.Backends)
                {
                    IpAddress address = backend.AddressOn(enis[backend.Eni]);
                    yield return new WantedProbe(
                        ProbeName(NameOf(balancer, listener, backend, address)), backend.Eni, address, listener.HealthCheck!, backend.Port);
                }
            }
        }
    }

    /// <summary>Makes the table.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="numbers">Numbers of ports and backends; the health checks have theirs.</param>
    /// <param name="vpcOf">Number of a subnet's VPC.</param>
    internal static BalancerTable Compile(SwitchConfig config, NumberDirectory numbers, Func<string, ushort> vpcOf)
    {
        if (config.LoadBalancers.Count == 0)
        {
            return BalancerTable.Empty;
        }

        var enis = config.Enis.ToDictionary(e => e.Name, StringComparer.Ordinal);
        var addresses = new List<(int, uint, int)>();
        var listeners = new List<(int, Listener)>();
        for (int i = 0; i < config.LoadBalancers.Count; i++)
        {
            LoadBalancerConfig balancer = config.LoadBalancers[i];
            ushort vpc = vpcOf(balancer.Subnet);
            addresses.Add((vpc, Raw.Ip4(balancer.Address), i + 1));
            foreach (ListenerConfig listener in balancer.Listeners)
            {
                listeners.Add((i + 1, CompileListener(balancer, listener, vpc, numbers, enis)));
            }
        }

        return new BalancerTable([.. config.LoadBalancers.Select(b => b.Name)], [.. addresses], [.. listeners]);
    }

    /// <summary>Number of a load balancer in the snapshot, from 1; 0 = none.</summary>
    internal static ushort NumberOf(SwitchConfig config, string? balancer)
    {
        for (int i = 0; balancer != null && i < config.LoadBalancers.Count; i++)
        {
            if (config.LoadBalancers[i].Name == balancer)
            {
                return (ushort)(i + 1);
            }
        }

        return 0;
    }

    private static Listener CompileListener(
        LoadBalancerConfig balancer, ListenerConfig config, ushort vpc, NumberDirectory numbers, Dictionary<string, EniConfig> enis)
    {
        var backends = new Backend[config.Backends.Count];
        var shares = new (string, int)[backends.Length];
        for (int i = 0; i < backends.Length; i++)
        {
            BackendConfig backend = config.Backends[i];
            IpAddress address = backend.AddressOn(enis[backend.Eni]);
            string name = NameOf(balancer, config, backend, address);
            int probe = config.HealthCheck == null ? 0 : numbers.ProbeOf(ProbeName(name));
            backends[i] = new Backend(
                numbers.BackendOf(name), Raw.Ip4(address), RawPort(backend.Port), (ushort)numbers.PortOf(backend.Eni),
                (ushort)backend.Weight, backend.Draining, numbers.BackendSince(name))
            {
                Probe = probe,
            };
            shares[i] = ($"{backend.Eni}/{address}:{backend.Port}", backend.Draining ? 0 : backend.Weight);
        }

        return new Listener
        {
            Number = numbers.ListenerOf(NameOf(balancer, config)),
            Name = $"{balancer.Name}/{config.NameOrDefault}",
            Vpc = vpc,
            Protocol = config.Protocol,
            Port = RawPort(config.Port),
            Algorithm = config.Algorithm,
            StickinessMs = (uint)(config.Stickiness?.TotalMilliseconds ?? 0),
            DrainMs = (uint)config.Drain.TotalMilliseconds,
            HasLooseBackend = config.Backends.Any(b => enis[b.Eni].TcpLoose),
            Backends = backends,
            Places = config.Algorithm == BalancerAlgorithm.SourceIp ? MaglevTable.Build(shares) : [],
        };
    }

    private static string NameOf(LoadBalancerConfig balancer, ListenerConfig listener) =>
        $"{balancer.Name}/{ConfigText.Protocol(listener.Protocol)}/{listener.Port}";

    private static string ProbeName(string backend) => $"load-balancer/{backend}";

    private static ushort RawPort(int port) => BinaryPrimitives.ReverseEndianness((ushort)port);
}
