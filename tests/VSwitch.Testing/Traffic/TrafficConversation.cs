using VSwitch.Wire;

namespace VSwitch.Testing;

/// <summary>A scripted exchange of two ends in one protocol. Each step is one packet, now and then twice, left out, cut
/// into fragments or oddly dressed.</summary>
internal sealed class TrafficConversation
{
    private const int PortPool = 16;

    private static readonly ushort[] Services = [80, 443, 53, 1000, 1007, 22];
    private static readonly byte[] RarerProtocols = [47, 50, 89, 4];

    private readonly Random _random;
    private readonly TrafficEnd _a;
    private readonly TrafficEnd _b;
    private readonly List<Step> _script;
    private readonly ushort _portA;
    private readonly ushort _portB;
    private readonly byte _protocol;
    private int _at;
    private readonly TrafficTcp _tcp;
    private uint _sequence = 1;

    private TrafficConversation(Random random, TrafficEnd a, TrafficEnd b, byte protocol)
    {
        (_random, _a, _b, _protocol, _tcp) = (random, a, b, protocol, new TrafficTcp(random));
        _portA = (ushort)(40000 + random.Next(PortPool));
        _portB = Services[random.Next(Services.Length)];
        bool isV6 = a.Addresses.Source.IsV6;
        _script = protocol switch
        {
            6 => TcpScript(),
            1 or 58 => [.. Enumerable.Range(0, 2 + random.Next(12)).Select(i => QueryStep(isV6, i))],
            _ => [.. Enumerable.Range(0, 1 + random.Next(16)).Select(i => new Step(i == 0 || random.Next(2) == 0, TcpBits.None, 0))],
        };
    }

    /// <summary>A step: who sends, and what. The type is that of ICMP.</summary>
    private sealed record Step(bool FromA, TcpBits Flags, byte Type, bool IsEmpty = false, TrafficTcpKind Kind = TrafficTcpKind.Usual);

    public bool IsOver => _at >= _script.Count;

    /// <summary>Where the last packet should come out.</summary>
    public string ReceiverPort { get; private set; } = "";

    public static TrafficConversation Make(Random random, TrafficEnd a, TrafficEnd b)
    {
        bool isV6 = a.Addresses.Source.IsV6;
        byte protocol = random.Next(100) switch
        {
            < 55 => 6,
            < 75 => 17,
            < 90 => (byte)(isV6 ? 58 : 1),
            < 95 => 132,
            _ => RarerProtocols[random.Next(RarerProtocols.Length)],
        };
        return new TrafficConversation(random, a, b, protocol);
    }

    /// <summary>The frames of the next step: one, or fragments.</summary>
    public (string Port, IReadOnlyList<byte[]> Frames) Next()
    {
        Step step = _script[_at];
        _at += _random.Next(100) switch
        {
            < 8 => 0,
            < 11 => 2,
            _ => 1,
        };
        TrafficEnd from = step.FromA ? _a : _b;
        ReceiverPort = (step.FromA ? _b : _a).Port;
        byte[] frame = FrameOf(step, from);
        if (_random.Next(25) == 0 && _protocol is 6 or 17 or 1 && frame.Length > 90 && frame[12] == 0x08 && frame[14] == 0x45)
        {
            return (from.Port, Shuffle(Frames.Fragments(frame, 8 * (3 + _random.Next(40)), (uint)_random.Next(1 << 16))));
        }

        if (_random.Next(25) == 0 && _protocol is 6 or 17 or 58 && frame.Length > 100 && frame[12] == 0x86 && frame[20] == _protocol)
        {
            return (from.Port, Shuffle(Frames.Fragments(frame, 8 * (3 + _random.Next(40)), (uint)_random.Next())));
        }

        return (from.Port, [Pad(frame)]);
    }

