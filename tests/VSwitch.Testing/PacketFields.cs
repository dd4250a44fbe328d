using System.Globalization;
using VSwitch.Wire;

namespace VSwitch.Testing;

/// <summary>A frame taken apart for people and for comparison: fields by name in the order of the wire, and what is wrong
/// with lengths and checksums.</summary>
public sealed class PacketFields
{
    private readonly List<(string Name, string Value)> _fields = [];
    private readonly List<string> _faults = [];
    private readonly byte[] _frame;

    private PacketFields(byte[] frame) => _frame = frame;

    /// <summary>Name and value, in order.</summary>
    public IReadOnlyList<(string Name, string Value)> Fields => _fields;

    /// <summary>What makes the frame invalid; empty for a good one.</summary>
    public IReadOnlyList<string> Faults => _faults;

    /// <summary>Value of a field, null when the frame does not have it.</summary>
    public string? this[string name] =>
        _fields.Where(field => field.Name == name).Select(field => field.Value).FirstOrDefault();

    /// <summary>Takes a frame apart.</summary>
    public static PacketFields Of(ReadOnlySpan<byte> frame)
    {
        var fields = new PacketFields(frame.ToArray());
        fields.Ethernet();
        return fields;
    }

    /// <summary>One field a line.</summary>
    public override string ToString() => string.Join('\n', _fields.Select(field => $"{field.Name} = {field.Value}"));

    private void Ethernet()
    {
        if (!Need("ethernet", 0, 14, _frame.Length))
        {
            return;
        }

        Add("eth.dst", MacAddress.Read(_frame));
        Add("eth.src", MacAddress.Read(_frame.AsSpan(6)));
        int at = 12;
        while (U16(at) is 0x8100 or 0x88A8 && at + 6 <= _frame.Length)
        {
            Add("vlan.id", U16(at + 2) & 0xFFF);
            at += 4;
        }

        Add("eth.type", $"0x{U16(at):x4}");
        switch (U16(at))
        {
            case 0x0800:
                V4("", at + 2, _frame.Length, isQuote: false);
                break;
            case 0x86DD:
                V6("", at + 2, _frame.Length, isQuote: false);
                break;
            case 0x0806:
                Arp(at + 2);
                break;
            default:
                Payload("", at + 2, _frame.Length);
                break;
        }
    }

    private void Arp(int at)
    {
        if (!Need("arp", at, 28, _frame.Length))
        {
            return;
        }

        Add("arp.op", U16(at + 6));
        Add("arp.sha", MacAddress.Read(_frame.AsSpan(at + 8)));
        Add("arp.spa", IpAddress.Read(_frame.AsSpan(at + 14), isV6: false));
        Add("arp.tha", MacAddress.Read(_frame.AsSpan(at + 18)));
        Add("arp.tpa", IpAddress.Read(_frame.AsSpan(at + 24), isV6: false));
        if (U16(at) != 1 || U16(at + 2) != 0x0800 || _frame[at + 4] != 6 || _frame[at + 5] != 4)
        {
            _faults.Add("arp types or sizes are not those of IPv4 over Ethernet");
        }

        Padding(at + 28);
    }

    private void V4(string prefix, int at, int end, bool isQuote)
    {
        if (!Need(prefix + "ip", at, 20, end))
        {
            return;
        }

        int header = (_frame[at] & 15) * 4;
        int total = U16(at + 2);
        bool isGood = _frame[at] >> 4 == 4 && header >= 20 && total >= header && at + header <= end;
        if (!isGood || (!isQuote && at + total > end))
        {
            _faults.Add($"{prefix}ip version {_frame[at] >> 4}, header length {header} or total length {total} is wrong");
            return;
        }

        IpAddress source = IpAddress.Read(_frame.AsSpan(at + 12), isV6: false);
        IpAddress destination = IpAddress.Read(_frame.AsSpan(at + 16), isV6: false);
        byte protocol = _frame[at + 9];
        int fragment = U16(at + 6);
        Add(prefix + "ip.tos", _frame[at + 1]);
        Add(prefix + "ip.length", total);
        Add(prefix + "ip.id", U16(at + 4));
        Add(prefix + "ip.fragment", $"0x{fragment:x4}");
        Add(prefix + "ip.ttl", _frame[at + 8]);
        Add(prefix + "ip.protocol", protocol);
        Add(prefix + "ip.checksum", $"0x{U16(at + 10):x4}");
        Add(prefix + "ip.src", source);
        Add(prefix + "ip.dst", destination);
        Add(prefix + "ip.options", Convert.ToHexStringLower(_frame, at + 20, header - 20));
        if (!OnesComplement.IsRight(_frame.AsSpan(at, header)))
        {
            _faults.Add(prefix + "ip header checksum is wrong");
        }

        int packetEnd = isQuote ? Math.Min(end, at + total) : at + total;
        bool isWhole = (fragment & 0x3FFF) == 0 && packetEnd == at + total;
        ulong pseudo = OnesComplement.Pseudo(source, destination, protocol, packetEnd - at - header);
        Transport(prefix, protocol, at + header, packetEnd, (fragment & 0x1FFF) != 0, isWhole && !isQuote ? pseudo : null, false);
        if (!isQuote)
        {
            Padding(packetEnd);
        }
    }

