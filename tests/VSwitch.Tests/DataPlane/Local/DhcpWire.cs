using System.Buffers.Binary;
using VSwitch.Testing;
using VSwitch.Wire;

namespace VSwitch.Tests.DataPlane.Local;

/// <summary>DHCPv4 messages by hand: requests as bytes, replies taken apart. Shares nothing with the responder.</summary>
internal sealed class DhcpWire
{
    public const int OptionsStart = 240;

    private readonly byte[] _body;

    private DhcpWire(byte[] body) => _body = body;

    public byte Op => _body[0];

    public uint Transaction => BinaryPrimitives.ReadUInt32BigEndian(_body.AsSpan(4));

    public int Flags => BinaryPrimitives.ReadUInt16BigEndian(_body.AsSpan(10));

    public string Ciaddr => Address(12);

    public string Yiaddr => Address(16);

    public string Siaddr => Address(20);

    public string Giaddr => Address(24);

    public MacAddress Chaddr => MacAddress.Read(_body.AsSpan(28));

    public int Length => _body.Length;

    /// <summary>Every byte between chaddr and the cookie.</summary>
    public IEnumerable<byte> Names => _body[34..236];

    public SortedDictionary<byte, byte[]> Options { get; } = [];

    /// <summary>Codes in the order of the wire.</summary>
    public List<byte> Order { get; } = [];

    public int Type => Options[53][0];

    /// <summary>Reads the reply in a frame; its lengths and checksums must be right.</summary>
    public static DhcpWire Read(byte[] frame)
    {
        PacketAssert.That(frame, PacketAssert.Unpadded());
        var reply = new DhcpWire(frame[42..]);
        byte[] body = reply._body;
        if (BinaryPrimitives.ReadUInt32BigEndian(body.AsSpan(236)) != 0x63825363 || body[1] != 1 || body[2] != 6)
        {
            throw new PacketAssertException("no DHCP message");
        }

        int at = OptionsStart;
        while (body[at] != 255)
        {
            byte code = body[at];
            int length = body[at + 1];
            reply.Options.Add(code, body[(at + 2)..(at + 2 + length)]);
            reply.Order.Add(code);
            at += 2 + length;
        }

        if (body[(at + 1)..].Any(b => b != 0))
        {
            throw new PacketAssertException("bytes behind the end");
        }

        return reply;
    }

    public string TextOf(byte code) => System.Text.Encoding.ASCII.GetString(Options[code]);

    public long NumberOf(byte code) => Options[code].Aggregate(0L, (sum, b) => (sum << 8) | b);

    public string AddressesOf(byte code) => string.Join(' ', Options[code].Chunk(4).Select(a => IpAddress.Read(a, isV6: false)));

    /// <summary>A request's body: 240 fixed bytes, option 53 (unless 0), the options, the end mark.</summary>
    public static byte[] Body(
        byte type, MacAddress chaddr, ushort flags = 0, string ciaddr = "0.0.0.0", string giaddr = "0.0.0.0",
        params (byte Code, byte[] Value)[] options)
    {
        byte[] body = new byte[OptionsStart];
        (body[0], body[1], body[2]) = (1, 1, 6);
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(4), 0xCAFE_0001);
        BinaryPrimitives.WriteUInt16BigEndian(body.AsSpan(8), 7);
        BinaryPrimitives.WriteUInt16BigEndian(body.AsSpan(10), flags);
        OnesComplement.BytesOf(IpAddress.Parse(ciaddr)).CopyTo(body, 12);
        OnesComplement.BytesOf(IpAddress.Parse(giaddr)).CopyTo(body, 24);
        OnesComplement.BytesOf(chaddr).CopyTo(body, 28);
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(236), 0x63825363);
        (byte, byte[])[] all = type == 0 ? options : [(53, [type]), .. options];
        return [.. body, .. all.SelectMany(o => new[] { o.Item1, (byte)o.Item2.Length }.Concat(o.Item2)), 255];
    }

    public static (byte Code, byte[] Value) Option(byte code, params byte[] value) => (code, value);

    public static (byte Code, byte[] Value) Option(byte code, string address) =>
        (code, OnesComplement.BytesOf(IpAddress.Parse(address)));

    /// <summary>The frame around a body; broadcast unless a destination is given.</summary>
    public static byte[] Frame(MacAddress mac, byte[] body, string source = "0.0.0.0", string? to = null, MacAddress? toMac = null) =>
        PacketBuilder.Eth(mac, toMac ?? MacAddress.Broadcast)
            .IPv4(IpAddress.Parse(source), IpAddress.Parse(to ?? "255.255.255.255")).Udp(68, 67).Payload(body).Build();

    private string Address(int at) => IpAddress.Read(_body.AsSpan(at), isV6: false).ToString();
}
