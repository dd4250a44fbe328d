namespace VSwitch.DataPlane.Watching;

/// <summary>What became of a packet: the end of a received one, or the switch's own.</summary>
public enum PacketVerdict : byte
{
    /// <summary>Sent on by a port.</summary>
    Forwarded,

    /// <summary>Dropped, for a <see cref="Pipeline.DropReason"/>.</summary>
    Dropped,

    /// <summary>Answered by the switch itself (ARP, ND, DHCP, echo).</summary>
    Answered,

    /// <summary>Taken in silence.</summary>
    Consumed,

    /// <summary>Never received: the switch made it (answers, ICMP errors, questions for neighbours, fragments and segments).</summary>
    Generated,
}

/// <summary>The verdicts by the names that people and programs write.</summary>
public static class PacketVerdicts
{
    private static readonly string[] Names = ["forwarded", "dropped", "answered", "consumed", "generated"];

    /// <summary>All names.</summary>
    public static ReadOnlySpan<string> All => Names;

    /// <summary>The name of a verdict.</summary>
    public static string Name(this PacketVerdict verdict) => Names[(int)verdict];

    /// <summary>Finds a verdict by its name.</summary>
    public static bool TryParse(string name, out PacketVerdict verdict)
    {
        int i = Array.IndexOf(Names, name);
        verdict = (PacketVerdict)Math.Max(0, i);
        return i >= 0;
    }
}

/// <summary>Which way a frame went at the port where it was seen.</summary>
public enum PacketDirection : byte
{
    /// <summary>From the guest or the outside into the switch.</summary>
    In,

    /// <summary>Out of the switch.</summary>
    Out,
}
