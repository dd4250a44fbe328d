namespace VSwitch.Api;

/// <summary>A backend of a listener: as configured, and how it fares.</summary>
/// <param name="Eni">Its ENI.</param>
/// <param name="Address">Its address.</param>
/// <param name="Port">Where it listens.</param>
/// <param name="Weight">Its share of new connections.</param>
/// <param name="State">serving, draining, unhealthy, or idle (weight 0): all but the first get no new connections.</param>
/// <param name="Health">healthy, unhealthy, unknown (not asked yet; counts as healthy), or unchecked (no health check).</param>
/// <param name="Connections">Live connections.</param>
/// <param name="TotalConnections">Connections so far.</param>
/// <param name="DrainSecondsLeft">Until a draining one loses its connections; left out when it does not drain.</param>
internal sealed record BackendDocument(
    string Eni, string Address, int Port, int Weight, string State, string Health, long Connections, long TotalConnections,
    double? DrainSecondsLeft);

/// <summary>A listener of a load balancer.</summary>
/// <param name="Name">Its name, or its protocol and port.</param>
/// <param name="Protocol">tcp or udp.</param>
/// <param name="Port">Its port.</param>
/// <param name="Algorithm">roundRobin, leastConnections or sourceIp.</param>
/// <param name="StickinessSeconds">How long a source address stays with its backend; left out when it need not.</param>
/// <param name="DrainSeconds">How long a leaving backend keeps its connections.</param>
/// <param name="HealthCheck">In words; left out without one.</param>
/// <param name="Connections">Live connections of all its backends.</param>
/// <param name="TotalConnections">Connections of them so far.</param>
/// <param name="Backends">Its backends.</param>
internal sealed record ListenerDocument(
    string Name, string Protocol, int Port, string Algorithm, double? StickinessSeconds, double DrainSeconds, string? HealthCheck,
    long Connections, long TotalConnections, IReadOnlyList<BackendDocument> Backends);

/// <summary>A load balancer.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Vpc">The VPC of its subnet.</param>
/// <param name="Subnet">The subnet of its address.</param>
/// <param name="Address">Its private address.</param>
/// <param name="ElasticIps">Public addresses that lead to it.</param>
/// <param name="Listeners">Its ports.</param>
internal sealed record LoadBalancerDocument(
    string Name, string Vpc, string Subnet, string Address, IReadOnlyList<string> ElasticIps, IReadOnlyList<ListenerDocument> Listeners);

/// <summary>All load balancers.</summary>
internal sealed record LoadBalancersDocument(IReadOnlyList<LoadBalancerDocument> LoadBalancers);
