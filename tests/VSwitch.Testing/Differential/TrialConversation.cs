using System.Buffers.Binary;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Wire;

namespace VSwitch.Testing.Differential;

/// <summary>One end of a conversation.</summary>
/// <param name="Port">Its ENI.</param>
/// <param name="Mac">The ENI's MAC.</param>
/// <param name="Address">One of its addresses.</param>
public sealed record TrialEnd(string Port, MacAddress Mac, IpAddress Address);

/// <summary>A frame of a trial.</summary>
/// <param name="Conversation">What it belongs to.</param>
/// <param name="Sender">The end that sends it: 0 began the conversation.</param>
/// <param name="Port">The ENI that sends it.</param>
/// <param name="Bytes">The frame.</param>
/// <param name="What">What it is meant to be, in words.</param>
public sealed record TrialFrame(TrialConversation Conversation, int Sender, string Port, byte[] Bytes, string What)
{
    /// <summary>The TCP segment in it; null for anything else.</summary>
    public TrialSegment? Segment { get; init; }

    /// <summary>Its traits that a documented difference may rest on.</summary>
    public TrialTraits Traits { get; init; }
}

/// <summary>What sets a frame apart from a plain one.</summary>
[Flags]
public enum TrialTraits
{
    None = 0,
    WrongTransportChecksum = 1,
    LastHop = 2,
    ShortQuote = 4,
    WrongQuoteChecksum = 8,
    ErrorFromAThird = 16,
    EchoWithCode = 32,
    AddressMaskRequest = 64,
    QuoteOfAnotherVersion = 128,
    Malformed = 256,
    Sctp = 512,
}

/// <summary>What both sides did with a frame.</summary>
public sealed record TrialStep(TrialFrame Frame, bool KernelPasses, bool SwitchPasses, DropReason SwitchReason);

/// <summary>Packets that two ends exchange, made one by one without a look at what became of those before.</summary>
public abstract class TrialConversation
{
    private readonly MacAddress _gateway;

    private protected TrialConversation(Random random, TrialEnd opener, TrialEnd other, MacAddress gateway)
    {
        Random = random;
        Ends = [opener, other];
        _gateway = gateway;
    }

    /// <summary>The ends; the first one began.</summary>
    public IReadOnlyList<TrialEnd> Ends { get; }

    /// <summary>True when it has nothing more to say.</summary>
    public abstract bool IsOver { get; }

    /// <summary>What was sent, and what became of it.</summary>
    public List<TrialStep> History { get; } = [];

    /// <summary>The documented difference after which the two sides are no longer compared; null while they are.</summary>
    public string? PartedBy { get; set; }

    /// <summary>The conversation whose state judges its frames: itself, but for errors about another one.</summary>
    public virtual TrialConversation Subject => this;

    /// <summary>Shows what became of a frame to whatever can tell reasons.</summary>
    /// <returns>What is wrong with what it expected of the kernel or of the switch; null when it was right.</returns>
    public virtual string? Witness(TrialStep step) => null;

    /// <summary>The variations of the switch that are together the reason why the last frame's verdicts differ; null when none are.</summary>
    internal virtual TcpVariations? Reason => null;

    /// <summary>The variations that are together the reason why only one of kernel and switch has the connection; null when none are.</summary>
    internal virtual TcpVariations? ReasonOfPresence => null;

    private protected Random Random { get; }

    private protected bool IsV6 => Ends[0].Address.IsV6;

    /// <summary>Makes the next frame, which is known again by its number (IPv4 identification, IPv6 flow label).</summary>
    public abstract TrialFrame Next(uint number);

    private protected bool Chance(int percent) => Random.Next(100) < percent;

    /// <summary>Spoils the checksum at an offset in the transport: one that is sure to be wrong, and not zero, which is none in UDP.
    /// </summary>
    private protected byte[] WithWrongChecksum(byte[] frame, int offset)
    {
        Span<byte> checksum = frame.AsSpan((IsV6 ? 54 : 34) + offset, 2);
        int wrong = BinaryPrimitives.ReadUInt16BigEndian(checksum) ^ 0x1234;
        BinaryPrimitives.WriteUInt16BigEndian(checksum, (ushort)(wrong == 0 ? 0x4321 : wrong));
        return frame;
    }

    private protected PacketBuilder Begin(int sender, uint number, byte ttl = 64) =>
        Begin(Ends[sender], Ends[1 - sender].Address, number, ttl);

    private protected PacketBuilder Begin(TrialEnd sender, IpAddress destination, uint number, byte ttl = 64)
    {
        PacketBuilder builder = PacketBuilder.Eth(sender.Mac, _gateway);
        bool isWhole = number % 3 == 0;
        return sender.Address.IsV6
            ? builder.IPv6(sender.Address, destination, ip => ip with { FlowLabel = number & 0xF_FFFF, HopLimit = ttl })
            : builder.IPv4(sender.Address, destination,
                ip => ip with { Identification = (ushort)number, Ttl = ttl, DontFragment = isWhole });
    }
}
