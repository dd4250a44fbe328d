using System.Buffers.Binary;
using VSwitch.Wire;

namespace VSwitch.Testing.Differential;

/// <summary>ICMP errors about packets of another conversation: by the end that got the packet, by a third one, about what was
/// never sent, with quotes that are cut, broken or not about a connection at all.</summary>
internal sealed class ErrorTrial : TrialConversation
{
    private const byte DestinationOptions = 60;
    private readonly TrialConversation _subject;
    private readonly TrialEnd _third;
    private int _left;

    public ErrorTrial(Random random, TrialConversation subject, TrialEnd third, MacAddress gateway)
        : base(random, subject.Ends[0], subject.Ends[1], gateway)
    {
        (_subject, _third) = (subject, third);
        _left = 1 + random.Next(4);
    }

    public override bool IsOver => _left <= 0;

    public override TrialConversation Subject => _subject;

    internal override TcpVariations? Reason => _subject.ReasonOfPresence;

    public override TrialFrame Next(uint number)
    {
        _left--;
        TrialStep step = _subject.History[Random.Next(_subject.History.Count)];
        byte[] quoted = [.. step.Frame.Bytes];
        int receiver = 1 - step.Frame.Sender;
        TrialTraits traits = step.Frame.Traits & TrialTraits.EchoWithCode;
        string what = "error";
        bool isThird = Chance(8);
        TrialEnd sender = isThird ? _third : Ends[receiver];
        traits |= isThird ? TrialTraits.ErrorFromAThird : TrialTraits.None;
        IpAddress destination = Ends[1 - receiver].Address;
        int quoteBytes = 20 + Random.Next(600);
        int header = IsV6 ? 40 : 20;
        switch (Random.Next(14))
        {
            case 6 when History.Count > 0:
                // An error about an error (RFC 1122 3.2.2): by the end that got the first one.
                quoted = [.. History[0].Frame.Bytes];
                receiver = 1 - History[0].Frame.Sender;
                (sender, destination) = (Ends[receiver], Ends[1 - receiver].Address);
                quoteBytes = Math.Max(quoteBytes, header + 8);
                traits &= ~TrialTraits.ErrorFromAThird;
                what = "error about an error";
                break;
            case 0:
                quoteBytes = header + Random.Next(8);
                what = "error with a short quote";
                break;
            case 1 when !IsV6:
                quoted[25] ^= 1;
                traits |= TrialTraits.WrongQuoteChecksum;
                what = "error with a wrong quoted header checksum";
                break;
            case 2:
                // The low byte of the source port, of the identifier, or of what stands there.
                quoted[14 + header + (_subject is QueryTrial ? 5 : 1)] ^= 0x55;
                what = "error about another port";
                break;
            case 3:
                destination = Chance(50) || isThird ? destination with { Bits = destination.Bits ^ 1 } : _third.Address;
                what = "error to another address";
                break;
            case 4 when !IsV6:
                BinaryPrimitives.WriteUInt16BigEndian(quoted.AsSpan(20), (ushort)(1 + Random.Next(100)));
                traits |= TrialTraits.WrongQuoteChecksum;
                what = "error about a later fragment";
                break;
            case 5:
                quoted[14] ^= 0x20;
                traits |= TrialTraits.QuoteOfAnotherVersion;
                what = "error that quotes another version";
                break;
            default:
                quoteBytes = Math.Max(quoteBytes, header + 8);
                break;
        }

        // Of the packet that was sent there may be no more, and options may stand before its transport.
        bool hasOptions = IsV6 && quoted[20] == DestinationOptions;
        int transport = header + (hasOptions ? 8 * (quoted[55] + 1) : 0);
        traits |= Math.Min(quoteBytes, quoted.Length - 14) < transport + 8 ? TrialTraits.ShortQuote : TrialTraits.None;
        bool isWrong = Chance(3);
        byte[] types = IsV6 ? [1, 2, 3, 4] : [3, 3, 4, 5, 11, 12];
        byte type = types[Random.Next(types.Length)];
        traits |= isWrong ? TrialTraits.WrongTransportChecksum : TrialTraits.None;
        byte[] frame = Begin(sender, destination, number).IcmpError(type, (byte)Random.Next(4), quoted, quoteBytes).Build();
        string words = $"{what} {type} by {sender.Port}, {quoteBytes} bytes of: {step.Frame.What}";
        return new TrialFrame(this, receiver, sender.Port, isWrong ? WithWrongChecksum(frame, 2) : frame, words)
        {
            Traits = traits,
        };
    }
}
