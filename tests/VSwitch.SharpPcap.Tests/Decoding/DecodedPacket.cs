using System.Globalization;
using System.Net;
using System.Net.NetworkInformation;
using PacketDotNet.Utils;
using VSwitch.Wire;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>A frame as one decoder sees it, in the names of <see cref="VSwitch.Testing.PacketFields"/>: fields in the order of the
/// wire, what it says of the checksums that it judged, and how far it came.</summary>
internal sealed class DecodedPacket
{
    private readonly List<(string Name, string Value)> _fields = [];
    private readonly Dictionary<string, bool> _checksums = [];

    /// <summary>Name and value, in order.</summary>
    public IReadOnlyList<(string Name, string Value)> Fields => _fields;

    /// <summary>True for a checksum that was found right; none where the decoder did not judge.</summary>
    public IReadOnlyDictionary<string, bool> Checksums => _checksums;

    /// <summary>Why the decoder gave up; null when it came to the frame's end.</summary>
    public string? Failure { get; private set; }

    /// <summary>Why it gave up in the packet that an ICMP error quotes.</summary>
    public string? QuoteFailure { get; private set; }

    /// <summary>The layer whose gate refused the bytes (of our views only); null when all were accepted.</summary>
    public string? Refused { get; set; }

    /// <summary>The lengths that the headers say and that are there (of PacketDotNet only).</summary>
    public HeaderSizes Sizes { get; set; } = new();

    /// <summary>The first value of a field; null without it.</summary>
    public string? this[string name] => _fields.Where(f => f.Name == name).Select(f => f.Value).FirstOrDefault();

    public void Add(string name, IFormattable value) => Add(name, value.ToString(null, CultureInfo.InvariantCulture));

    public void Add(string name, string value) => _fields.Add((name, value));

    public void Add(string name, PhysicalAddress value) => Add(name, MacAddress.Read(value.GetAddressBytes()));

    /// <summary>In our spelling: the two libraries write some IPv6 addresses differently (RFC 5952 section 5).</summary>
    public void Add(string name, IPAddress value)
    {
        byte[] bytes = value.GetAddressBytes();
        Add(name, IpAddress.Read(bytes, isV6: bytes.Length == 16));
    }

    /// <summary>Adds bytes in hex, and nothing where there are none, as <see cref="VSwitch.Testing.PacketFields"/> does.</summary>
    public void AddPayload(string name, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > 0)
        {
            Add(name, Convert.ToHexStringLower(bytes));
        }
    }

    /// <summary>The same; an empty segment of PacketDotNet may lie beyond its bytes.</summary>
    public void AddPayload(string name, ByteArraySegment bytes)
    {
        if (bytes.Length > 0)
        {
            AddPayload(name, bytes.Bytes.AsSpan(bytes.Offset, bytes.Length));
        }
    }

    /// <summary>Notes the first reason to give up.</summary>
    public void Fail(string prefix, string reason)
    {
        if (prefix.Length == 0)
        {
            Failure ??= reason;
        }
        else
        {
            QuoteFailure ??= reason;
        }
    }

    public void Judge(string checksum, bool isRight) => _checksums[checksum] = isRight;
}

/// <summary>Lengths of the outer headers, in bytes; 0 where there is no such header.</summary>
internal sealed record HeaderSizes
{
    /// <summary>Bytes from the network header to the frame's end.</summary>
    public int NetworkBytes { get; init; }

    public int Version { get; init; }

    /// <summary>The IHL times four; 40 for IPv6.</summary>
    public int HeaderBytes { get; init; }

    /// <summary>Header and payload, as the IP header says.</summary>
    public int TotalBytes { get; init; }

    /// <summary>Bytes behind the IP headers.</summary>
    public int TransportBytes { get; init; }

    /// <summary>The TCP data offset times four, or the UDP length.</summary>
    public int SaidBytes { get; init; }

    /// <summary>ARP for IPv4 over Ethernet, by its types and sizes.</summary>
    public bool IsEthernetArp { get; init; }
}
