using VSwitch.DataPlane.Pipeline;
using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>What section 1 of the order of checks finds in a frame.</summary>
internal sealed class ReferencePacket(byte[] frame)
{
    private const int MaxExtensionHeaders = 8;
    private const int LargestPayload = 65_535;

    public byte[] Frame { get; } = frame;

    public MacAddress DestinationMac { get; private set; }

    public MacAddress SourceMac { get; private set; }

    public bool IsArp { get; private set; }

    public bool IsV6 { get; private set; }

    /// <summary>Where the IP packet ends: what follows is padding.</summary>
    public int End { get; private set; }

    /// <summary>Where the transport begins.</summary>
    public int L4 { get; private set; }

    public IpAddress Source { get; private set; }

    public IpAddress Destination { get; private set; }

    public int Ttl { get; private set; }

    public byte Protocol { get; private set; }

    public int FragmentOffset { get; private set; }

    public bool MoreFragments { get; private set; }

    public uint FragmentId { get; private set; }

    /// <summary>Protocol as every fragment of a datagram has it; 0 for IPv6, where they may differ.</summary>
    public byte FragmentProtocol { get; private set; }

    /// <summary>Where the part of a fragment begins that is a piece of the datagram.</summary>
    public int FragmentDataAt { get; private set; }

    /// <summary>The datagram of a fragment that section 9 has looked at.</summary>
    public ReferenceDatagram? Datagram { get; set; }

    public bool DontFragment => !IsV6 && (U16(20) & 0x4000) != 0;

    public int IpLength => End - 14;

    public bool IsFragment => FragmentOffset != 0 || MoreFragments;

    public bool IsLaterFragment => FragmentOffset != 0;

    public bool IsIcmp => Protocol == (IsV6 ? 58 : 1);

    public byte IcmpType => Frame[L4];

    public byte IcmpCode => Frame[L4 + 1];

    public bool IsIcmpError => IsIcmp && !IsLaterFragment && IsErrorType(IcmpType, IsV6);

    public bool IsNeighborDiscovery => !IsArp && IsV6 && IsIcmp && !IsLaterFragment && IcmpType is >= 133 and <= 137;

    public bool IsEchoRequest => IsIcmp && IcmpType == (IsV6 ? 128 : 8);

    public TcpBits TcpFlags => (TcpBits)(U16(L4 + 12) & 0x0FFF);

    public int U16(int at) => (Frame[at] << 8) | Frame[at + 1];

    public static bool IsErrorType(byte type, bool isV6) => isV6 ? type is >= 1 and <= 4 : type is 3 or 4 or 5 or 11 or 12;

    /// <summary>True when the ICMP or ICMPv6 message adds up.</summary>
    public bool IsIcmpChecksumRight()
    {
        ulong pseudo = IsV6 ? OnesComplement.Pseudo(Source, Destination, 58, End - L4) : 0;
        return OnesComplement.IsRight(Frame.AsSpan(L4..End), pseudo);
    }

    public DropReason Parse()
    {
        if (Frame.Length < 14)
        {
            return DropReason.MalformedEthernet;
        }

        DestinationMac = MacAddress.Read(Frame);
        SourceMac = MacAddress.Read(Frame.AsSpan(6));
        switch (U16(12))
        {
            case < 0x0600:
                return DropReason.MalformedEthernet;
            case 0x8100 or 0x88A8 or 0x9100:
                return DropReason.VlanTagged;
            case 0x0806:
                IsArp = true;
                return ParseArp();
            case 0x0800:
                DropReason reason = ParseV4();
                return reason == DropReason.None ? ParseTransport() : reason;
            case 0x86DD:
                IsV6 = true;
                return ParseV6() ? ParseTransport() : DropReason.MalformedIpv6;
            default:
                return DropReason.UnsupportedEthertype;
        }
    }

    private DropReason ParseArp()
    {
        bool good = Frame.Length >= 42 && U16(14) == 1 && U16(16) == 0x0800 && Frame[18] == 6 && Frame[19] == 4;
        return good ? DropReason.None : DropReason.MalformedArp;
    }

    private DropReason ParseV4()
    {
        if (Frame.Length < 34 || Frame[14] >> 4 != 4)
        {
            return DropReason.MalformedIpv4;
        }

        int header = (Frame[14] & 15) * 4;
        int total = U16(16);
        if (header < 20 || total < header || 14 + total > Frame.Length)
        {
            return DropReason.MalformedIpv4;
        }

        if (!OnesComplement.IsRight(Frame.AsSpan(14, header)))
        {
            return DropReason.BadIpv4Checksum;
        }

        End = 14 + total;
        L4 = 14 + header;
        Source = IpAddress.Read(Frame.AsSpan(26), isV6: false);
        Destination = IpAddress.Read(Frame.AsSpan(30), isV6: false);
        Ttl = Frame[22];
        Protocol = Frame[23];
        FragmentId = (uint)U16(18);
        FragmentOffset = U16(20) & 0x1FFF;
        MoreFragments = (U16(20) & 0x2000) != 0;
        (FragmentProtocol, FragmentDataAt) = (Protocol, L4);
        return DropReason.None;
    }

