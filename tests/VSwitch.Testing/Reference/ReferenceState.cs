using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>What a protocol's state machine says of a packet that hits a connection.</summary>
/// <param name="TcpState">The state after it.</param>
/// <param name="Refreshes">It moves the state and restarts the timer.</param>
/// <param name="IsInvalid">It is refused.</param>
/// <param name="IsRestart">It begins a new connection in the old one's place.</param>
/// <param name="Ends">It passes and the connection is gone.</param>
internal sealed record ReferenceVerdict(ReferenceTcpState TcpState, bool Refreshes, bool IsInvalid, bool IsRestart, bool Ends);

/// <summary>State machines of the protocols (section 4, hit step 4 and miss step 1).</summary>
internal static class ReferenceState
{
    private static readonly ReferenceVerdict Pass = new(ReferenceTcpState.None, true, false, false, false);
    private static readonly ReferenceVerdict Invalid = new(ReferenceTcpState.None, false, true, false, false);

    public static ReferenceVerdict Judge(ReferencePacket packet, ReferenceConnection connection, bool isOriginal)
    {
        if (packet.Protocol == 6)
        {
            return JudgeTcp(packet.TcpFlags, connection.TcpState, isOriginal);
        }

        if (!packet.IsIcmp)
        {
            return Pass;
        }

        bool isRequest = ReferenceTuples.IsRequest(packet.IcmpType, packet.IsV6) == true;
        bool isFine = isOriginal ? isRequest && packet.IcmpCode == 0 : !isRequest;
        return isFine ? Pass : Invalid;
    }

    /// <summary>True for a packet that may open a connection.</summary>
    public static bool MayOpen(ReferencePacket packet, bool isLoose)
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
            (kind == ReferenceTcpClass.Syn || (isLoose && kind == ReferenceTcpClass.Ack));
    }

    /// <summary>State of a new connection.</summary>
    public static ReferenceTcpState FirstState(ReferencePacket packet) => packet.Protocol == 6
        ? ReferenceTcp.Next(original: true, ReferenceTcp.ClassOf(packet.TcpFlags), ReferenceTcpState.None)
        : ReferenceTcpState.None;

    /// <summary>What the rules are asked.</summary>
    public static PolicyQuestion QuestionOf(ReferencePacket packet, IpAddress remote) => new(
        remote, packet.Protocol, packet.Protocol is 6 or 17 or 132 ? packet.U16(packet.L4 + 2) : null,
        packet.IsIcmp ? packet.IcmpType : null, packet.IsIcmp ? packet.IcmpCode : null);

    private static ReferenceVerdict JudgeTcp(TcpBits flags, ReferenceTcpState state, bool isOriginal)
    {
        ReferenceTcpClass kind = ReferenceTcp.ClassOf(flags);
        ReferenceTcpState next = ReferenceTcp.Next(isOriginal, kind, state);
        if (!ReferenceTcp.AreGood(flags) || next == ReferenceTcpState.Invalid)
        {
            return Invalid;
        }

        if (next == ReferenceTcpState.Ignore)
        {
            return Pass with { TcpState = state, Refreshes = false };
        }

        return new ReferenceVerdict(
            next,
            Refreshes: true,
            IsInvalid: false,
            IsRestart: next == ReferenceTcpState.SynSent && state is ReferenceTcpState.TimeWait or ReferenceTcpState.Close &&
                kind == ReferenceTcpClass.Syn,
            Ends: kind == ReferenceTcpClass.Rst && !isOriginal && state == ReferenceTcpState.SynSent);
    }
}
