namespace VSwitch.DataPlane.Tables;

/// <summary>A compiled peering. Its connections have a space of their own, so that both directions have one key.</summary>
public sealed class Peering
{
    /// <summary>Name for people.</summary>
    public required string Name { get; init; }

    /// <summary>The space of its connections, a number that no VPC has.</summary>
    public required int Space { get; init; }

    /// <summary>Version of the snapshot in which it appeared.</summary>
    public uint Since { get; init; }

    /// <summary>True once both sides consent; else it forwards nothing.</summary>
    public bool IsActive { get; init; }

    /// <summary>VPC index of one side; 0 for a peering that is gone and that a route still names.</summary>
    public ushort Requester { get; init; }

    /// <summary>VPC index of the other side.</summary>
    public ushort Accepter { get; init; }

    /// <summary>The VPC that one is joined with; 0 when it is neither side.</summary>
    public int OtherOf(int vpc) => vpc == Requester ? Accepter : vpc == Accepter ? Requester : 0;
}

/// <summary>What a VPC finds behind one of its peerings.</summary>
/// <param name="Peering">Index into <see cref="ForwardingSnapshot.Peerings"/>.</param>
/// <param name="Ranges4">IPv4 ranges of the VPC at its other end, raw.</param>
/// <param name="Ranges6">Its IPv6 ranges.</param>
public sealed record PeerLink(int Peering, Prefix4[] Ranges4, Prefix6[] Ranges6)
{
    /// <summary>True when a range holds the raw address.</summary>
    public bool Contains(uint raw) => Prefix4.AnyContains(Ranges4, raw);

    /// <summary>True when a range holds the raw address.</summary>
    public bool Contains(RawIp6 raw) => Prefix6.AnyContains(Ranges6, raw);
}
