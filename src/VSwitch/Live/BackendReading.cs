using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Balancing;
using VSwitch.DataPlane.Probes;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Wire;

namespace VSwitch.Live;

/// <summary>How a backend fares, read at one time.</summary>
/// <param name="Eni">Its ENI.</param>
/// <param name="Address">Its address.</param>
/// <param name="Port">Its port.</param>
/// <param name="Weight">Its share of new connections.</param>
/// <param name="State">serving, draining, unhealthy or idle.</param>
/// <param name="Health">healthy, unhealthy, unknown or unchecked.</param>
/// <param name="Connections">Live connections.</param>
/// <param name="TotalConnections">Connections so far.</param>
/// <param name="DrainLeft">Until a draining one loses its connections; null when it does not drain.</param>
internal sealed record BackendReading(
    string Eni, IpAddress Address, int Port, int Weight, string State, string Health, long Connections, long TotalConnections,
    TimeSpan? DrainLeft)
{
    /// <summary>Reads the backends of a listener; any thread.</summary>
    /// <param name="shared">What the workers share.</param>
    /// <param name="snapshot">The snapshot that was made of the configuration.</param>
    /// <param name="balancer">The load balancer's place in the configuration.</param>
    /// <param name="listener">Its listener.</param>
    /// <param name="nowNs">The workers' time.</param>
    public static IReadOnlyList<BackendReading> Of(
        SwitchShared shared, ForwardingSnapshot snapshot, int balancer, ListenerConfig listener, long nowNs)
    {
        ushort port = System.Buffers.Binary.BinaryPrimitives.ReverseEndianness((ushort)listener.Port);
        Listener compiled = snapshot.Balancers.Listener(balancer + 1, listener.Protocol, port)!;
        BalancerState state = shared.Balancing!;
        var readings = new List<BackendReading>(compiled.Backends.Length);
        for (int i = 0; i < compiled.Backends.Length; i++)
        {
            Backend backend = compiled.Backends[i];
            long drainEndMs = state.Backends.DrainEndMsOf(backend.Number);
            string health = backend.Probe == 0 ? "unchecked" : ConfigText.Word(shared.Probes.HealthOf(backend.Probe));
            string word = backend.IsDraining ? "draining" : backend.Weight == 0 ? "idle"
                : state.IsHealthy(backend) ? "serving" : ConfigText.Word(ProbeHealth.Unhealthy);
            readings.Add(new BackendReading(
                snapshot.PortNames[backend.EniPort], IpAddress.Read(BitConverter.GetBytes(backend.Address), isV6: false),
                listener.Backends[i].Port, backend.Weight, word, health, state.Backends.LiveOf(backend.Number),
                state.Backends.TotalOf(backend.Number),
                backend.IsDraining ? TimeSpan.FromMilliseconds(Math.Max(0, drainEndMs - (nowNs / 1_000_000))) : null));
        }

        return readings;
    }
}