    private byte[] FrameOf(Step step, TrafficEnd from)
    {
        PacketBuilder builder = Dress(PacketBuilder.Eth(from.Addresses.SourceMac, from.Addresses.DestinationMac), from.Addresses);
        (ushort source, ushort destination) = step.FromA ? (_portA, _portB) : (_portB, _portA);
        _sequence += (uint)_random.Next(1500);
        ushort? checksum = _random.Next(40) == 0 ? (ushort)_random.Next(65536) : null;
        int payload = step.IsEmpty ? 0 : PayloadLength();
        TcpBits flags = _random.Next(60) == 0 ? (TcpBits)_random.Next(4096) : step.Flags;
        builder = _protocol switch
        {
            6 => builder.Tcp(source, destination, flags, tcp => _tcp.Number(tcp, step.FromA, step.Kind, payload) with { Checksum = checksum }),
            17 => builder.Udp(source, destination, udp => udp with
            {
                Checksum = from.Addresses.Source.IsV6 || _random.Next(20) != 0 ? checksum : (ushort)0,
            }),
            132 => builder.Sctp(source, destination, _sequence),
            1 or 58 => builder.Icmp(step.Type, (byte)(_random.Next(60) == 0 ? 1 : 0), ((uint)_portA << 16) | (_sequence & 0xFFFF)),
            _ => builder.Protocol(_protocol),
        };
        return builder.Payload(payload).Build();
    }

    /// <summary>The IP header: plain mostly, with rare options, extension headers and TTLs.</summary>
    private PacketBuilder Dress(PacketBuilder builder, FrameAddresses ends)
    {
        byte ttl = _random.Next(50) switch { 0 => 1, 1 => 0, < 5 => 2, _ => (byte)(32 + _random.Next(200)) };
        if (!ends.Source.IsV6)
        {
            return builder.IPv4(ends.Source, ends.Destination, ip => ip with
            {
                Ttl = ttl,
                TypeOfService = (byte)(_random.Next(8) == 0 ? _random.Next(256) : 0),
                Identification = (ushort)_random.Next(65536),
                DontFragment = _random.Next(2) == 0,
                Options = _random.Next(60) == 0 ? [148, 4, 0, 0] : [],
            });
        }

        builder = builder.IPv6(ends.Source, ends.Destination, ip => ip with
        {
            HopLimit = ttl,
            FlowLabel = (uint)_random.Next(1 << 20),
            TrafficClass = (byte)(_random.Next(8) == 0 ? _random.Next(256) : 0),
        });
        return _random.Next(60) switch
        {
            0 => builder.HopByHop(),
            1 => builder.DestinationOptions(),
            2 => builder.HopByHop().Routing().DestinationOptions(),
            3 => builder.Fragment6(0, false, (uint)_random.Next()),
            _ => builder,
        };
    }

    private int PayloadLength() => _random.Next(100) switch
    {
        < 60 => _random.Next(80),
        < 90 => _random.Next(600),
        < 99 => 1200 + _random.Next(240),
        _ => 1460 + _random.Next(60),
    };

    private byte[] Pad(byte[] frame)
    {
        int padding = _random.Next(100) switch
        {
            < 40 => Math.Max(0, 60 - frame.Length),
            40 => _random.Next(30),
            _ => 0,
        };
        byte[] bytes = new byte[padding];
        _random.NextBytes(bytes);
        return [.. frame, .. bytes];
    }

    private IReadOnlyList<byte[]> Shuffle(IReadOnlyList<byte[]> fragments)
    {
        if (_random.Next(5) != 0)
        {
            return fragments;
        }

        byte[][] shuffled = [.. fragments];
        _random.Shuffle(shuffled);
        return shuffled;
    }

    private Step QueryStep(bool isV6, int i)
    {
        int kind = isV6 ? 0 : Math.Max(0, (_portA % 8) - 5);
        byte[] requests = isV6 ? [128] : [8, 13, 15];
        byte[] replies = isV6 ? [129] : [0, 14, 16];
        bool isReply = i > 0 && _random.Next(2) == 0;
        bool isOdd = _random.Next(20) == 0;
        return new Step(isReply == isOdd, TcpBits.None, isReply ? replies[kind] : requests[kind]);
    }

