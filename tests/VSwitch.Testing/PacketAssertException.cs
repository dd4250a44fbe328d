namespace VSwitch.Testing;

/// <summary>A frame is not what a test says it must be.</summary>
public sealed class PacketAssertException(string message) : Exception(message);
