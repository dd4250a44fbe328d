using System.Buffers.Binary;
using VSwitch.Testing;
using VSwitch.Wire;
using static VSwitch.Tests.Testing.RowWords;

namespace VSwitch.Tests.Testing;

/// <summary>Rows of section 11: sequence numbers, windows, and what follows from them.</summary>
internal static class ReferenceTcpRows
{
    private const TcpBits Syn = TcpBits.Syn;
    private const TcpBits SynAck = TcpBits.Syn | TcpBits.Ack;
    private const TcpBits Ack = TcpBits.Ack;
    private const TcpBits Rst = TcpBits.Rst;
    private const TcpBits RstAck = TcpBits.Rst | TcpBits.Ack;
    private const TcpBits FinAck = TcpBits.Fin | TcpBits.Ack;
    private const string There = "forwarded app";
    private const string Back = "forwarded web";
    private const string Refused = "dropped connection-invalid";

    // Near the wrap on purpose: most rows cross 2^32.
    private const uint A = 0xFFFF_FFF0;
    private const uint B = 0x7FFF_FFF0;

    private static readonly byte[] Permitted = [4, 2, 1, 1];
    private static readonly FrameAddresses WebToApp = Switched("web", "app", "10.0.1.10", "10.0.1.11");
    private static readonly FrameAddresses AppToLoose = Routed("app", "10.0.1.11", "10.0.2.11");

    public static IEnumerable<ReferenceRow> All() =>
        [.. Opening(), .. Windows(), .. Scaling(), .. Resets(), .. Remembered(), .. Simultaneous(), .. Loose(), .. Timers()];

    /// <summary>From the opener; sequence and acknowledgement count from the two first sequence numbers.</summary>
    private static RowStep Out(TcpBits flags, uint sequence, uint ack, string verdict, int data = 0, ushort window = 1000, params byte[] options) =>
        In("web", Segment(WebToApp, 40000, 80, flags, A + sequence, B + ack, data, window, options), verdict);

    private static RowStep Reply(TcpBits flags, uint sequence, uint ack, string verdict, int data = 0, ushort window = 1000, params byte[] options) =>
        In("app", Segment(WebToApp.Reverse(), 80, 40000, flags, B + sequence, A + ack, data, window, options), verdict);

    private static byte[] Segment(FrameAddresses ends, ushort from, ushort to, TcpBits flags, uint sequence, uint ack, int data,
        ushort window, byte[] options) =>
        Frames.Begin(ends).Tcp(from, to, flags, tcp => tcp with
        {
            Sequence = sequence,
            Acknowledgment = flags.HasFlag(Ack) ? ack : 0,
            Window = window,
            Options = options,
        }).Payload(data).Build();

    private static RowStep[] Open(byte[]? options = null, byte[]? answer = null) =>
    [
        Out(Syn, 0, 0, There, options: options ?? []),
        Reply(SynAck, 0, 1, Back, options: answer ?? options ?? []),
        Out(Ack, 1, 1, There),
    ];

    /// <summary>A SACK option with one block, counted from the opener's first sequence number.</summary>
    private static byte[] Sack(uint left, uint right)
    {
        byte[] option = [1, 1, 5, 10, 0, 0, 0, 0, 0, 0, 0, 0];
        BinaryPrimitives.WriteUInt32BigEndian(option.AsSpan(4), A + left);
        BinaryPrimitives.WriteUInt32BigEndian(option.AsSpan(8), A + right);
        return option;
    }

