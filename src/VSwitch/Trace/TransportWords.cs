using System.Globalization;
using System.Text;
using VSwitch.Wire;

namespace VSwitch.Trace;

/// <summary>What an IP packet carries, in words (<see cref="PacketWords"/>): protocol, ends, TCP flags, kind of an ICMP message and what it
/// is about, kind of a DHCP message, place of a fragment.</summary>
internal static class TransportWords
{
    private const byte DhcpServer = 67;
    private const byte DhcpClient = 68;
    private const ushort Dhcp6Client = 546;
    private const ushort Dhcp6Server = 547;

    /// <summary>Of BOOTP's fixed fields and the magic cookie (RFC 2131 section 2).</summary>
    private const int DhcpFixedBytes = 240;
    private const int PortBytes = 4;

    private static readonly string[] DhcpKinds =
        ["", "discover", "offer", "request", "decline", "ack", "nak", "release", "inform"];

    private static readonly string[] Dhcp6Kinds =
    [
        "", "solicit", "advertise", "request", "confirm", "renew", "rebind", "reply", "release", "decline", "reconfigure",
        "information-request", "relay-forward", "relay-reply",
    ];

    /// <summary>Adds protocol, ends, and what the transport header says.</summary>
    /// <param name="words">The words.</param>
    /// <param name="source">The packet's source.</param>
    /// <param name="destination">Its destination.</param>
    /// <param name="protocol">The protocol behind all IP headers.</param>
    /// <param name="l4">What follows the IP headers.</param>
    /// <param name="fragment">Where it stands, if it is a fragment.</param>
    public static void Add(
        StringBuilder words, IpAddress source, IpAddress destination, byte protocol, in PacketPart l4, FragmentPlace fragment)
    {
        string? name = NameOf(protocol, source.IsV6);
        bool hasPorts = name is "tcp" or "udp" or "sctp";
        words.Append(name ?? string.Create(CultureInfo.InvariantCulture, $"proto {protocol}")).Append(' ');
        if (hasPorts && !fragment.IsLater && l4.Has(PortBytes))
        {
            words.Append(CultureInfo.InvariantCulture, $"{End(source, l4.Word(0))} > {End(destination, l4.Word(2))}");
        }
        else
        {
            words.Append(CultureInfo.InvariantCulture, $"{source} > {destination}");
        }

        if (!fragment.IsLater)
        {
            AddHeader(words, name, l4, fragment.IsFragment);
        }

        if (fragment.IsFragment)
        {
            words.Append(
                CultureInfo.InvariantCulture, $" {(fragment.HasMore ? "" : "last ")}fragment id {fragment.Identification} at {fragment.OffsetBytes}");
        }
    }

    private static string? NameOf(byte protocol, bool isV6) => (IpProtocol)protocol switch
    {
        IpProtocol.Tcp => "tcp",
        IpProtocol.Udp => "udp",
        IpProtocol.Sctp => "sctp",
        IpProtocol.Icmp when !isV6 => "icmp",
        IpProtocol.Icmpv6 when isV6 => "icmpv6",
        _ => null,
    };

    private static string End(IpAddress address, ushort port) =>
        string.Create(CultureInfo.InvariantCulture, $"{(address.IsV6 ? $"[{address}]" : address.ToString())}:{port}");

    private static void AddHeader(StringBuilder words, string? name, in PacketPart l4, bool isFragment)
    {
        int needed = name switch { "tcp" => TcpView.MinHeaderBytes, "udp" or "icmp" or "icmpv6" => UdpView.HeaderBytes, "sctp" => 12, _ => 0 };
        if (!l4.Has(needed))
        {
            words.Append(!l4.IsWhole ? " …" : l4.IsQuote ? "" : " cut short");
            return;
        }

        switch (name)
        {
            case "tcp":
                AddTcp(words, l4);
                break;
            case "udp":
                AddUdp(words, l4, isFragment);
                break;
            case "icmp":
                AddIcmp(words, l4);
                break;
            case "icmpv6":
                AddIcmp6(words, l4);
                break;
        }
    }

