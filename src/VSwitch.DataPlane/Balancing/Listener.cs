namespace VSwitch.DataPlane.Balancing;

/// <summary>How a listener spreads new connections.</summary>
public enum BalancerAlgorithm : byte
{
    /// <summary>In turn, as often as the weights say, evenly spaced (smooth weighted round robin).</summary>
    RoundRobin,

    /// <summary>To the one with the fewest live connections for its weight; those with equally few in turn.</summary>
    LeastConnections,

    /// <summary>By the client's address (Maglev consistent hashing, <see cref="Listener.Places"/>).</summary>
    SourceIp,
}

/// <summary>A backend of a listener: where connections go. Addresses and ports are raw.</summary>
/// <param name="Number">Its number over reconfigurations, from 1: what is known of it hangs on it (<see cref="BackendStates"/>).</param>
/// <param name="Address">Private IPv4 address.</param>
/// <param name="Port">Transport port.</param>
/// <param name="EniPort">Switch port of its ENI.</param>
/// <param name="Weight">Its share of new connections; 0 = none.</param>
/// <param name="IsDraining">True when it gets no new connections and loses the live ones after the listener's drain time.</param>
/// <param name="Since">Version of the snapshot in which it appeared; what its number counted before was another one's.</param>
public readonly record struct Backend(
    int Number, uint Address, ushort Port, ushort EniPort, ushort Weight, bool IsDraining, uint Since)
{
    /// <summary>Number of its health check (<see cref="Probes.ProbeTable"/>); 0 = it has none.</summary>
    public int Probe { get; init; }
}

/// <summary>A compiled listener of a load balancer: a port of its address, and who serves it. Immutable.</summary>
public sealed class Listener
{
    /// <summary>Its number over reconfigurations, from 1.</summary>
    public required int Number { get; init; }

    /// <summary>The load balancer's and its own name, for people.</summary>
    public required string Name { get; init; }

    /// <summary>VPC of the load balancer and of its backends.</summary>
    public required ushort Vpc { get; init; }

    /// <summary>IP protocol: 6 or 17.</summary>
    public required byte Protocol { get; init; }

    /// <summary>Port, raw.</summary>
    public required ushort Port { get; init; }

    /// <summary>How new connections are spread.</summary>
    public BalancerAlgorithm Algorithm { get; init; }

    /// <summary>So long after its last new connection a source address stays with its backend, milliseconds; 0 = it need not.</summary>
    public uint StickinessMs { get; init; }

    /// <summary>So long a backend that drains or was removed keeps its connections, milliseconds.</summary>
    public uint DrainMs { get; init; }

    /// <summary>A backend's ENI takes connections in mid-stream (<c>tcp: loose</c>).</summary>
    public bool HasLooseBackend { get; init; }

    /// <summary>Who serves it, draining ones included.</summary>
    public required Backend[] Backends { get; init; }

    /// <summary>For <see cref="BalancerAlgorithm.SourceIp"/>: places in <see cref="Backends"/> by the hash of a source address; empty
    /// when no backend takes new connections.</summary>
    public ushort[] Places { get; init; } = [];
}