    private static IEnumerable<ReferenceRow> Opening() =>
    [
        Row("a SYN+ACK must acknowledge the SYN", Out(Syn, 0, 0, There), Reply(SynAck, 0, 0, Refused), Reply(SynAck, 0, 2, Refused),
            Out(Ack, 1, 1, Refused), Reply(SynAck, 0, 1, Back), Out(Ack, 1, 1, There)),
        Row("a SYN+ACK may acknowledge part of the SYN's data", Out(Syn, 0, 0, There, data: 100), Reply(SynAck, 0, 50, Back)),
        Row("the answer to another SYN in SYN_SENT counts", Out(Syn, 0, 0, There), Out(Syn, 500, 0, There), Reply(SynAck, 0, 300, Refused),
            Reply(SynAck, 0, 501, Back), Out(Ack, 501, 1, There, 100)),
        Row("the answer to the first of two SYNs counts, too", Out(Syn, 500, 0, There), Out(Syn, 0, 0, There),
            Reply(SynAck, 0, 501, Back), Out(Ack, 501, 1, There, 100)),
        Row("a RST that acknowledges another SYN ends both", Out(Syn, 0, 0, There), Out(Syn, 500, 0, There),
            Reply(RstAck, 0, 501, Back), Reply(SynAck, 0, 1, Refused)),
        Row("an ACK of more than was sent does not establish", Out(Syn, 0, 0, There), Reply(SynAck, 0, 1, Back),
            Out(Ack, 1, 2, Refused), Reply(Ack, 1, 1, Back), Out(Ack, 1, 1, There)),
    ];

    private static IEnumerable<ReferenceRow> Windows() =>
    [
        Row("data up to the window's edge, a little over it, and no more",
            [
                .. Open(), Out(Ack, 1, 1, There, 1000), Out(Ack, 1001, 1, There, 10), Out(Ack, 2001, 1, Refused, 10),
                Out(Ack, 2000, 1, There, 10),
            ]),
        Row("what is a little over moves its sender's end alone",
            [
                .. Open(), Out(FinAck, 1500, 1, There), Reply(Ack, 1, 1502, Refused), Reply(Ack, 1, 1501, Back),
                Out(Ack, 1501, 1, There).At(200_000),
            ]),
        Row("an acknowledgement of what was not sent",
            [.. Open(), Reply(Ack, 1, 2, Refused), Out(Ack, 1, 1, There, 100), Reply(Ack, 1, 101, Back), Reply(Ack, 1, 102, Refused)]),
        Row("an acknowledgement opens the window",
            [
                .. Open(), Out(Ack, 1, 1, There, 1000), Out(Ack, 2001, 1, Refused, 10), Reply(Ack, 1, 1001, Back),
                Out(Ack, 2001, 1, There, 10),
            ]),
        Row("retransmitted data passes", [.. Open(), Out(Ack, 1, 1, There, 900), Reply(Ack, 1, 901, Back), Out(Ack, 1, 1, There, 900)]),
        Row("an old FIN does not move the state",
            [
                .. Open(), Out(Ack, 1, 1, There, 1000), Reply(Ack, 1, 1001, Back), Out(Ack, 1001, 1, There, 1000), Reply(Ack, 1, 2001, Back),
                Out(FinAck, 1, 1, There), Out(Syn, 9, 0, There), Reply(Syn, 9, 0, Refused), Reply(Ack, 1, 2001, Back).At(400_000_000),
            ]),
        Row("a window of 0 lets one byte probe",
            [
                .. Open(), Out(Ack, 1, 1, There, 1000), Reply(Ack, 1, 1001, Back, window: 0), Out(Ack, 1001, 1, There, 1),
                Out(Ack, 2500, 1, Refused, 1),
            ]),
    ];

