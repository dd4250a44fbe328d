using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>What a protocol's state machine says of a packet that hits a connection.</summary>
internal sealed record ReferenceVerdict
{
    public static readonly ReferenceVerdict Invalid = new() { IsInvalid = true };
    public static readonly ReferenceVerdict Restart = new() { IsRestart = true };
    public static readonly ReferenceVerdict Unchanged = new();
    public static readonly ReferenceVerdict Pass = new() { Refreshes = true };

    /// <summary>TCP's state after it; null = as before.</summary>
    public ReferenceTcpTrack? Tcp { get; init; }

    /// <summary>It restarts the timer.</summary>
    public bool Refreshes { get; init; }

    /// <summary>It is refused.</summary>
    public bool IsInvalid { get; init; }

    /// <summary>It begins a new connection in the old one's place.</summary>
    public bool IsRestart { get; init; }

    /// <summary>It passes and the connection is gone.</summary>
    public bool Ends { get; init; }
}

/// <summary>State machines of the protocols (section 4, hit step 5 and miss step 1).</summary>
internal static class ReferenceState
{
    public static ReferenceVerdict Judge(ReferencePacket packet, ReferenceConnection connection, bool isOriginal)
    {
        if (connection.Tcp is { } track)
        {
            return ReferenceTcpJudge.Judge(ReferenceSegment.Of(packet), track, isOriginal);
        }

        if (!packet.IsIcmp)
        {
            return ReferenceVerdict.Pass;
        }

        bool isRequest = ReferenceTuples.IsRequest(packet.IcmpType, packet.IsV6) == true;
        bool isFine = isOriginal ? isRequest && packet.IcmpCode == 0 : !isRequest;
        return isFine ? ReferenceVerdict.Pass : ReferenceVerdict.Invalid;
    }

    /// <summary>True for a packet that may open a connection.</summary>
    public static bool MayOpen(ReferencePacket packet, Func<bool> isLoose)
    {
        if (packet.IsIcmp)
        {
            return ReferenceTuples.IsRequest(packet.IcmpType, packet.IsV6) == true && packet.IcmpCode == 0;
        }

        if (packet.Protocol != 6)
        {
            return true;
        }

        ReferenceTcpClass kind = ReferenceTcp.ClassOf(packet.TcpFlags);
        return ReferenceTcp.AreGood(packet.TcpFlags) &&
            (kind == ReferenceTcpClass.Syn || (kind == ReferenceTcpClass.Ack && isLoose()));
    }

    /// <summary>TCP's state of a new connection; null for the other protocols.</summary>
    public static ReferenceTcpTrack? First(ReferencePacket packet) =>
        packet.Protocol == 6 ? ReferenceTcpTrack.Begin(ReferenceSegment.Of(packet)) : null;

    /// <summary>What the rules are asked.</summary>
    public static PolicyQuestion QuestionOf(ReferencePacket packet, IpAddress remote) => new(
        remote, packet.Protocol, packet.Protocol is 6 or 17 or 132 ? packet.U16(packet.L4 + 2) : null,
        packet.IsIcmp ? packet.IcmpType : null, packet.IsIcmp ? packet.IcmpCode : null);
}
