using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Tests.Testing;
using VSwitch.Wire;
using static VSwitch.Tests.Testing.RowWords;

namespace VSwitch.Tests.DataPlane;

/// <summary>Frames of the requirement rows: web (10.0.1.10, EIP 198.51.100.10) and hosts of the world.</summary>
internal static class RequirementWords
{
    public const TcpBits Syn = TcpBits.Syn;
    public const TcpBits Ack = TcpBits.Ack;
    public const TcpBits SynAck = TcpBits.Syn | TcpBits.Ack;
    public const TcpBits Rst = TcpBits.Rst;
    public const string WebEip = "198.51.100.10";
    public const string AppEip = "198.51.100.11";
    public const string World = "203.0.113.5";

    /// <summary>web to the world, as web sends it; the answer, as it comes in.</summary>
    public static readonly FrameAddresses WebOut = Routed("web", "10.0.1.10", World);
    public static readonly FrameAddresses WorldIn = Outside(World, WebEip);

    /// <summary>web to app's EIP and back, as each sends it.</summary>
    public static readonly FrameAddresses WebToAppEip = Routed("web", "10.0.1.10", AppEip);
    public static readonly FrameAddresses AppToWebEip = Routed("app", "10.0.1.11", WebEip);

    /// <summary>What a host of the world saw of web's UDP packet from port 5000 to 53: for quotes.</summary>
    public static byte[] SeenUdp => Frames.Udp(new FrameAddresses(default, default, Ip(WebEip), Ip(World)), 5000, 53);

    /// <summary>A segment with its numbers.</summary>
    public static byte[] Segment(FrameAddresses ends, ushort from, ushort to, TcpBits flags, uint sequence, uint ack,
        int data = 0) =>
        Frames.Begin(ends).Tcp(from, to, flags,
            t => t with { Sequence = sequence, Acknowledgment = ack }).Payload(data).Build();

    /// <summary>SYN (sequence 0), SYN+ACK (0) and ACK from port 40000 to 80.</summary>
    public static RowStep[] Handshake(string opener, FrameAddresses ends, string responder, FrameAddresses back) =>
    [
        In(opener, Segment(ends, 40000, 80, Syn, 0, 0), $"forwarded {responder}"),
        In(responder, Segment(back, 80, 40000, SynAck, 0, 1), $"forwarded {opener}"),
        In(opener, Segment(ends, 40000, 80, Ack, 1, 1), $"forwarded {responder}"),
    ];

    /// <summary>web's connection to the world.</summary>
    public static RowStep[] WebHandshake => Handshake("web", WebOut, "internet", WorldIn);

    /// <summary>Data of web on it.</summary>
    public static RowStep WebData(string verdict, params PacketCheck[] checks) =>
        In("web", Segment(WebOut, 40000, 80, Ack | TcpBits.Psh, 1, 1, 10), verdict, checks);

    /// <summary>web's UDP packet from 5000 to 53.</summary>
    public static RowStep WebUdp(string verdict, params PacketCheck[] checks) => In("web", Frames.Udp(WebOut, 5000, 53),
        verdict, checks);

    /// <summary>Its answer.</summary>
    public static RowStep WorldUdp(string verdict, params PacketCheck[] checks) => In("internet",
        Frames.Udp(WorldIn, 53, 5000), verdict, checks);

    /// <summary>An error about a frame, from a host of the world to web.</summary>
    public static RowStep ErrorIn(byte type, byte code, byte[] quoted, string verdict, uint rest = 0,
        string from = World, params PacketCheck[] checks) =>
        In("internet", Frames.Begin(Outside(from, WebEip)).IcmpError(type, code, quoted, rest: rest).Build(), verdict,
            checks);

    /// <summary>A configuration with other timeouts.</summary>
    public static SwitchConfig With(TimeoutSettings timeouts) => Rich with { Switch = Rich.Switch with { Timeouts = timeouts } };
}