    private static IEnumerable<ReferenceRow> Scaling()
    {
        byte[] scale = [3, 3, 4, 0];
        byte[] tooLarge = [3, 3, 200, 0];
        return
        [
            Row("a scaled window",
                [.. Open(scale), Reply(Ack, 1, 1, Back), Out(Ack, 16001, 1, There), Out(Ack, 32_001, 1, Refused)]),
            Row("a SYN's own window is not scaled",
                [Out(Syn, 0, 0, There, options: scale), Reply(SynAck, 0, 1, Back, options: scale), Out(Ack, 2500, 1, Refused)]),
            Row("one scale alone does not count",
                [.. Open(scale, []), Reply(Ack, 1, 1, Back), Out(Ack, 1001, 1, There), Out(Ack, 2001, 1, Refused)]),
            Row("a scale of more than 14 is 14",
                [.. Open(tooLarge), Reply(Ack, 1, 1, Back), Out(Ack, 16_384_001, 1, There), Out(Ack, 32_768_001, 1, Refused)]),
            Row("an option that is cut short is none",
                [.. Open(scale, [1, 1, 3, 9]), Reply(Ack, 1, 1, Back), Out(Ack, 2001, 1, Refused)]),
            Row("SACK counts when it was permitted",
                [
                    .. Open(Permitted), Out(Ack, 1, 1, There, 500), Out(Ack, 501, 1, There, 500),
                    Reply(Ack, 1, 1, Back, options: Sack(501, 1001)), Out(Ack, 2001, 1, There),
                    Out(Ack, 4001, 1, Refused), Reply(Ack, 1, 1, Refused, options: Sack(501, 2002)),
                ]),
            Row("SACK does not count when it was not",
                [
                    .. Open(), Out(Ack, 1, 1, There, 500), Out(Ack, 501, 1, There, 500),
                    Reply(Ack, 1, 1, Back, options: Sack(501, 3001)), Out(Ack, 2001, 1, Refused),
                ]),
        ];
    }

    private static IEnumerable<ReferenceRow> Resets() =>
    [
        Row("an exact RST closes", [.. Open(), Reply(Rst, 1, 0, Back), Out(Syn, 9000, 0, There), Out(Ack, 9001, 1, Refused)]),
        Row("a RST below what was acknowledged is refused", [.. Open(), Reply(Rst, 0, 0, Refused), Out(Ack, 1, 1, There)]),
        Row("a RST beyond the window is refused", [.. Open(), Reply(Rst, 2001, 0, Refused), Out(Ack, 1, 1, There)]),
        Row("an inexact RST inside the window passes and does not close",
            [.. Open(), Reply(Rst, 500, 0, Back), Out(Syn, 9, 0, There), Reply(Syn, 9, 0, Refused)]),
        Row("a RST behind the data last sent closes",
            [.. Open(), Reply(Ack, 1, 1, Back, 300), Reply(Rst, 301, 0, Back), Reply(Syn, 700, 0, Refused), Out(Syn, 9, 0, There), Out(Ack, 10, 1, Refused)]),
        Row("after a FIN an inexact RST closes",
            [.. Open(), Out(FinAck, 1, 1, There), Reply(Rst, 500, 0, Back), Out(Syn, 9, 0, There), Out(Ack, 10, 1, Refused)]),
        Row("a RST that does not acknowledge the SYN is refused", Out(Syn, 0, 0, There), Reply(RstAck, 0, 5, Refused), Reply(SynAck, 0, 1, Back)),
        Row("a RST that acknowledges the SYN ends it", Out(Syn, 0, 0, There), Reply(RstAck, 0, 1, Back), Reply(SynAck, 0, 1, Refused)),
        Row("a RST that acknowledges nothing does not end a SYN", Out(Syn, 0, 0, There),
            In("app", Segment(WebToApp.Reverse(), 80, 40000, RstAck, 0, 0, 0, 0, []), Refused), Reply(Rst, 0, 0, Refused),
            Reply(SynAck, 0, 1, Back)),
        Row("the opener's RST in SYN_SENT", Out(Syn, 0, 0, There), Out(Rst, 2, 0, Refused), Out(Rst, 1, 0, There),
            Reply(SynAck, 0, 1, Refused), Out(Syn, 9, 0, There)),
    ];

