using System.Buffers.Binary;
using VSwitch.Testing;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>What <see cref="KnownDifferences"/> asks of a packet: read from the bytes here, by hand, so that no decoder under comparison
/// says itself whether it is excused.</summary>
internal sealed class FrameFacts
{
    private readonly byte[] _frame;
    private readonly PacketFields _fields;
    private readonly string _prefix;
    private readonly int _transport;

    private FrameFacts(byte[] frame, PacketFields fields, string prefix, int network, bool isIp)
    {
        (_frame, _fields, _prefix) = (frame, fields, prefix);
        int version = isIp && network < frame.Length ? frame[network] >> 4 : 0;
        IsV4 = isIp && version == 4;
        IsV6 = isIp && version == 6;
        Extensions = IsV6 ? ExtensionChain.Walk(frame, network) : ExtensionChain.None;
        _transport = IsV6 ? network + 40 + Extensions.Bytes
            : IsV4 ? network + ((frame[network] & 15) * 4) : frame.Length;
        Network = network;
    }

    public bool IsV4 { get; }

    public bool IsV6 { get; }

    /// <summary>Where the IP header is.</summary>
    public int Network { get; }

    public ExtensionChain Extensions { get; }

    /// <summary>True behind the type 0x9100, with which tags were stacked before IEEE 802.1ad.</summary>
    public bool HasLegacyTag { get; private init; }

    /// <summary>True for an 802.3 length in place of a type.</summary>
    public bool IsLength { get; private init; }

    /// <summary>True for a tag of which the frame's end has left less than four bytes.</summary>
    public bool IsTagCut { get; private init; }

    /// <summary>Bytes behind the IP packet.</summary>
    public bool HasPadding => (IsV4 && Network + TotalLength < _frame.Length) ||
        (IsV6 && Network + 40 + U16(Network + 4) < _frame.Length);

    /// <summary>First, middle or last; an atomic fragment of IPv6 (RFC 6946) is none.</summary>
    public bool IsFragment => IsV4 ? (U16(Network + 6) & 0x3FFF) != 0 : Extensions.IsFragment;

    public bool HasReservedBit => IsV4 && (U16(Network + 6) & 0x8000) != 0;

    public int TotalLength => IsV4 ? U16(Network + 2) : 0;

    public bool IsTcp => Protocol == 6;

    public bool IsUdp => Protocol == 17;

    public bool IsIcmp => Protocol == (IsV6 ? 58 : 1);

    public bool IsSctp => Protocol == 132;

    /// <summary>What follows the IP headers; -1 in a later fragment, where it does not begin.</summary>
    private int Protocol => IsV4 ? (U16(Network + 6) & 0x1FFF) != 0 ? -1 : U16(Network + 8) & 0xFF
        : IsV6 && !Extensions.IsLaterFragment ? Extensions.Next : -1;

    /// <summary>Data offset, reserved bits and flags of TCP.</summary>
    public int TcpBits => IsTcp ? U16(_transport + 12) : 0;

    public int UrgentPointer => IsTcp ? U16(_transport + 18) : 0;

    public int UdpLength => IsUdp ? U16(_transport + 4) : 0;

    public int UdpDestination => IsUdp ? U16(_transport + 2) : -1;

    public int UdpSource => IsUdp ? U16(_transport) : -1;

    /// <summary>Bytes behind the IP headers, padding not among them.</summary>
    public int TransportBytes => IsV4 ? TotalLength - (_transport - Network) : U16(Network + 4) - Extensions.Bytes;

    public bool HasOddOptions
    {
        get
        {
            int end = Math.Min(_transport + (TcpBits >> 12) * 4, _frame.Length);
            return IsTcp && end > _transport + 20 && !HasPlainOptions(_frame.AsSpan((_transport + 20)..end));
        }
    }

    /// <summary>The shift that the last option of its kind says; 0 without one.</summary>
    public int WindowScale
    {
        get
        {
            int shift = 0;
            int end = Math.Min(_transport + ((TcpBits >> 12) * 4), _frame.Length);
            for (int at = _transport + 20; IsTcp && at + 2 < end && _frame[at] != 0; at += _frame[at] == 1 ? 1 : Math.Max((byte)1, _frame[at + 1]))
            {
                shift = _frame[at] == 3 && _frame[at + 1] == 3 ? _frame[at + 2] : shift;
            }

            return shift;
        }
    }

    /// <summary>A field of our test-side decoder.</summary>
    public string? this[string name] => _fields[_prefix + name];

    /// <summary>The facts of a frame.</summary>
    public static FrameFacts Of(byte[] frame, PacketFields fields)
    {
        (int network, int type, bool isLegacy) = Link(frame);
        return new FrameFacts(frame, fields, "", network, type is 0x0800 or 0x86DD)
        {
            HasLegacyTag = isLegacy,
            IsTagCut = type < 0 && frame.Length >= 14,
            IsLength = type is >= 0 and < 0x0600,
        };
    }

    /// <summary>The facts of the packet that an ICMP error quotes.</summary>
    public FrameFacts Quote() => new(_frame, _fields, "quote.", _transport + 8, isIp: IsIcmp);