    private static void AddTcp(StringBuilder words, in PacketPart tcp)
    {
        byte flags = tcp.Bytes[13];
        char before = ' ';
        foreach ((string name, byte bit) in TracePacket.Flags)
        {
            if ((flags & bit) != 0)
            {
                words.Append(before).Append(name);
                before = '+';
            }
        }

        if (flags == 0)
        {
            words.Append(" no-flags");
        }

        int header = (tcp.Bytes[12] >> 4) * 4;
        if (header < TcpView.MinHeaderBytes || (header > tcp.Length && !tcp.IsQuote))
        {
            words.Append(CultureInfo.InvariantCulture, $", tcp header length {header} in {tcp.Length} bytes");
        }
    }

    private static void AddUdp(StringBuilder words, in PacketPart udp, bool isFragment)
    {
        (ushort from, ushort to) = (udp.Word(0), udp.Word(2));
        PacketPart data = udp.From(UdpView.HeaderBytes);
        if (from is DhcpServer or DhcpClient && to is DhcpServer or DhcpClient)
        {
            AddDhcp(words, data);
        }
        else if (from is Dhcp6Client or Dhcp6Server && to is Dhcp6Client or Dhcp6Server && data.Has(1) && KindOf(Dhcp6Kinds, data.Bytes[0]) is string kind)
        {
            words.Append(" dhcpv6 ").Append(kind);
        }

        int length = udp.Word(4);
        if (length < UdpView.HeaderBytes || (length > udp.Length && !udp.IsQuote && !isFragment))
        {
            words.Append(CultureInfo.InvariantCulture, $", udp length {length} in {udp.Length} bytes");
        }
    }

    /// <summary>The kind stands in option 53, which the first bytes of a frame do not reach.</summary>
    private static void AddDhcp(StringBuilder words, in PacketPart message)
    {
        bool isBootp = message.Has(3) && message.Bytes[0] is 1 or 2 && message.Bytes[1] == 1 && message.Bytes[2] == 6;
        if (!isBootp)
        {
            return;
        }

        words.Append(" dhcp");
        ReadOnlySpan<byte> options = message.Has(DhcpFixedBytes) ? message.Bytes[DhcpFixedBytes..] : [];
        while (options.Length >= 3 && options[0] != 255)
        {
            if (options[0] == 53)
            {
                words.Append(' ').Append(KindOf(DhcpKinds, options[2]) ?? string.Create(CultureInfo.InvariantCulture, $"message {options[2]}"));
                return;
            }

            // Option 0 is padding and has no length.
            options = options[Math.Min(options.Length, options[0] == 0 ? 1 : 2 + options[1])..];
        }
    }

    private static string? KindOf(string[] kinds, byte kind) => kind > 0 && kind < kinds.Length ? kinds[kind] : null;

    private static void AddIcmp(StringBuilder words, in PacketPart message)
    {
        (byte type, byte code) = (message.Bytes[0], message.Bytes[1]);
        switch ((IcmpType)type)
        {
            case IcmpType.EchoRequest when code == 0:
                return;
            case IcmpType.EchoReply when code == 0:
                words.Append(" echo-reply");
                return;
            case IcmpType.TimestampRequest when code == 0:
                words.Append(" timestamp-request");
                return;
            case IcmpType.TimestampReply when code == 0:
                words.Append(" timestamp-reply");
                return;
        }

        string? error = ((IcmpType)type, code) switch
        {
            (IcmpType.DestinationUnreachable, 0) => "net-unreachable",
            (IcmpType.DestinationUnreachable, 1) => "host-unreachable",
            (IcmpType.DestinationUnreachable, 2) => "protocol-unreachable",
            (IcmpType.DestinationUnreachable, 3) => "port-unreachable",
            (IcmpType.DestinationUnreachable, 4) => string.Create(CultureInfo.InvariantCulture, $"fragmentation-needed mtu {message.Word(6)}"),
            (IcmpType.DestinationUnreachable, 13) => "prohibited",
            (IcmpType.DestinationUnreachable, _) => string.Create(CultureInfo.InvariantCulture, $"destination-unreachable code {code}"),
            (IcmpType.SourceQuench, _) => "source-quench",
            (IcmpType.Redirect, _) => "redirect",
            (IcmpType.TimeExceeded, 0) => "time-exceeded",
            (IcmpType.TimeExceeded, _) => string.Create(CultureInfo.InvariantCulture, $"time-exceeded code {code}"),
            (IcmpType.ParameterProblem, _) => "parameter-problem",
            _ => null,
        };
        AddError(words, message, error, isV6: false);
    }