    private static IEnumerable<ReferenceRow> Remembered() =>
    [
        Row("a SYN into an open connection, and the answer that begins anew",
            [
                .. Open(), Out(Syn, 70_000, 0, There), Reply(SynAck, 90_000, 70_001, Back), Out(Ack, 70_001, 90_001, There, 500),
                Reply(Ack, 90_001, 70_501, Back), Out(Ack, 1, 1, There, 10), Reply(Ack, 200_000, 70_501, Refused),
            ]),
        Row("a SYN into an open connection, and a RST of who remembers nothing",
            [.. Open(), Out(Syn, 70_000, 0, There), Reply(RstAck, 0, 70_001, Back), Out(FinAck, 1, 1, There), Reply(Syn, 7, 0, Refused), Out(Syn, 9, 0, There), Out(Ack, 10, 1, Refused)]),
        Row("a SYN into an open connection, and an answer whose SACK names what was not sent",
            [
                .. Open(), Out(Syn, 70_000, 0, There, options: Permitted), Reply(SynAck, 90_000, 70_001, Refused, options: Sack(70_001, 70_500)),
                Reply(SynAck, 90_000, 70_001, Back), Out(Ack, 70_001, 90_001, There),
            ]),
        Row("after such an answer the old connection goes on",
            [
                .. Open(), Out(Syn, 70_000, 0, There, options: Permitted), Reply(SynAck, 90_000, 70_001, Refused, options: Sack(70_001, 70_500)),
                Reply(Ack, 1, 1, Back, 10), Out(Ack, 1, 11, There, 10), Reply(RstAck, 11, 70_001, Refused),
            ]),
        Row("the same in SYN_SENT", Out(Syn, 0, 0, There), Out(Syn, 500, 0, There, options: Permitted),
            Reply(SynAck, 0, 501, Refused, options: Sack(501, 600)), Reply(SynAck, 0, 1, Back), Out(Ack, 1, 1, There)),
        Row("a SYN into an open connection is forgotten by data",
            [.. Open(), Out(Syn, 70_000, 0, There), Reply(Ack, 1, 1, Back, 10), Reply(RstAck, 11, 70_001, Refused), Reply(Ack, 11, 1, Back)]),
        Row("a challenge ACK in LAST_ACK does not end the connection",
            [
                .. Open(), Out(FinAck, 1, 1, There), Reply(FinAck, 1, 2, Back), Out(Syn, 500, 0, There), Reply(Ack, 2, 2, Back),
                Out(Syn, 600, 0, There), Reply(SynAck, 9000, 601, Back), Out(Ack, 601, 9001, There),
            ]),
        Row("a challenge ACK in LAST_ACK takes the place of the SYN that it answers",
            [
                .. Open(), Out(FinAck, 1, 1, There), Reply(FinAck, 1, 2, Back), Out(Syn, 500, 0, There), Reply(Ack, 2, 2, Back),
                Reply(RstAck, 2, 501, Refused), Reply(Rst, 2, 0, Back), Out(Syn, 9, 0, There), Out(Ack, 10, 1, Refused),
            ]),
        Row("a SYN into an open connection, its challenge ACK, and the opener's RST that follows",
            [.. Open(), Out(Syn, 70_000, 0, There), Reply(Ack, 1, 1, Back), Out(Rst, 1, 0, There), Reply(Syn, 7, 0, Refused), Out(Syn, 9, 0, There), Out(Ack, 10, 1, Refused)]),
        Row("the same in LAST_ACK",
            [
                .. Open(), Out(FinAck, 1, 1, There), Reply(FinAck, 1, 2, Back), Out(Syn, 500, 0, There), Reply(Ack, 2, 2, Back),
                Out(Rst, 2, 0, There), Out(Syn, 9, 0, There), Reply(SynAck, 0, 10, Back),
            ]),
        Row("the same with data of the opener before",
            [
                .. Open(), Out(Ack, 1, 1, There, 300), Reply(Ack, 1, 301, Back), Reply(Ack, 1, 301, Back, 50), Out(Ack, 301, 51, There),
                Out(Syn, 70_000, 0, There), Reply(Ack, 51, 301, Back), Out(Rst, 301, 0, There), Out(Syn, 9, 0, There), Out(Ack, 10, 1, Refused),
            ]),
        Row("both FINs acknowledged, and the responder's SYN anew",
            [
                .. Open(), Reply(FinAck, 1, 1, Back), Out(Ack, 1, 2, There), Out(FinAck, 1, 2, There), Reply(Ack, 2, 2, Back),
                Reply(Syn, 90_000, 0, Back),
            ]),
        Row("a challenge ACK in SYN_SENT, and the opener's RST that follows", Out(Syn, 0, 0, There), Reply(Ack, 800, 5000, Back),
            Out(Rst, 5001, 0, Refused), Out(Rst, 5000, 0, There), Out(Rst, 5000, 0, There), Reply(SynAck, 0, 1, Back), Out(Ack, 1, 1, There)),
    ];

