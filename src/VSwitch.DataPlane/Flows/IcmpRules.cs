namespace VSwitch.DataPlane.Flows;

/// <summary>Which ICMP and ICMPv6 messages are queries, answers and errors (semantics.md sections 2.3 and 4).</summary>
public static class IcmpRules
{
    /// <summary>ICMP echo request and reply (RFC 792), ICMPv6 echo request and reply (RFC 4443).</summary>
    public const byte EchoRequest = 8;

    /// <summary>ICMP echo reply.</summary>
    public const byte EchoReply = 0;

    /// <summary>ICMPv6 echo request.</summary>
    public const byte EchoRequest6 = 128;

    /// <summary>ICMPv6 echo reply.</summary>
    public const byte EchoReply6 = 129;

    /// <summary>True for the messages that report on another packet.</summary>
    public static bool IsError(byte type, bool isV6) => isV6 ? type is >= 1 and <= 4 : type is 3 or 4 or 5 or 11 or 12;

    /// <summary>True for the queries that may open a connection.</summary>
    public static bool IsRequest(byte type, bool isV6) => isV6 ? type == EchoRequest6 : type is EchoRequest or 13 or 15;

    /// <summary>True for their answers.</summary>
    public static bool IsReply(byte type, bool isV6) => isV6 ? type == EchoReply6 : type is EchoReply or 14 or 16;

    /// <summary>The type that answers a query; a query that has no answer is its own.</summary>
    public static byte AnswerTo(byte type, bool isV6) => isV6
        ? (type == EchoRequest6 ? EchoReply6 : type)
        : type switch { EchoRequest => EchoReply, 13 => (byte)14, 15 => (byte)16, _ => type };

    /// <summary>True for queries and their answers: what a connection is made of.</summary>
    public static bool IsQuery(byte type, bool isV6) => IsRequest(type, isV6) || IsReply(type, isV6);

    /// <summary>Echo 0, timestamp 1, information 2: part of the key.</summary>
    public static byte KindOf(byte type, bool isV6) => isV6 ? FlowKey.KindEcho : type switch
    {
        13 or 14 => FlowKey.KindTimestamp,
        15 or 16 => FlowKey.KindInformation,
        _ => FlowKey.KindEcho,
    };
}