    private static void AddIcmp6(StringBuilder words, in PacketPart message)
    {
        (byte type, byte code) = (message.Bytes[0], message.Bytes[1]);
        string? plain = (Icmpv6Type)type switch
        {
            Icmpv6Type.EchoRequest when code == 0 => "",
            Icmpv6Type.EchoReply when code == 0 => " echo-reply",
            Icmpv6Type.RouterSolicitation => " router-solicitation",
            Icmpv6Type.RouterAdvertisement => " router-advertisement",
            Icmpv6Type.NeighborSolicitation => " neighbor-solicitation",
            Icmpv6Type.NeighborAdvertisement => " neighbor-advertisement",
            Icmpv6Type.Redirect => " redirect",
            (Icmpv6Type)130 => " multicast-listener-query",
            (Icmpv6Type)131 or (Icmpv6Type)143 => " multicast-listener-report",
            (Icmpv6Type)132 => " multicast-listener-done",
            _ => null,
        };
        if (plain != null)
        {
            words.Append(plain);
            AddNeighbor(words, message, (Icmpv6Type)type);
            return;
        }

        string? error = ((Icmpv6Type)type, code) switch
        {
            (Icmpv6Type.DestinationUnreachable, 0) => "no-route",
            (Icmpv6Type.DestinationUnreachable, 1) => "prohibited",
            (Icmpv6Type.DestinationUnreachable, 3) => "host-unreachable",
            (Icmpv6Type.DestinationUnreachable, 4) => "port-unreachable",
            (Icmpv6Type.DestinationUnreachable, _) => string.Create(CultureInfo.InvariantCulture, $"destination-unreachable code {code}"),
            (Icmpv6Type.PacketTooBig, _) =>
                string.Create(CultureInfo.InvariantCulture, $"packet-too-big mtu {((uint)message.Word(4) << 16) | message.Word(6)}"),
            (Icmpv6Type.TimeExceeded, 0) => "time-exceeded",
            (Icmpv6Type.TimeExceeded, _) => string.Create(CultureInfo.InvariantCulture, $"time-exceeded code {code}"),
            (Icmpv6Type.ParameterProblem, _) => "parameter-problem",
            _ => null,
        };
        AddError(words, message, error, isV6: true);
    }

    /// <summary>The kind of an error with what it quotes; any other message by its numbers.</summary>
    private static void AddError(StringBuilder words, in PacketPart message, string? error, bool isV6)
    {
        if (error == null)
        {
            words.Append(CultureInfo.InvariantCulture, $" type {message.Bytes[0]} code {message.Bytes[1]}");
            return;
        }

        words.Append(' ').Append(error);
        PacketPart quote = message.From(IcmpView.HeaderBytes);

        // No error is sent about an error: a quote in a quote is not followed.
        if (!message.IsQuote && quote.Length > 0)
        {
            PacketWords.AddQuote(words, quote.AsQuote(), isV6);
        }
    }

    /// <summary>Whom neighbour discovery is about, and the MAC of an answer (RFC 4861 sections 4.3, 4.4, 4.6.1).</summary>
    private static void AddNeighbor(StringBuilder words, in PacketPart message, Icmpv6Type type)
    {
        const int TargetEnd = 24;
        const int OptionEnd = 32;
        if (type is not (Icmpv6Type.NeighborSolicitation or Icmpv6Type.NeighborAdvertisement))
        {
            return;
        }

        if (!message.Has(TargetEnd))
        {
            words.Append(message.IsWhole ? " cut short" : " …");
            return;
        }

        IpAddress target = IpAddress.Read(message.Bytes[8..], isV6: true);
        words.Append(CultureInfo.InvariantCulture, $" {(type == Icmpv6Type.NeighborSolicitation ? "for" : "of")} {target}");
        bool hasMac = message.Has(OptionEnd) && message.Bytes[TargetEnd] == 2 && message.Bytes[TargetEnd + 1] == 1;
        if (type == Icmpv6Type.NeighborAdvertisement && hasMac)
        {
            words.Append(CultureInfo.InvariantCulture, $" at {MacAddress.Read(message.Bytes[(TargetEnd + 2)..])}");
        }
    }
}
