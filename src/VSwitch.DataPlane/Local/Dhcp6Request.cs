using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Local;

/// <summary>A DHCPv6 message of a client, read (RFC 8415 sections 8 and 21). After <see cref="TryRead"/> said yes, every option
/// lies inside the message, those inside identity associations too.</summary>
internal ref struct Dhcp6Request
{
    public const byte Solicit = 1;
    public const byte Advertise = 2;
    public const byte Request = 3;
    public const byte Confirm = 4;
    public const byte Renew = 5;
    public const byte Rebind = 6;
    public const byte Reply = 7;
    public const byte Release = 8;
    public const byte Decline = 9;
    public const byte InformationRequest = 11;

    /// <summary>Message type and transaction id.</summary>
    public const int FixedBytes = 4;

    private const int LeastDuidBytes = 3;
    private const int MostDuidBytes = 130;

    /// <summary>Message type and transaction id, as they came.</summary>
    public ReadOnlySpan<byte> Fixed;

    /// <summary>All options.</summary>
    public ReadOnlySpan<byte> Options;

    /// <summary>DUID of the client; empty = none.</summary>
    public ReadOnlySpan<byte> ClientId;

    /// <summary>DUID of the server that the client speaks to; empty = none.</summary>
    public ReadOnlySpan<byte> ServerId;

    /// <summary>Option codes that the client asks for, each of 16 bits.</summary>
    public ReadOnlySpan<byte> Wanted;

    /// <summary>The client takes a REPLY to its SOLICIT (section 18.2.1).</summary>
    public bool HasRapidCommit;

    /// <summary>Identity associations of any kind.</summary>
    public int AssociationCount;

    /// <summary>Message type.</summary>
    public readonly byte Type => Fixed[0];

    /// <summary>Reads the body of a UDP packet; false when it is cut short or an option has a length that it cannot have.
    /// An option that comes twice counts the first time.</summary>
    public static bool TryRead(ReadOnlySpan<byte> body, out Dhcp6Request request)
    {
        request = default;
        if (body.Length < FixedBytes)
        {
            return false;
        }

        request.Fixed = body[..FixedBytes];
        request.Options = body[FixedBytes..];
        ReadOnlySpan<byte> rest = request.Options;
        while (!rest.IsEmpty)
        {
            if (!Dhcp6Option.TryNext(ref rest, out ushort code, out ReadOnlySpan<byte> value) || !request.TryTake(code, value))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>True when the client asks for an option (section 21.7).</summary>
    public readonly bool Wants(ushort code)
    {
        for (int i = 0; i + 2 <= Wanted.Length; i += 2)
        {
            if (BinaryPrimitives.ReadUInt16BigEndian(Wanted[i..]) == code)
            {
                return true;
            }
        }

        return false;
    }

    private bool TryTake(ushort code, ReadOnlySpan<byte> value)
    {
        switch (code)
        {
            case Dhcp6Option.ClientId:
                ClientId = ClientId.IsEmpty ? value : ClientId;
                return value.Length is >= LeastDuidBytes and <= MostDuidBytes;
            case Dhcp6Option.ServerId:
                ServerId = ServerId.IsEmpty ? value : ServerId;
                return value.Length is >= LeastDuidBytes and <= MostDuidBytes;
            case Dhcp6Option.OptionRequest:
                Wanted = Wanted.IsEmpty ? value : Wanted;
                return value.Length % 2 == 0;
            case Dhcp6Option.RapidCommit:
                HasRapidCommit = true;
                return value.IsEmpty;
            case Dhcp6Option.Association or Dhcp6Option.PrefixAssociation:
                AssociationCount++;
                return value.Length >= Dhcp6Option.AssociationBytes && AreNestedWhole(value[Dhcp6Option.AssociationBytes..]);
            case Dhcp6Option.TemporaryAssociation:
                AssociationCount++;
                return value.Length >= Dhcp6Option.TemporaryAssociationBytes &&
                    AreNestedWhole(value[Dhcp6Option.TemporaryAssociationBytes..]);
            default:
                return true;
        }
    }

    private static bool AreNestedWhole(ReadOnlySpan<byte> options)
    {
        while (!options.IsEmpty)
        {
            if (!Dhcp6Option.TryNext(ref options, out ushort code, out ReadOnlySpan<byte> value) ||
                (code == Dhcp6Option.Address && value.Length < Dhcp6Option.AddressBytes))
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>Options of DHCPv6 by number (RFC 8415 section 21, RFC 3646, RFC 5908), and the walk over them.</summary>
internal static class Dhcp6Option
{
    public const ushort ClientId = 1;
    public const ushort ServerId = 2;
    public const ushort Association = 3;
    public const ushort TemporaryAssociation = 4;
    public const ushort Address = 5;
    public const ushort OptionRequest = 6;
    public const ushort Preference = 7;
    public const ushort StatusCode = 13;
    public const ushort RapidCommit = 14;
    public const ushort Dns = 23;
    public const ushort DomainList = 24;
    public const ushort PrefixAssociation = 25;
    public const ushort RefreshTime = 32;
    public const ushort Ntp = 56;

    /// <summary>IAID, T1, T2.</summary>
    public const int AssociationBytes = 12;

    /// <summary>IAID.</summary>
    public const int TemporaryAssociationBytes = 4;

    /// <summary>Address, preferred and valid lifetime.</summary>
    public const int AddressBytes = 24;

    /// <summary>Takes the first option off; false when it is cut short.</summary>
    public static bool TryNext(scoped ref ReadOnlySpan<byte> options, out ushort code, out ReadOnlySpan<byte> value)
    {
        code = 0;
        value = default;
        if (options.Length < 4)
        {
            return false;
        }

        int bytes = BinaryPrimitives.ReadUInt16BigEndian(options[2..]);
        if (bytes > options.Length - 4)
        {
            return false;
        }

        code = BinaryPrimitives.ReadUInt16BigEndian(options);
        value = options.Slice(4, bytes);
        options = options[(4 + bytes)..];
        return true;
    }

    /// <summary>The next address of an association that was read whole; false at its end.</summary>
    public static bool TryNextAddress(scoped ref ReadOnlySpan<byte> nested, out RawIp6 address)
    {
        while (TryNext(ref nested, out ushort code, out ReadOnlySpan<byte> value))
        {
            if (code == Address)
            {
                address = MemoryMarshal.Read<RawIp6>(value);
                return true;
            }
        }

        address = default;
        return false;
    }
}
