using System.Buffers.Binary;
using VSwitch.Wire;

namespace VSwitch.Testing.Differential;

/// <summary>A TCP conversation on one pair of ports: opened, used, closed and opened again in many ways, with segments
/// between that a peer, an attacker or a bad network could send. It takes every segment for received.</summary>
internal sealed class TcpTrial : TrialConversation
{
    private readonly ushort[] _ports;
    private readonly int _oddPercent;
    private readonly IEnumerator<(TrialSegment Segment, string What)> _script;
    private readonly List<TrialSegment> _sent = [];
    private readonly TrialOddSegments _odd;
    private bool _isOver;

    private readonly TcpWitness _witness = new();

    public TcpTrial(Random random, TrialEnd opener, TrialEnd other, MacAddress gateway, ushort openerPort,
        ushort service)
        : base(random, opener, other, gateway)
    {
        _ports = [openerPort, service];
        int[] rates = [0, 5, 15, 40];
        _oddPercent = rates[random.Next(rates.Length)];
        var script = new TcpScript(random);
        _odd = new TrialOddSegments(random, script.Sides, _sent);
        _script = script.Run().GetEnumerator();
        _isOver = !_script.MoveNext();
    }

    public override bool IsOver => _isOver;

    public override TrialFrame Next(uint number)
    {
        if (_sent.Count > 0 && Chance(_oddPercent))
        {
            (TrialSegment odd, string kind) = _odd.Next();
            return Build(odd, kind, number, isOdd: true);
        }

        (TrialSegment segment, string what) = _script.Current;
        _isOver = !_script.MoveNext();
        return Build(segment, what, number, isOdd: false);
    }

    internal override TcpVariations? Reason => _witness.Reason;

    internal override TcpVariations? ReasonOfPresence => _witness.ReasonOfPresence;

    public override string? Witness(TrialStep step) => _witness.Judge(step);

    private TrialFrame Build(TrialSegment segment, string what, uint number, bool isOdd)
    {
        _sent.Add(segment);
        TrialTraits traits = TrialTraits.None;
        byte ttl = 64;
        int dataOffset = 5 + ((segment.Options.Length + 3) / 4);
        bool isWrong = false;
        switch (isOdd ? Random.Next(60) : -1)
        {
            case 0:
                (ttl, traits, what) = (1, TrialTraits.LastHop, what + ", at its last hop");
                break;
            case 1:
                (isWrong, traits, what) = (true, TrialTraits.WrongTransportChecksum, what + ", with a wrong checksum");
                break;
            case 2:
                (dataOffset, traits, what) = (Random.Next(5), TrialTraits.Malformed, what + ", with a header too short");
                break;
            case 3:
                (dataOffset, what) = (15, what + ", with a header as long as can be");
                break;
            default:
                break;
        }

        byte[] bytes = Begin(segment.Sender, number, ttl)
            .Tcp(_ports[segment.Sender], _ports[1 - segment.Sender], segment.Flags, tcp => tcp with
            {
                Sequence = segment.Sequence,
                Acknowledgment = segment.Acknowledgment,
                Window = segment.Window,
                Options = segment.Options,
                DataOffset = dataOffset,
            })
            .Payload(segment.Length).Build();
        bytes = isWrong ? WithWrongChecksum(bytes, 16) : bytes;
        // A header that reaches into the data takes its first bytes for options, and may reach beyond the end.
        byte[] filling = new byte[(4 - (segment.Options.Length % 4)) % 4];
        byte[] tail = [.. segment.Options, .. filling, .. bytes[^segment.Length..]];
        int header = Math.Max(0, (dataOffset - 5) * 4);
        traits |= header > tail.Length ? TrialTraits.Malformed : TrialTraits.None;
        return new TrialFrame(this, segment.Sender, Ends[segment.Sender].Port, bytes, what)
        {
            Segment = segment with
            {
                Length = Math.Max(0, tail.Length - header),
                Options = tail[..Math.Min(header, tail.Length)],
            },
            Traits = traits,
        };
    }
}

/// <summary>One side of a TCP conversation as it is meant to be.</summary>
internal sealed class TcpSide
{
    /// <summary>The first sequence number.</summary>
    public uint First { get; set; }

    /// <summary>The next number that it sends.</summary>
    public uint Next { get; set; }

    /// <summary>The highest acknowledgement that it sent.</summary>
    public uint Acknowledged { get; set; }

    /// <summary>The window field that it sends.</summary>
    public ushort Window { get; set; }

    /// <summary>The number up to which its window lets the other side send.</summary>
    public uint Edge { get; set; }

    /// <summary>Options of its SYN.</summary>
    public byte[] SynOptions { get; set; } = [];

    /// <summary>True when both ends may use SACK.</summary>
    public bool IsSackUsed { get; set; }

    /// <summary>Shift of its window field, if both ends sent one.</summary>
    public int Scale { get; set; }

    /// <summary>A SACK option over some ranges.</summary>
    public static byte[] Sack(params (uint Left, uint Right)[] blocks)
    {
        byte[] option = new byte[4 + (8 * blocks.Length)];
        (option[0], option[1], option[2], option[3]) = (1, 1, 5, (byte)(2 + (8 * blocks.Length)));
        for (int i = 0; i < blocks.Length; i++)
        {
            BinaryPrimitives.WriteUInt32BigEndian(option.AsSpan(4 + (8 * i)), blocks[i].Left);
            BinaryPrimitives.WriteUInt32BigEndian(option.AsSpan(8 + (8 * i)), blocks[i].Right);
        }

        return option;
    }
}