    private List<Step> TcpScript()
    {
        const TcpBits SynAck = TcpBits.Syn | TcpBits.Ack;
        const TcpBits RstAck = TcpBits.Rst | TcpBits.Ack;
        List<Step> script = _random.Next(24) switch
        {
            0 => [Bare(true, TcpBits.Syn), Bare(false, RstAck), Bare(true, TcpBits.Syn)],
            1 => [Bare(true, TcpBits.Syn), Bare(false, TcpBits.Syn), Bare(true, SynAck), Bare(false, SynAck), Bare(true, TcpBits.Ack)],
            2 => [Bare(true, TcpBits.Syn), Bare(false, SynAck), Bare(true, TcpBits.Syn), Bare(false, SynAck)],
            3 => [Bare(true, TcpBits.Ack), Bare(false, TcpBits.Ack)],
            4 => [Bare(true, TcpBits.Syn), Bare(false, TcpBits.Syn), Bare(true, SynAck), Bare(false, TcpBits.Ack)],
            5 => [Bare(true, TcpBits.Syn), New(true), Bare(false, SynAck), Bare(true, TcpBits.Ack)],
            6 => [Bare(true, TcpBits.Syn), New(true), Bare(false, RstAck)],
            7 => [Bare(true, TcpBits.Syn), Made(false, TcpBits.Ack, TrafficTcpKind.Challenge), Made(true, TcpBits.Rst, TrafficTcpKind.ResetByAck)],
            _ => [Bare(true, TcpBits.Syn), Bare(false, SynAck), Bare(true, TcpBits.Ack)],
        };
        for (int i = _random.Next(16); i > 0; i--)
        {
            TcpBits push = _random.Next(3) == 0 ? TcpBits.Psh : TcpBits.None;
            script.Add(new Step(_random.Next(2) == 0, TcpBits.Ack | push, 0, IsEmpty: _random.Next(3) == 0));
            if (_random.Next(30) == 0)
            {
                TcpBits[] forged = [TcpBits.Rst, RstAck, TcpBits.Fin | TcpBits.Ack, TcpBits.Syn];
                script.Add(Made(_random.Next(2) == 0, forged[_random.Next(forged.Length)], TrafficTcpKind.Forged));
            }
        }

        if (_random.Next(5) == 0)
        {
            Reopen(script);
        }

        Close(script);
        if (_random.Next(4) == 0)
        {
            bool fromA = _random.Next(3) != 0;
            script.AddRange([New(fromA), Made(!fromA, SynAck, TrafficTcpKind.NewSyn), Bare(fromA, TcpBits.Ack)]);
        }

        return script;
    }

    /// <summary>The opener has forgotten the connection and begins anew.</summary>
    private void Reopen(List<Step> script)
    {
        const TcpBits RstAck = TcpBits.Rst | TcpBits.Ack;
        Step data = new(_random.Next(2) == 0, TcpBits.Ack, 0);
        script.AddRange(_random.Next(5) switch
        {
            0 => [New(true), Bare(false, RstAck)],
            1 => [New(true), Made(false, TcpBits.Ack, TrafficTcpKind.Challenge), Made(true, TcpBits.Rst, TrafficTcpKind.ResetByAck)],
            2 => [New(true), data, data],
            3 => [Bare(true, TcpBits.Fin | TcpBits.Ack), Bare(false, TcpBits.Fin | TcpBits.Ack), New(true),
                Made(false, TcpBits.Ack, TrafficTcpKind.Challenge), Made(true, TcpBits.Rst, TrafficTcpKind.ResetByAck)],
            _ => (IEnumerable<Step>)
                [New(true), Made(false, TcpBits.Syn | TcpBits.Ack, TrafficTcpKind.NewSyn), Bare(true, TcpBits.Ack), data, data with { FromA = !data.FromA }],
        });
    }

    private void Close(List<Step> script)
    {
        const TcpBits FinAck = TcpBits.Fin | TcpBits.Ack;
        bool first = _random.Next(2) == 0;
        script.AddRange(_random.Next(6) switch
        {
            0 => [Bare(first, TcpBits.Rst)],
            1 => [Bare(first, TcpBits.Rst | TcpBits.Ack), Bare(!first, TcpBits.Ack)],
            2 => [Bare(first, FinAck), Bare(!first, FinAck), Bare(first, TcpBits.Ack), Bare(!first, TcpBits.Ack)],
            3 => [],
            _ => (IEnumerable<Step>)
                [Bare(first, FinAck), Bare(!first, TcpBits.Ack), Bare(!first, FinAck), Bare(first, TcpBits.Ack)],
        });
    }

    private static Step New(bool fromA) => Made(fromA, TcpBits.Syn, TrafficTcpKind.NewSyn);

    private static Step Made(bool fromA, TcpBits flags, TrafficTcpKind kind) => new(fromA, flags, 0, IsEmpty: true, kind);

    private static Step Bare(bool fromA, TcpBits flags) => new(fromA, flags, 0, IsEmpty: true);
}
