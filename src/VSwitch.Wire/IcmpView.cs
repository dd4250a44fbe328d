using System.Buffers.Binary;

namespace VSwitch.Wire;

/// <summary>An ICMP message (RFC 792) or an ICMPv6 message (RFC 4443): one layout, two sets of types. After
/// <see cref="TryParse"/> said true, no accessor can fail.</summary>
public readonly ref struct IcmpView
{
    /// <summary>Bytes of the header: type, code, checksum and a word whose meaning the type gives.</summary>
    public const int HeaderBytes = 8;

    private readonly ReadOnlySpan<byte> _message;

    private IcmpView(ReadOnlySpan<byte> message) => _message = message;

    /// <summary>The type of a message inside IPv4.</summary>
    public IcmpType Type => (IcmpType)_message[0];

    /// <summary>The type of a message inside IPv6.</summary>
    public Icmpv6Type TypeV6 => (Icmpv6Type)_message[0];

    /// <summary>The code: what the type leaves open.</summary>
    public byte Code => _message[1];

    /// <summary>The checksum field as it stands. ICMPv6 covers a pseudo header too (RFC 4443 section 2.3).</summary>
    public ushort Checksum => BinaryPrimitives.ReadUInt16BigEndian(_message[2..]);

    /// <summary>The second word as a number: next hop's MTU, pointer, flags or nothing.</summary>
    public uint Rest => BinaryPrimitives.ReadUInt32BigEndian(_message[4..]);

    /// <summary>The identifier of an echo, timestamp or information message.</summary>
    public ushort Identifier => BinaryPrimitives.ReadUInt16BigEndian(_message[4..]);

    /// <summary>The sequence number of an echo, timestamp or information message.</summary>
    public ushort SequenceNumber => BinaryPrimitives.ReadUInt16BigEndian(_message[6..]);

    /// <summary>What follows the header: echoed data, or the quote of an error.</summary>
    public ReadOnlySpan<byte> Payload => _message[HeaderBytes..];

    /// <summary>Header and payload: what the checksum covers.</summary>
    public ReadOnlySpan<byte> Message => _message;

    /// <summary>The gate: false for fewer than 8 bytes.</summary>
    /// <param name="bytes">The IP payload, without padding.</param>
    /// <param name="view">The message.</param>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out IcmpView view)
    {
        view = default;
        if (bytes.Length < HeaderBytes)
        {
            return false;
        }

        view = new IcmpView(bytes);
        return true;
    }
}