    private void V6(string prefix, int at, int end, bool isQuote)
    {
        if (!Need(prefix + "ip6", at, 40, end))
        {
            return;
        }

        int length = U16(at + 4);
        if (_frame[at] >> 4 != 6 || (!isQuote && at + 40 + length > end))
        {
            _faults.Add($"{prefix}ip6 version {_frame[at] >> 4} or payload length {length} is wrong");
            return;
        }

        IpAddress source = IpAddress.Read(_frame.AsSpan(at + 8), isV6: true);
        IpAddress destination = IpAddress.Read(_frame.AsSpan(at + 24), isV6: true);
        Add(prefix + "ip6.class", (U16(at) >> 4) & 0xFF);
        Add(prefix + "ip6.flow", ((U16(at) & 15) << 16) | U16(at + 2));
        Add(prefix + "ip6.length", length);
        Add(prefix + "ip6.hop-limit", _frame[at + 7]);
        Add(prefix + "ip6.src", source);
        Add(prefix + "ip6.dst", destination);
        int packetEnd = Math.Min(end, at + 40 + length);
        byte next = _frame[at + 6];
        int l4 = at + 40;
        bool isFragment = false;
        bool isLater = false;
        while (next is 0 or 43 or 44 or 60 && !isLater && l4 + 8 <= packetEnd)
        {
            Add($"{prefix}ip6.extension", $"{next} {Convert.ToHexStringLower(_frame, l4, 8)}");
            isFragment |= next == 44 && (U16(l4 + 2) & 0xFFF9) != 0;
            isLater |= next == 44 && U16(l4 + 2) >> 3 != 0;
            int size = next == 44 ? 8 : (_frame[l4 + 1] + 1) * 8;
            next = _frame[l4];
            l4 += size;
        }

        Add(prefix + "ip6.next", next);
        if (!Need(prefix + "ip6 extension headers", l4, 0, packetEnd))
        {
            return;
        }

        bool isWhole = !isFragment && !isQuote;
        ulong pseudo = OnesComplement.Pseudo(source, destination, next, packetEnd - l4);
        Transport(prefix, next, l4, packetEnd, isLater, isWhole ? pseudo : null, true);
        if (!isQuote)
        {
            Padding(packetEnd);
        }
    }

    /// <param name="pseudo">Sum of the pseudo header; null when the checksum cannot be known here.</param>
    private void Transport(string prefix, byte protocol, int at, int end, bool isLater, ulong? pseudo, bool isV6)
    {
        bool isIcmp = protocol == (isV6 ? 58 : 1);
        bool isQuote = prefix.Length > 0;
        int size = (isLater, protocol) switch
        {
            (true, _) => 0,
            (_, 6) => isQuote ? 8 : 20,
            (_, 17) => 8,
            (_, 132) => isQuote ? 8 : 12,
            _ => isIcmp ? 8 : 0,
        };
        if (!Need(prefix + "transport", at, size, end))
        {
            return;
        }

        if (size == 0)
        {
            Payload(prefix, at, end);
        }
        else if (isIcmp)
        {
            Icmp(prefix, at, end, isV6 ? pseudo : pseudo is null ? null : 0, isV6);
        }
        else
        {
            Ports(prefix, protocol, at, end, pseudo, isV6);
        }
    }

