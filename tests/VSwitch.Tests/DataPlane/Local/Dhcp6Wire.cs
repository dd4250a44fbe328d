using System.Buffers.Binary;
using System.Globalization;
using VSwitch.Testing;
using VSwitch.Wire;

namespace VSwitch.Tests.DataPlane.Local;

/// <summary>DHCPv6 messages by hand: requests as bytes, replies taken apart. Shares nothing with the responder.</summary>
internal sealed record Dhcp6Wire(int Type, uint Transaction, IReadOnlyList<(int Code, byte[] Value)> Options)
{
    public static readonly IpAddress Servers = IpAddress.Parse("ff02::1:2");
    public static readonly MacAddress ServersMac = MacAddress.Parse("33:33:00:01:00:02");

    /// <summary>Codes in the order of the wire.</summary>
    public string Codes => string.Join(' ', Options.Select(o => o.Code));

    public byte[] this[int code] => Options.First(o => o.Code == code).Value;

    /// <summary>Reads the reply in a frame; its lengths and checksums must be right.</summary>
    public static Dhcp6Wire Read(byte[] frame)
    {
        PacketAssert.That(frame, PacketAssert.Unpadded(), PacketAssert.Ports(547, 546));
        byte[] body = frame[62..];
        return new Dhcp6Wire(body[0], BinaryPrimitives.ReadUInt32BigEndian(body) & 0xFF_FFFF, OptionsOf(body[4..]));
    }

    /// <summary>All options of a row of options; the row must be whole.</summary>
    public static List<(int Code, byte[] Value)> OptionsOf(byte[] bytes)
    {
        var options = new List<(int, byte[])>();
        for (int at = 0; at < bytes.Length;)
        {
            int length = BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at + 2));
            options.Add((BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at)), bytes[(at + 4)..(at + 4 + length)]));
            at += 4 + length;
        }

        return options;
    }

    /// <summary>An identity association in words: "iaid 7 t1 10 t2 20: fd00::1 30/40" or "status 2".</summary>
    public static string Association(byte[] value)
    {
        IEnumerable<string> nested = OptionsOf(value[12..]).Select(o => o.Code == 5
            ? string.Create(CultureInfo.InvariantCulture, $"{IpAddress.Read(o.Value, isV6: true)} {U32(o.Value, 16)}/{U32(o.Value, 20)}")
            : string.Create(CultureInfo.InvariantCulture, $"option {o.Code} {Convert.ToHexStringLower(o.Value)}"));
        return string.Create(
            CultureInfo.InvariantCulture, $"iaid {U32(value, 0)} t1 {U32(value, 4)} t2 {U32(value, 8)}: {string.Join(", ", nested)}");
    }

    public static string Addresses(byte[] value) => string.Join(' ', value.Chunk(16).Select(a => IpAddress.Read(a, isV6: true)));

    public static byte[] Option(int code, params byte[] value) =>
        [(byte)(code >> 8), (byte)code, (byte)(value.Length >> 8), (byte)value.Length, .. value];

    /// <summary>An IA_NA (or IA_PD by its code) with addresses inside.</summary>
    public static byte[] Ia(byte iaid, string[] addresses, int code = 3) => Option(
        code, [0, 0, 0, iaid, 0, 0, 0, 1, 0, 0, 0, 2, .. addresses.SelectMany(a => Option(5, [.. Bytes(a), 0, 0, 0, 3, 0, 0, 0, 4]))]);

    public static byte[] Bytes(string address) => OnesComplement.BytesOf(IpAddress.Parse(address));

    public static byte[] Body(byte type, params byte[][] options) => [type, 0xAB, 0xCD, 0xEF, .. options.SelectMany(o => o)];

    public static byte[] Frame(MacAddress mac, byte[] body, IpAddress? source = null) =>
        PacketBuilder.Eth(mac, ServersMac).IPv6(source ?? Frames.LinkLocal(mac), Servers).Udp(546, 547).Payload(body).Build();

    private static uint U32(byte[] bytes, int at) => BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(at));
}
