using System.Collections.Immutable;
using VSwitch.Wire;

namespace VSwitch.Testing;

/// <summary>Builds a frame from the outside in: <c>PacketBuilder.Eth(a, b).IPv4(x, y).Tcp(1, 2, TcpBits.Syn).Build()</c>.
/// Every call gives a new builder, so a prefix can be shared. Lengths, protocol numbers and checksums are right unless a
/// layer is changed: <c>.IPv4(x, y, ip => ip with { Ttl = 1, Checksum = 0 })</c>.</summary>
public sealed record PacketBuilder
{
    private ImmutableList<PacketLayer> Layers { get; init; } = [];

    private byte[] Bytes { get; init; } = [];

    private int MinimumLength { get; init; }

    private ImmutableList<(int Offset, byte[] Bytes)> Spoils { get; init; } = [];

    private int? KeptLength { get; init; }

    /// <summary>Begins with an Ethernet header.</summary>
    public static PacketBuilder Eth(MacAddress source, MacAddress destination, ushort? etherType = null) =>
        new() { Layers = [new EthernetLayer(source, destination) { EtherType = etherType }] };

    /// <summary>Begins with an IP header: for quotes and captures without a link layer.</summary>
    public static PacketBuilder Bare() => new();

    public PacketBuilder Vlan(int id, Func<VlanLayer, VlanLayer>? change = null) => Add(new VlanLayer(id), change);

    public PacketBuilder Arp(ArpLayer arp) => Add(arp, null);

    public PacketBuilder IPv4(IpAddress source, IpAddress destination, Func<IPv4Layer, IPv4Layer>? change = null) =>
        Add(new IPv4Layer(source, destination), change);

    public PacketBuilder IPv6(IpAddress source, IpAddress destination, Func<IPv6Layer, IPv6Layer>? change = null) =>
        Add(new IPv6Layer(source, destination), change);

    /// <summary>IPv4 or IPv6, as the source address is.</summary>
    public PacketBuilder Ip(IpAddress source, IpAddress destination, byte ttl = 64) => source.IsV6
        ? IPv6(source, destination, ip => ip with { HopLimit = ttl })
        : IPv4(source, destination, ip => ip with { Ttl = ttl });

    public PacketBuilder HopByHop(byte[]? body = null) => Extension(0, body);

    public PacketBuilder Routing(byte[]? body = null) => Extension(43, body);

    public PacketBuilder DestinationOptions(byte[]? body = null) => Extension(60, body);

    /// <summary>Any extension header; without a body, six bytes of zero (Pad1 options).</summary>
    public PacketBuilder Extension(byte number, byte[]? body = null, Func<IPv6ExtensionLayer, IPv6ExtensionLayer>? change = null) =>
        Add(new IPv6ExtensionLayer(number, body ?? new byte[6]), change);

    public PacketBuilder Fragment6(int offsetUnits, bool more, uint id, byte? nextHeader = null) =>
        Add(new IPv6FragmentLayer(offsetUnits, more, id) { NextHeader = nextHeader }, null);

    public PacketBuilder Tcp(ushort source, ushort destination, TcpBits flags, Func<TcpLayer, TcpLayer>? change = null) =>
        Add(new TcpLayer(source, destination, flags), change);

    public PacketBuilder Udp(ushort source, ushort destination, Func<UdpLayer, UdpLayer>? change = null) =>
        Add(new UdpLayer(source, destination), change);

    public PacketBuilder Sctp(ushort source, ushort destination, uint tag = 1, Func<SctpLayer, SctpLayer>? change = null) =>
        Add(new SctpLayer(source, destination, tag), change);

    public PacketBuilder Icmp(byte type, byte code, uint rest = 0, Func<IcmpLayer, IcmpLayer>? change = null) =>
        Add(new IcmpLayer(type, code, rest), change);

