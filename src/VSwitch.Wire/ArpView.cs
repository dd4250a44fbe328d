using System.Buffers.Binary;

namespace VSwitch.Wire;

/// <summary>An ARP body for IPv4 over Ethernet (RFC 826). After <see cref="TryParse"/> said true, no accessor can fail.
/// </summary>
public readonly ref struct ArpView
{
    /// <summary>Bytes of the body; what follows is padding.</summary>
    public const int BodyBytes = 28;

    /// <summary>The hardware type of Ethernet.</summary>
    public const ushort EthernetHardware = 1;

    /// <summary>The opcode of a request.</summary>
    public const ushort Request = 1;

    /// <summary>The opcode of a reply.</summary>
    public const ushort Reply = 2;

    private readonly ReadOnlySpan<byte> _body;

    private ArpView(ReadOnlySpan<byte> body) => _body = body;

    /// <summary>The opcode: <see cref="Request"/>, <see cref="Reply"/>, or one that the switch does not know.</summary>
    public ushort Opcode => BinaryPrimitives.ReadUInt16BigEndian(_body[6..]);

    /// <summary>The sender's MAC.</summary>
    public MacAddress SenderMac => MacAddress.Read(_body[8..]);

    /// <summary>The sender's IPv4 address; 0.0.0.0 in a probe (RFC 5227).</summary>
    public IpAddress SenderIp => IpAddress.Read(_body[14..], isV6: false);

    /// <summary>The target's MAC; without meaning in a request.</summary>
    public MacAddress TargetMac => MacAddress.Read(_body[18..]);

    /// <summary>The target's IPv4 address.</summary>
    public IpAddress TargetIp => IpAddress.Read(_body[24..], isV6: false);

    /// <summary>The gate: false for fewer than 28 bytes, a hardware type other than Ethernet, a protocol type other than
    /// IPv4, sizes other than 6 and 4.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out ArpView view)
    {
        view = default;
        if (bytes.Length < BodyBytes ||
            BinaryPrimitives.ReadUInt16BigEndian(bytes) != EthernetHardware ||
            BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]) != (ushort)EtherType.Ipv4 ||
            bytes[4] != 6 || bytes[5] != 4)
        {
            return false;
        }

        view = new ArpView(bytes[..BodyBytes]);
        return true;
    }
}
