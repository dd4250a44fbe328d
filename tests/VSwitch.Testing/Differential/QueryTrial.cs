using VSwitch.Wire;

namespace VSwitch.Testing.Differential;

/// <summary>ICMP and ICMPv6 queries and answers of one identifier, with those that nobody asked for.</summary>
internal sealed class QueryTrial : TrialConversation
{
    private readonly uint _identifier;
    private int _left;

    public QueryTrial(Random random, TrialEnd opener, TrialEnd other, MacAddress gateway, ushort identifier)
        : base(random, opener, other, gateway)
    {
        _identifier = (uint)identifier << 16;
        _left = 1 + random.Next(10);
    }

    public override bool IsOver => _left <= 0;

    public override TrialFrame Next(uint number)
    {
        _left--;
        int sender = Random.Next(2);
        bool isLastHop = Chance(3);
        TrialTraits traits = isLastHop ? TrialTraits.LastHop : TrialTraits.None;
        (byte request, byte answer) = IsV6 ? ((byte)128, (byte)129) : Random.Next(8) switch
        {
            0 => ((byte)13, (byte)14),
            1 => ((byte)15, (byte)16),
            _ => ((byte)8, (byte)0),
        };
        byte type = Chance(85) == (sender == 0) ? request : answer;
        byte code = 0;
        int odd = Random.Next(30);
        if (odd == 0)
        {
            code = (byte)(1 + Random.Next(3));
            traits |= TrialTraits.EchoWithCode;
        }
        else if (odd == 1)
        {
            type = IsV6 ? (byte)139 : (byte)17;
            traits |= TrialTraits.AddressMaskRequest;
        }
        else if (odd == 2)
        {
            byte[] unknown = IsV6 ? [140, 200, 127, 255] : [1, 2, 7, 19, 40, 255];
            type = unknown[Random.Next(unknown.Length)];
        }

        PacketBuilder builder = Begin(sender, number, isLastHop ? (byte)1 : (byte)64);
        bool isWrong = odd == 3;
        byte[] frame = builder.Icmp(type, code, _identifier | (ushort)number).Payload(Random.Next(100)).Build();
        traits |= isWrong ? TrialTraits.WrongTransportChecksum : TrialTraits.None;
        string words = $"ICMP {type}/{code}{(isWrong ? " with a wrong checksum" : "")}";
        return new TrialFrame(this, sender, Ends[sender].Port, isWrong ? WithWrongChecksum(frame, 2) : frame, words)
        {
            Traits = traits,
        };
    }
}