    private bool ParseV6()
    {
        if (Frame.Length < 54 || Frame[14] >> 4 != 6 || 54 + U16(18) > Frame.Length)
        {
            return false;
        }

        End = 54 + U16(18);
        Source = IpAddress.Read(Frame.AsSpan(22), isV6: true);
        Destination = IpAddress.Read(Frame.AsSpan(38), isV6: true);
        Ttl = Frame[21];
        return ReferenceExtensions.Walk(Frame, 54, End, Frame[20], MaxExtensionHeaders) is { } found && Take(found);
    }

    private bool Take(ReferenceExtensions found)
    {
        (L4, Protocol) = (found.TransportAt, found.Protocol);
        (FragmentOffset, MoreFragments, FragmentId) = (found.FragmentOffset, found.MoreFragments, found.FragmentId);
        FragmentDataAt = found.FragmentDataAt;
        return true;
    }

    private DropReason ParseFragment()
    {
        if (!IsFragmentSound())
        {
            return IsV6 ? DropReason.MalformedIpv6 : DropReason.MalformedIpv4;
        }

        return Protocol == 6 && FragmentOffset == 1 ? DropReason.MalformedL4 : DropReason.None;
    }

    /// <summary>A fragment carries something, ends within the largest datagram, and all but the last carry whole units of 8
    /// bytes.</summary>
    private bool IsFragmentSound()
    {
        int length = End - FragmentDataAt;
        return !IsFragment ||
            (length > 0 && (FragmentOffset * 8) + length <= LargestPayload && (!MoreFragments || length % 8 == 0));
    }

    private DropReason ParseTransport()
    {
        int length = End - L4;
        bool good = IsLaterFragment || (Protocol, IsV6) switch
        {
            (6, _) => length >= 20 && Frame[L4 + 12] >> 4 >= 5 && (Frame[L4 + 12] >> 4) * 4 <= length,
            (17, _) => length >= 8 && U16(L4 + 4) >= 8 && (IsFragment || U16(L4 + 4) <= length),
            (132, _) => length >= 12,
            (1, false) or (58, true) => length >= 8,
            _ => true,
        };
        return good ? ParseFragment() : DropReason.MalformedL4;
    }
}

/// <summary>What a chain of IPv6 extension headers leads to.</summary>
internal sealed record ReferenceExtensions(byte Protocol, int TransportAt, int FragmentOffset, bool MoreFragments, uint FragmentId)
{
    private const byte HopByHop = 0;
    private const byte Routing = 43;
    private const byte Fragment = 44;
    private const byte Authentication = 51;
    private const byte DestinationOptions = 60;

    /// <summary>Where the fragment header ends.</summary>
    public int FragmentDataAt { get; init; }

    /// <summary>Follows the chain; null when a header is cut short or there are too many.</summary>
    public static ReferenceExtensions? Walk(byte[] bytes, int at, int end, byte next, int most)
    {
        var found = new ReferenceExtensions(next, at, 0, false, 0);
        bool isFragmentSeen = false;
        for (int count = 0; IsExtension(found.Protocol); count++)
        {
            at = found.TransportAt;
            if ((found.Protocol == Fragment && isFragmentSeen) || count == most || at + 8 > end || (found.Protocol == HopByHop && count > 0))
            {
                return null;
            }

            int length = found.Protocol switch
            {
                Fragment => 8,
                Authentication => (bytes[at + 1] + 2) * 4,
                _ => (bytes[at + 1] + 1) * 8,
            };
            if (at + length > end)
            {
                return null;
            }

            if (found.Protocol == Fragment)
            {
                int word = (bytes[at + 2] << 8) | bytes[at + 3];
                uint id = ((uint)bytes[at + 4] << 24) | ((uint)bytes[at + 5] << 16) | ((uint)bytes[at + 6] << 8) | bytes[at + 7];
                isFragmentSeen = true;
                found = found with
                {
                    FragmentOffset = word >> 3,
                    MoreFragments = (word & 1) != 0,
                    FragmentId = id,
                    FragmentDataAt = at + 8,
                };
            }

            found = found with { Protocol = bytes[at], TransportAt = at + length };
            if (found.FragmentOffset != 0)
            {
                return found;
            }
        }

        return found;
    }

    private static bool IsExtension(byte number) =>
        number is HopByHop or Routing or Fragment or Authentication or DestinationOptions;
}
