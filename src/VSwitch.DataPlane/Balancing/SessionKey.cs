namespace VSwitch.DataPlane.Balancing;

/// <summary>A client of a listener: what the client's packets show before a backend is known. Raw.</summary>
/// <param name="Low">Client's address (low half), listener's address as the packet has it.</param>
/// <param name="High">Client's port (16 bits), listener's port (16), space (16; 0 is the public one), protocol (8).</param>
public readonly record struct SessionKey(ulong Low, ulong High)
{
    /// <summary>Protocol number of no packet: marks the backend that a source address stays with.</summary>
    private const byte Sticky = 255;

    /// <summary>True when it says where a source address stays, and not where a connection goes.</summary>
    public bool IsSticky => (byte)(High >> 48) == Sticky;

    /// <summary>The key of a connection.</summary>
    public static SessionKey Of(int space, uint client, ushort clientPort, uint listener, ushort listenerPort, byte protocol) => new(
        client | ((ulong)listener << 32),
        clientPort | ((ulong)listenerPort << 16) | ((ulong)(uint)space << 32) | ((ulong)protocol << 48));

    /// <summary>The key of what a listener remembers of a source address.</summary>
    public static SessionKey StickyOf(int listener, uint client) =>
        new(client | ((ulong)(uint)listener << 32), (ulong)Sticky << 48);
}

/// <summary>Where a client's connection goes. Raw.</summary>
/// <param name="Address">Backend's address; 0 = nowhere.</param>
/// <param name="Port">Backend's port.</param>
/// <param name="Backend">Backend's number.</param>
public readonly record struct Session(uint Address, ushort Port, ushort Backend)
{
    /// <summary>True when it leads somewhere.</summary>
    public bool IsThere => Address != 0;

    internal ulong Word => Address | ((ulong)Port << 32) | ((ulong)Backend << 48);

    internal static Session Of(ulong word) => new((uint)word, (ushort)(word >> 32), (ushort)(word >> 48));
}