    /// <summary>An echo request or answer of the family around it.</summary>
    public PacketBuilder Echo(bool reply, ushort id, ushort sequence, Func<IcmpLayer, IcmpLayer>? change = null)
    {
        bool v6 = Layers.Any(layer => layer is IPv6Layer);
        byte type = (reply, v6) switch { (false, false) => 8, (true, false) => 0, (false, true) => 128, _ => 129 };
        return Icmp(type, 0, ((uint)id << 16) | sequence, change);
    }

    /// <summary>An ICMP error that quotes the IP packet in a frame, cut to a number of bytes.</summary>
    public PacketBuilder IcmpError(byte type, byte code, ReadOnlySpan<byte> quotedFrame, int quoteBytes = 548, uint rest = 0,
        Func<IcmpLayer, IcmpLayer>? change = null)
    {
        byte[] quote = quotedFrame[14..Math.Min(quotedFrame.Length, 14 + quoteBytes)].ToArray();
        return Icmp(type, code, rest, change).Payload(quote);
    }

    /// <summary>A neighbour solicitation (RFC 4861 4.3); no option when the MAC is null.</summary>
    public PacketBuilder NeighborSolicitation(IpAddress target, MacAddress? sourceMac, Func<IcmpLayer, IcmpLayer>? change = null) =>
        Icmp(135, 0, 0, change).Payload([.. OnesComplement.BytesOf(target), .. LinkLayerOption(1, sourceMac)]);

    /// <summary>A neighbour advertisement (RFC 4861 4.4); flags in the top bits of the word: router 0x80, solicited 0x40,
    /// override 0x20 of its first byte.</summary>
    public PacketBuilder NeighborAdvertisement(IpAddress target, MacAddress? targetMac, byte flags,
        Func<IcmpLayer, IcmpLayer>? change = null) =>
        Icmp(136, 0, (uint)flags << 24, change).Payload([.. OnesComplement.BytesOf(target), .. LinkLayerOption(2, targetMac)]);

    public PacketBuilder Protocol(byte number) => Add(new RawProtocolLayer(number), null);

    public PacketBuilder Payload(byte[] bytes) => this with { Bytes = bytes };

    /// <summary>A payload of so many counted bytes.</summary>
    public PacketBuilder Payload(int length) =>
        Payload([.. Enumerable.Range(0, length).Select(i => (byte)((i * 7) + 1))]);

    public PacketBuilder Payload(string text) => Payload(System.Text.Encoding.UTF8.GetBytes(text));

    /// <summary>Adds Ethernet padding up to a frame length (60 without the FCS on a real wire).</summary>
    public PacketBuilder PadTo(int length) => this with { MinimumLength = length };

    /// <summary>Overwrites bytes of the finished frame; checksums stay as they were.</summary>
    public PacketBuilder Spoil(int offset, params byte[] bytes) => this with { Spoils = Spoils.Add((offset, bytes)) };

    /// <summary>Cuts the finished frame.</summary>
    public PacketBuilder CutTo(int length) => this with { KeptLength = length };

    /// <summary>The frame.</summary>
    public byte[] Build()
    {
        byte[] bytes = Bytes;
        for (int i = Layers.Count - 1; i >= 0; i--)
        {
            PacketLayer? next = i + 1 < Layers.Count ? Layers[i + 1] : null;
            PacketLayer? network = Layers.Take(i).LastOrDefault(layer => layer is IPv4Layer or IPv6Layer);
            bytes = Layers[i].Wrap(bytes, next, network);
        }

        if (bytes.Length < MinimumLength)
        {
            bytes = [.. bytes, .. new byte[MinimumLength - bytes.Length]];
        }

        foreach ((int offset, byte[] spoil) in Spoils)
        {
            spoil.CopyTo(bytes, offset);
        }

        return KeptLength is int kept && kept < bytes.Length ? bytes[..kept] : bytes;
    }

    private PacketBuilder Add<T>(T layer, Func<T, T>? change)
        where T : PacketLayer =>
        this with { Layers = Layers.Add(change is null ? layer : change(layer)) };

    private static byte[] LinkLayerOption(byte type, MacAddress? mac) =>
        mac is { } address ? [type, 1, .. OnesComplement.BytesOf(address)] : [];
}
