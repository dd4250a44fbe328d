using System.Buffers.Binary;
using VSwitch.Wire;

namespace VSwitch.Testing.Differential;

/// <summary>An SCTP association (RFC 9260), with chunks that do not belong at their place.</summary>
internal sealed class SctpTrial : TrialConversation
{
    private const byte Data = 0;
    private const byte Init = 1;
    private const byte InitAck = 2;
    private const byte Heartbeat = 4;
    private const byte Abort = 6;
    private const byte Shutdown = 7;
    private const byte ShutdownAck = 8;
    private const byte CookieEcho = 10;
    private const byte CookieAck = 11;
    private const byte ShutdownComplete = 14;

    private static readonly (int Sender, byte Chunk)[] Script =
    [
        (0, Init), (1, InitAck), (0, CookieEcho), (1, CookieAck), (0, Data), (1, Data), (0, Heartbeat), (1, Data),
        (0, Shutdown), (1, ShutdownAck), (0, ShutdownComplete),
    ];

    private readonly ushort[] _ports;
    private readonly uint[] _tags;
    private int _at;
    private int _left;

    public SctpTrial(Random random, TrialEnd opener, TrialEnd other, MacAddress gateway, ushort openerPort,
        ushort service)
        : base(random, opener, other, gateway)
    {
        _ports = [openerPort, service];
        _tags = [(uint)random.Next(1, int.MaxValue), (uint)random.Next(1, int.MaxValue)];
        _left = 3 + random.Next(Script.Length);
    }

    public override bool IsOver => _left <= 0 || _at >= Script.Length;

    public override TrialFrame Next(uint number)
    {
        _left--;
        bool isOdd = Chance(10);
        byte[] all = [Data, Init, InitAck, Heartbeat, Abort, Shutdown, ShutdownAck, CookieEcho, CookieAck, ShutdownComplete];
        (int sender, byte chunk) = isOdd ? (Random.Next(2), all[Random.Next(all.Length)]) : Script[_at++];
        uint tag = chunk == Init ? 0 : Chance(3) ? 77 : _tags[1 - sender];
        byte[] body = new byte[chunk is Init or InitAck ? 20 : 16];
        body[0] = chunk;
        body[1] = (byte)(chunk == Data ? 3 : 0);
        BinaryPrimitives.WriteUInt16BigEndian(body.AsSpan(2), (ushort)body.Length);
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(4), _tags[sender]);
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(8), 65535);
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(12), 0x0001_0001);
        bool isWrong = Chance(3);
        byte[] bytes = Begin(sender, number)
            .Sctp(_ports[sender], _ports[1 - sender], tag, sctp => isWrong ? sctp with { Checksum = 0x1234 } : sctp)
            .Payload(body).Build();
        string words = $"SCTP chunk {chunk}{(isOdd ? ", odd" : "")}{(isWrong ? ", with a wrong checksum" : "")}";
        return new TrialFrame(this, sender, Ends[sender].Port, bytes, words)
        {
            Traits = TrialTraits.Sctp | (isWrong ? TrialTraits.WrongTransportChecksum : TrialTraits.None),
        };
    }
}