    private void Ports(string prefix, byte protocol, int at, int end, ulong? pseudo, bool isV6)
    {
        string name = prefix + (protocol switch { 6 => "tcp", 17 => "udp", _ => "sctp" });
        Add(name + ".src", U16(at));
        Add(name + ".dst", U16(at + 2));
        ReadOnlySpan<byte> segment = _frame.AsSpan(at..end);
        bool isRight = true;
        int header = 8;
        if (protocol == 6)
        {
            header = segment.Length < 20 ? segment.Length : Math.Min(segment.Length, (_frame[at + 12] >> 4) * 4);
            Tcp(name, at, end);
            isRight = pseudo is not { } sum || OnesComplement.IsRight(segment, sum);
        }
        else if (protocol == 17)
        {
            Add(name + ".length", U16(at + 4));
            Add(name + ".checksum", $"0x{U16(at + 6):x4}");
            // No checksum: RFC 768 allows it, RFC 8200 section 8.1 does not.
            isRight = pseudo is not { } sum || (U16(at + 6) == 0 ? !isV6 : OnesComplement.IsRight(segment, sum));
            if (pseudo is not null && U16(at + 4) != segment.Length)
            {
                _faults.Add($"{name} length {U16(at + 4)} is not the {segment.Length} bytes there");
            }
        }
        else if (segment.Length >= 12)
        {
            header = 12;
            byte[] copy = segment.ToArray();
            copy.AsSpan(8, 4).Clear();
            isRight = pseudo is null || BitConverter.ToUInt32(segment[8..]) == SctpLayer.Crc32c(copy);
            Add(name + ".crc", Convert.ToHexStringLower(segment.Slice(8, 4)));
        }

        if (!isRight)
        {
            _faults.Add($"{name} checksum is wrong");
        }

        Payload(prefix, at + header, end);
    }

    private void Tcp(string name, int at, int end)
    {
        if (at + 20 > end)
        {
            return;
        }

        Add(name + ".seq", (uint)((U16(at + 4) << 16) | U16(at + 6)));
        Add(name + ".ack", (uint)((U16(at + 8) << 16) | U16(at + 10)));
        Add(name + ".flags", ((TcpBits)(U16(at + 12) & 0xFFF)).ToString());
        Add(name + ".window", U16(at + 14));
        Add(name + ".checksum", $"0x{U16(at + 16):x4}");
    }

    private void Icmp(string prefix, int at, int end, ulong? pseudo, bool isV6)
    {
        byte type = _frame[at];
        Add(prefix + "icmp.type", type);
        Add(prefix + "icmp.code", _frame[at + 1]);
        Add(prefix + "icmp.checksum", $"0x{U16(at + 2):x4}");
        Add(prefix + "icmp.rest", Convert.ToHexStringLower(_frame, at + 4, 4));
        if (pseudo is { } sum && !OnesComplement.IsRight(_frame.AsSpan(at..end), sum))
        {
            _faults.Add(prefix + "icmp checksum is wrong");
        }

        bool isError = isV6 ? type is >= 1 and <= 4 : type is 3 or 4 or 5 or 11 or 12;
        if (!isError || prefix.Length > 0)
        {
            Payload(prefix, at + 8, end);
        }
        else if (isV6)
        {
            V6("quote.", at + 8, end, isQuote: true);
        }
        else
        {
            V4("quote.", at + 8, end, isQuote: true);
        }
    }

    private void Padding(int from)
    {
        if (from < _frame.Length)
        {
            Add("padding", Convert.ToHexStringLower(_frame, from, _frame.Length - from));
        }
    }

    private void Payload(string prefix, int from, int to)
    {
        if (from < to)
        {
            Add(prefix + "payload", Convert.ToHexStringLower(_frame, from, to - from));
        }
    }

    private bool Need(string what, int at, int size, int end)
    {
        bool isThere = at + size <= end;
        if (!isThere)
        {
            _faults.Add($"{what} is cut short: {Math.Max(0, end - at)} of {size} bytes");
        }

        return isThere;
    }

    private int U16(int at) => (_frame[at] << 8) | _frame[at + 1];

    private void Add(string name, IFormattable value) => _fields.Add((name, value.ToString(null, CultureInfo.InvariantCulture)));

    private void Add(string name, IpAddress value) => _fields.Add((name, value.ToString()));

    private void Add(string name, string value) => _fields.Add((name, value));
}