    /// <summary>True for TCP options of their due lengths, with nothing but zeros behind their end.</summary>
    public static bool HasPlainOptions(ReadOnlySpan<byte> options)
    {
        while (options.Length > 0)
        {
            byte kind = options[0];
            if (kind == 0)
            {
                return !options.ContainsAnyExcept((byte)0);
            }

            if (kind == 1)
            {
                options = options[1..];
                continue;
            }

            if (options.Length < 2 || options[1] < 2 || options[1] > options.Length || !IsDue(kind, options[1]))
            {
                return false;
            }

            options = options[options[1]..];
        }

        return true;
    }

    private static bool IsDue(byte kind, byte length) => kind switch
    {
        2 => length == 4,
        3 => length == 3,
        4 => length == 2,
        8 => length == 10,
        _ => true,
    };

    private static (int Network, int Type, bool IsLegacy) Link(byte[] frame)
    {
        int at = 12;
        bool isLegacy = false;
        while (at + 2 <= frame.Length)
        {
            int type = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(at));
            if (type is not (0x8100 or 0x88A8 or 0x9100))
            {
                return (at + 2, type, isLegacy);
            }

            isLegacy |= type == 0x9100;
            at += 4;
        }

        return (frame.Length, -1, isLegacy);
    }

    private int U16(int at) => at >= 0 && at + 2 <= _frame.Length ? BinaryPrimitives.ReadUInt16BigEndian(_frame.AsSpan(at)) : 0;
}

/// <summary>The extension headers of an IPv6 packet as RFC 8200 section 4 and RFC 4302 section 2.2 have them, and where PacketDotNet's
/// walk over them goes another way.</summary>
internal sealed record ExtensionChain
{
    /// <summary>What PacketDotNet walks over besides ours, as if each were a header of units of 8 bytes.</summary>
    private static readonly byte[] OnlyPacketDotNets = [98, 135, 139, 140, 253, 254];

    private static readonly byte[] Ours = [0, 43, 44, 51, 60];

    public static ExtensionChain None { get; } = new();

    public int Count { get; private init; }

    public int Bytes { get; private init; }

    public bool HasAuthentication { get; private init; }

    public bool IsFragment { get; private init; }

    public bool IsLaterFragment { get; private init; }

    /// <summary>The first next header that is none of the chain.</summary>
    public byte Next { get; private init; }

    public bool HasSegmentsLeft { get; private init; }

    /// <summary>The fragment header's reserved byte, which stands where others have their length, is not 0.</summary>
    public bool HasReservedByte { get; private init; }

    /// <summary>A chain that a switch refuses: a header out of place, too many of them, one cut short.</summary>
    public bool IsRefused { get; private init; }

    /// <summary>The chain ends in the middle of a header.</summary>
    public bool IsCut { get; private init; }

    /// <summary>PacketDotNet takes a header's length, or a fragment header's offset, from the first header.</summary>
    public bool IsMisread { get; private init; }

    /// <summary>PacketDotNet takes the length of AH for units of 8 bytes.</summary>
    public bool IsAuthenticationMisread { get; private init; }

    /// <summary>What follows the chain is for PacketDotNet another extension header.</summary>
    public bool GoesOn { get; private init; }

    /// <summary>What follows is the data of a later fragment, in which PacketDotNet looks for extension headers.</summary>
    public bool GoesOnInFragment { get; private init; }

    public static ExtensionChain Walk(byte[] frame, int network)
    {
        var chain = new ExtensionChain();
        int at = network + 40;
        int end = Math.Min(frame.Length, at > frame.Length ? 0 : at + BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(network + 4)));
        byte next = network + 40 <= frame.Length ? frame[network + 6] : (byte)59;
        int first = at + 1 < frame.Length ? frame[at + 1] : 0;
        bool hasFragment = false;
        bool isLater = false;
        while (Ours.Contains(next) && !isLater)
        {
            bool isOutOfPlace = (next == 0 && chain.Count > 0) || (next == 44 && hasFragment) || chain.Count >= 8;
            int bytes = next == 44 || at + 8 > end ? 8 : next == 51 ? (frame[at + 1] + 2) * 4 : (frame[at + 1] + 1) * 8;
            int read = next == 44 ? 8 : (first + 1) * 8;
            if (at + bytes > end)
            {
                return chain with { IsRefused = true, IsCut = true };
            }

            int word = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(at + 2));
            isLater = next == 44 && word >> 3 != 0;
            hasFragment |= next == 44;
            chain = chain with
            {
                IsRefused = chain.IsRefused || isOutOfPlace,
                Count = chain.Count + 1,
                Bytes = chain.Bytes + bytes,
                HasAuthentication = chain.HasAuthentication || next == 51,
                IsFragment = chain.IsFragment || (next == 44 && (word & 0xFFF9) != 0),
                HasReservedByte = chain.HasReservedByte || (next == 44 && frame[at + 1] != 0),
                HasSegmentsLeft = chain.HasSegmentsLeft || (next == 43 && frame[at + 3] != 0),
                IsMisread = chain.IsMisread || (chain.Count > 0 && (read != bytes || next == 44)),
                IsAuthenticationMisread = chain.IsAuthenticationMisread || (next == 51 && read != bytes),
            };
            next = frame[at];
            at += bytes;
        }

        return chain with { Next = next, IsLaterFragment = isLater, GoesOn = !isLater && OnlyPacketDotNets.Contains(next), GoesOnInFragment = isLater && (Ours.Contains(next) || OnlyPacketDotNets.Contains(next)) };
    }
}
