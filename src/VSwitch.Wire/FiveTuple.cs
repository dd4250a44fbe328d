namespace VSwitch.Wire;

/// <summary>What names one direction of a conversation. Two tuples are equal when all five parts are.</summary>
/// <param name="Source">Where it comes from.</param>
/// <param name="Destination">Where it goes; of the same family as <paramref name="Source"/>.</param>
/// <param name="SourcePort">TCP, UDP or SCTP port; an ICMP query has its identifier at both ends; else 0.</param>
/// <param name="DestinationPort">As <paramref name="SourcePort"/>.</param>
/// <param name="Protocol">What runs over IP.</param>
public readonly record struct FiveTuple(
    IpAddress Source, IpAddress Destination, ushort SourcePort, ushort DestinationPort, IpProtocol Protocol)
{
    /// <summary>The other direction; its own other direction is this one.</summary>
    public FiveTuple Reverse() => new(Destination, Source, DestinationPort, SourcePort, Protocol);

    /// <summary>For example <c>Tcp 10.0.0.1:4242 &gt; [2001:db8::1]:80</c>.</summary>
    public override string ToString() =>
        $"{Protocol} {Endpoint(Source, SourcePort)} > {Endpoint(Destination, DestinationPort)}";

    private static string Endpoint(IpAddress address, ushort port) =>
        address.IsV6 ? $"[{address}]:{port}" : $"{address}:{port}";
}