    private static IEnumerable<ReferenceRow> Simultaneous() =>
    [
        Row("simultaneous SYNs, a SYN+ACK, and the responder's ACK establishes", Out(Syn, 0, 0, There), Reply(Syn, 0, 0, Back),
            Out(SynAck, 0, 1, There), Reply(Ack, 1, 1, Back), Reply(Ack, 1, 1, Back).At(400_000_000)),
        Row("simultaneous SYNs, and the opener's ACK establishes", Out(Syn, 0, 0, There), Reply(Syn, 0, 0, Back),
            Reply(SynAck, 0, 1, Back), Out(Ack, 1, 1, There), Out(Ack, 1, 1, There).At(400_000_000)),
        Row("after simultaneous SYNs a SYN+ACK must not acknowledge what was not sent", Out(Syn, 0, 0, There), Reply(Syn, 0, 0, Back),
            Reply(SynAck, 500, 200, Refused), Out(SynAck, 300, 200, Refused), Reply(SynAck, 500, 227, Refused)),
        Row("after simultaneous SYNs and a late SYN+ACK, an answer to what was not sent", Out(Syn, 5000, 0, There),
            Reply(Syn, 0, 0, Back, window: 0), Out(SynAck, 2000, 1, There), Reply(SynAck, 0, 5002, Refused)),
        Row("after simultaneous SYNs and a FIN a little over the window, a SYN+ACK a little over it leaves nothing", Out(Syn, 0, 0, There),
            Reply(Syn, 0, 0, Back), Reply(SynAck, 0, 1, Back), Out(FinAck, 1500, 1, There), Out(SynAck, 1200, 1, There),
            Reply(Ack, 1, 1400, Back), Out(Ack, 1501, 1, There)),
        Row("the responder's ACK alone does not establish", Out(Syn, 0, 0, There), Reply(SynAck, 0, 1, Back), Reply(Ack, 1, 1, Back),
            Reply(Ack, 1, 1, Refused).At(60_000)),
    ];

    private static IEnumerable<ReferenceRow> Loose()
    {
        RowStep App(TcpBits flags, uint sequence, uint ack, string verdict) =>
            In("app", Segment(AppToLoose, 5, 80, flags, sequence, ack, 0, 100, []), verdict);
        RowStep Peer(TcpBits flags, uint sequence, uint ack, string verdict) =>
            In("loose", Segment(Routed("loose", "10.0.2.11", "10.0.1.11"), 80, 5, flags, sequence, ack, 0, 100, []), verdict);
        return
        [
            Row("picked up in mid-stream, windows are not judged", App(Ack, 5000, 9000, "forwarded loose"),
                Peer(Ack, 70_000, 400_000, "forwarded app"), App(Ack, 800_000, 5, "forwarded loose")),
            Row("picked up in mid-stream, a forged RST is refused", App(Ack, 5000, 9000, "forwarded loose"),
                Peer(Ack, 9000, 5000, "forwarded app"), App(Rst, 6000, 0, Refused), App(Rst, 4999, 0, Refused),
                App(Rst, 5000, 0, "forwarded loose"), Peer(Syn, 1, 0, Refused)),
        ];
    }

    private static IEnumerable<ReferenceRow> Timers() =>
    [
        Row("a SYN again does not start the timer again", Out(Syn, 0, 0, There), Out(Syn, 0, 0, There).At(50_000),
            Reply(SynAck, 0, 1, Refused).At(60_000)),
        Row("what is ignored does not start the timer again",
            [.. Open(), Out(FinAck, 1, 1, There), Out(Syn, 70_000, 0, There).At(119_000), Out(Ack, 2, 1, Refused).At(120_000)]),
        Row("what is late does not start the timer again",
            [
                .. Open(), Out(Ack, 1, 1, There, 1000), Reply(FinAck, 1, 1001, Back), Out(Ack, 0xFFFF_EC78, 2, There).At(119_000),
                Out(Ack, 1001, 2, Refused).At(120_000),
            ]),
    ];
}
