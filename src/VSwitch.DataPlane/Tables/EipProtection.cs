namespace VSwitch.DataPlane.Tables;

/// <summary>From which rates on an EIP counts as attacked; each 0 where that rate is not looked at. <c>default</c>: never.</summary>
/// <param name="BitsPerSecond">Bits of IP packets that come to it.</param>
/// <param name="PacketsPerSecond">Packets that come to it.</param>
/// <param name="SynsPerSecond">SYNs from outside that rules allow and that belong to no connection.</param>
/// <param name="NewConnectionsPerSecond">The same of first packets of any protocol.</param>
/// <param name="CalmForNs">How long all rates have to be low before scrubbing ends, nanoseconds.</param>
public readonly record struct EipProtection(
    long BitsPerSecond, long PacketsPerSecond, long SynsPerSecond, long NewConnectionsPerSecond, long CalmForNs)
{
    /// <summary>True when the EIP is protected.</summary>
    public bool IsThere => CalmForNs != 0;
}
