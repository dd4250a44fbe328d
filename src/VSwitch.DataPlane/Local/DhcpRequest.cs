using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace VSwitch.DataPlane.Local;

/// <summary>A DHCPv4 message of a client, read (RFC 2131 section 2, RFC 2132). Addresses are raw. After
/// <see cref="TryRead"/> said yes, everything in it lies inside the message.</summary>
internal ref struct DhcpRequest
{
    /// <summary>Fixed fields and the magic cookie.</summary>
    public const int FixedBytes = 240;

    public const byte Discover = 1;
    public const byte Offer = 2;
    public const byte Request = 3;
    public const byte Acknowledge = 5;
    public const byte Refuse = 6;
    public const byte Inform = 8;

    private const int ServerNameStart = 44;
    private const int FileStart = 108;
    private const int CookieStart = 236;
    private const uint Cookie = 0x6382_5363;
    private const byte BootRequest = 1;
    private const byte Ethernet = 1;
    private const byte EthernetAddressBytes = 6;

    /// <summary>The fixed fields, as they came.</summary>
    public ReadOnlySpan<byte> Fixed;

    /// <summary>Option 61; empty = none.</summary>
    public ReadOnlySpan<byte> ClientId;

    /// <summary>Option 55; empty = none.</summary>
    public ReadOnlySpan<byte> Parameters;

    /// <summary>Option 53; 0 = none (BOOTP).</summary>
    public byte MessageType;

    /// <summary>Option 50; 0 = none.</summary>
    public uint RequestedAddress;

    /// <summary>Option 54; 0 = none.</summary>
    public uint ServerId;

    /// <summary>Option 57, bytes of the IP packet that the client takes; 0 = none.</summary>
    public int MaxMessageBytes;

    /// <summary>The address that the client has by its own account (ciaddr).</summary>
    public readonly uint ClientAddress => MemoryMarshal.Read<uint>(Fixed[12..]);

    /// <summary>The relay agent's address (giaddr).</summary>
    public readonly uint RelayAddress => MemoryMarshal.Read<uint>(Fixed[24..]);

    /// <summary>The client's hardware address (chaddr), raw in the low 48 bits.</summary>
    public readonly ulong HardwareAddress =>
        MemoryMarshal.Read<uint>(Fixed[28..]) | ((ulong)MemoryMarshal.Read<ushort>(Fixed[32..]) << 32);

    /// <summary>True when the client cannot take a frame to an address that it does not have yet (RFC 2131 section 4.1).</summary>
    public readonly bool WantsBroadcast => (Fixed[10] & 0x80) != 0;

    /// <summary>Reads the body of a UDP packet; false when it is cut short, is a server's, is not of
    /// Ethernet, or has an option of a wrong
    /// length. An option that comes twice counts the first time.</summary>
    public static bool TryRead(ReadOnlySpan<byte> body, out DhcpRequest request)
    {
        request = default;
        if (body.Length < FixedBytes || BinaryPrimitives.ReadUInt32BigEndian(body[CookieStart..]) != Cookie ||
            body[0] != BootRequest || body[1] != Ethernet || body[2] != EthernetAddressBytes)
        {
            return false;
        }

        request.Fixed = body[..FixedBytes];
        int overload = 0;
        if (!request.TryReadOptions(body[FixedBytes..], ref overload))
        {
            return false;
        }

        // Options may go on in the fields of the boot file, then of the server's name (RFC 2132 section 9.3); not further.
        int nested = 0;
        return ((overload & 1) == 0 || request.TryReadOptions(body[FileStart..CookieStart], ref nested)) &&
            ((overload & 2) == 0 || request.TryReadOptions(body[ServerNameStart..FileStart], ref nested));
    }

    private bool TryReadOptions(ReadOnlySpan<byte> area, ref int overload)
    {
        int at = 0;
        while (at < area.Length && area[at] != DhcpOption.End)
        {
            if (area[at] == DhcpOption.Pad)
            {
                at++;
                continue;
            }

            if (at + 2 > area.Length || at + 2 + area[at + 1] > area.Length)
            {
                return false;
            }

            ReadOnlySpan<byte> value = area.Slice(at + 2, area[at + 1]);
            if (!TryTake(area[at], value, ref overload))
            {
                return false;
            }

            at += 2 + value.Length;
        }

        return true;
    }

    /// <summary>Keeps what matters here; false when an option has a length that it cannot have.</summary>
    private bool TryTake(byte code, ReadOnlySpan<byte> value, ref int overload)
    {
        switch (code)
        {
            case DhcpOption.MessageType:
                MessageType = value.Length == 1 && MessageType == 0 ? value[0] : MessageType;
                return value.Length == 1;
            case DhcpOption.Overload:
                overload = value.Length == 1 ? value[0] : 0;
                return overload is >= 1 and <= 3;
            case DhcpOption.RequestedAddress:
                return TryTakeAddress(value, ref RequestedAddress);
            case DhcpOption.ServerId:
                return TryTakeAddress(value, ref ServerId);
            case DhcpOption.MaxMessageBytes:
                MaxMessageBytes = value.Length == 2 ? BinaryPrimitives.ReadUInt16BigEndian(value) : 0;
                return value.Length == 2;
            case DhcpOption.ParameterList:
                Parameters = Parameters.IsEmpty ? value : Parameters;
                return value.Length >= 1;
            case DhcpOption.ClientId:
                // RFC 2132 section 9.14 asks for two bytes; RFC 6842 has it come back whatever it is.
                ClientId = ClientId.IsEmpty ? value : ClientId;
                return value.Length >= 1;
            default:
                return true;
        }
    }

    private static bool TryTakeAddress(ReadOnlySpan<byte> value, ref uint address)
    {
        if (value.Length != 4)
        {
            return false;
        }

        address = address == 0 ? MemoryMarshal.Read<uint>(value) : address;
        return true;
    }
}

/// <summary>Options of DHCPv4 by number (RFC 2132).</summary>
internal static class DhcpOption
{
    public const byte Pad = 0;
    public const byte Mask = 1;
    public const byte Router = 3;
    public const byte Dns = 6;
    public const byte HostName = 12;
    public const byte DomainName = 15;
    public const byte Mtu = 26;
    public const byte Ntp = 42;
    public const byte RequestedAddress = 50;
    public const byte LeaseSeconds = 51;
    public const byte Overload = 52;
    public const byte MessageType = 53;
    public const byte ServerId = 54;
    public const byte ParameterList = 55;
    public const byte MaxMessageBytes = 57;
    public const byte RenewalSeconds = 58;
    public const byte RebindingSeconds = 59;
    public const byte ClientId = 61;
    public const byte End = 255;
}
