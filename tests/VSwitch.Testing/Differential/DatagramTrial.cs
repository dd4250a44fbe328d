using VSwitch.Wire;

namespace VSwitch.Testing.Differential;

/// <summary>Packets of a protocol without a state machine in both directions: UDP, and protocols without ports.</summary>
internal sealed class DatagramTrial : TrialConversation
{
    private readonly byte _protocol;
    private readonly ushort _openerPort;
    private readonly ushort _service;
    private int _left;

    public DatagramTrial(Random random, TrialEnd opener, TrialEnd other, MacAddress gateway, byte protocol,
        ushort openerPort, ushort service)
        : base(random, opener, other, gateway)
    {
        (_protocol, _openerPort, _service) = (protocol, openerPort, service);
        _left = 2 + random.Next(10);
    }

    public override bool IsOver => _left <= 0;

    public override TrialFrame Next(uint number)
    {
        _left--;
        // The answer comes first now and then: it must pass on its own merits.
        int sender = History.Count == 0 && Chance(90) ? 0 : Random.Next(2);
        bool isLastHop = Chance(3);
        PacketBuilder builder = Begin(sender, number, isLastHop ? (byte)1 : (byte)64);
        TrialTraits traits = isLastHop ? TrialTraits.LastHop : TrialTraits.None;
        if (_protocol != 17)
        {
            byte[] body = new byte[8 + Random.Next(40)];
            Random.NextBytes(body);
            // For GRE (RFC 2784): no key, version 0.
            (body[0], body[1]) = (0, 0);
            return Frame(sender, builder.Protocol(_protocol).Payload(body), $"protocol {_protocol}", traits);
        }

        ushort from = sender == 0 ? _openerPort : _service;
        ushort to = sender == 0 ? _service : _openerPort;
        int length = Random.Next(4) == 0 ? 0 : Random.Next(600);
        switch (Random.Next(40))
        {
            case 0:
                TrialFrame wrong = Frame(sender, builder.Udp(from, to).Payload(length),
                    "UDP with a wrong checksum", traits | TrialTraits.WrongTransportChecksum);
                return wrong with { Bytes = WithWrongChecksum(wrong.Bytes, 6) };
            case 1:
                return Frame(sender, builder.Udp(from, to, udp => udp with { Checksum = 0 }).Payload(length),
                    "UDP without a checksum", traits);
            case 2:
                return Frame(sender, builder.Udp(from, to, udp => udp with { Length = length + 9 }).Payload(length),
                    "UDP longer than its packet", traits);
            case 3:
                return Frame(sender, builder.Udp(from, to, udp => udp with { Length = 7 }).Payload(length),
                    "UDP shorter than its header", traits);
            case 4:
                return Frame(sender, builder.Protocol(17).Payload(new byte[7]), "UDP cut short", traits);
            case 5 when IsV6:
                return Frame(sender, builder.DestinationOptions().Udp(from, to).Payload(length),
                    "UDP behind destination options", traits);
            case 6:
                // In the name of another one of its subnet.
                IpAddress own = Ends[sender].Address;
                TrialEnd forged = Ends[sender] with { Address = own with { Bits = own.Bits + 100 } };
                return Frame(sender, Begin(forged, Ends[1 - sender].Address, number).Udp(from, to).Payload(length),
                    "UDP from a foreign address", traits);
            default:
                return Frame(sender, builder.Udp(from, to).Payload(length), "UDP", traits);
        }
    }

    private TrialFrame Frame(int sender, PacketBuilder builder, string what, TrialTraits traits) =>
        new(this, sender, Ends[sender].Port, builder.Build(), what) { Traits = traits };
}
