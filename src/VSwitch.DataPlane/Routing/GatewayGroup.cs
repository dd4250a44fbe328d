namespace VSwitch.DataPlane.Routing;

/// <summary>A gateway among those that a prefix leads to.</summary>
/// <param name="Port">Its port.</param>
/// <param name="Weight">Its part of the connections, 1 to 256.</param>
/// <param name="IsPropagated">True for a propagated route: static ones come first (semantics.md section 9).</param>
public readonly record struct GatewayHop(ushort Port, ushort Weight, bool IsPropagated);

/// <summary>The gateways that one prefix of a route table leads to: the static ones, then the propagated ones, among which connections
/// are spread by weight. Immutable.</summary>
public sealed class GatewayGroup(GatewayHop[] hops)
{
    private readonly GatewayHop[] _hops = hops;

    /// <summary>The gateways, static ones first.</summary>
    public ReadOnlySpan<GatewayHop> Hops => _hops;

    /// <summary>True when the port is one of them.</summary>
    public bool Contains(int port)
    {
        foreach (GatewayHop hop in _hops)
        {
            if (hop.Port == port)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Chooses for a connection: the gateway that it has, if that is still one of the best that are up; else one of these, by weight
    /// and the connection's hash. With none up, the one that it would be if all were.</summary>
    /// <param name="hash">Of the connection: the same one gives the same gateway.</param>
    /// <param name="kept">Port of the gateway that the connection has; 0 = none.</param>
    /// <param name="isUp">Says of a port whether its device is up.</param>
    public int Choose(uint hash, int kept, Func<int, bool> isUp)
    {
        bool anyUp = TryFindBest(isUp, out bool isPropagated);
        int total = 0;
        foreach (GatewayHop hop in _hops)
        {
            if (IsCandidate(hop, isPropagated, anyUp, isUp))
            {
                if (hop.Port == kept)
                {
                    return kept;
                }

                total += hop.Weight;
            }
        }

        int place = (int)(((ulong)hash * (uint)total) >> 32);
        foreach (GatewayHop hop in _hops)
        {
            if (!IsCandidate(hop, isPropagated, anyUp, isUp))
            {
                continue;
            }

            place -= hop.Weight;
            if (place < 0)
            {
                return hop.Port;
            }
        }

        return _hops[0].Port;
    }

    private static bool IsCandidate(GatewayHop hop, bool isPropagated, bool anyUp, Func<int, bool> isUp) =>
        hop.IsPropagated == isPropagated && (!anyUp || isUp(hop.Port));

    /// <summary>Which preference has a gateway that is up; without one, the first.</summary>
    private bool TryFindBest(Func<int, bool> isUp, out bool isPropagated)
    {
        foreach (GatewayHop hop in _hops)
        {
            if (isUp(hop.Port))
            {
                isPropagated = hop.IsPropagated;
                return true;
            }
        }

        isPropagated = _hops[0].IsPropagated;
        return false;
    }
}
