using System.Globalization;
using System.Text;
using VSwitch.Wire;

namespace VSwitch.Testing;

/// <summary>One check of a frame: null when it holds, else what is wrong.</summary>
public delegate string? PacketCheck(PacketFields fields);

/// <summary>Composable checks of frames: <c>PacketAssert.That(frame, PacketAssert.Ttl(63), PacketAssert.Source(ip))</c>. They
/// begin with lengths and checksums, so that no test passes on a broken frame.</summary>
public static class PacketAssert
{
    /// <summary>Checks validity, then all else; names everything that is wrong.</summary>
    public static void That(byte[] frame, params PacketCheck[] checks)
    {
        PacketFields fields = PacketFields.Of(frame);
        List<string> wrong = [.. fields.Faults];
        wrong.AddRange(checks.Select(check => check(fields)).OfType<string>());
        if (wrong.Count > 0)
        {
            throw new PacketAssertException($"{string.Join("; ", wrong)}\n{fields}\n{Hex(frame)}");
        }
    }

    /// <summary>Checks that lengths and checksums are right.</summary>
    public static void IsValid(byte[] frame) => That(frame);

    /// <summary>Compares whole frames; a failure shows the fields that differ.</summary>
    public static void Equal(byte[] expected, byte[] actual)
    {
        if (!expected.AsSpan().SequenceEqual(actual))
        {
            throw new PacketAssertException($"frames differ\n{Difference(expected, actual)}");
        }
    }

    /// <summary>The fields in which two frames differ, one a line; the bytes when no field shows it. Empty for equal ones.
    /// </summary>
    public static string Difference(byte[] expected, byte[] actual)
    {
        if (expected.AsSpan().SequenceEqual(actual))
        {
            return "";
        }

        PacketFields left = PacketFields.Of(expected);
        PacketFields right = PacketFields.Of(actual);
        var text = new StringBuilder();
        foreach (string name in left.Fields.Concat(right.Fields).Select(field => field.Name).Distinct())
        {
            if (left[name] != right[name])
            {
                text.Append(CultureInfo.InvariantCulture, $"  {name}: expected {left[name] ?? "-"}, got {right[name] ?? "-"}\n");
            }
        }

        int at = expected.AsSpan().CommonPrefixLength(actual);
        text.Append(CultureInfo.InvariantCulture, $"  first byte that differs: {at}; lengths {expected.Length} and {actual.Length}\n");
        return text.Append("  expected ").Append(Hex(expected)).Append("\n  got      ").Append(Hex(actual)).ToString();
    }

    /// <summary>A field has a value.</summary>
    public static PacketCheck Field(string name, string value) => fields =>
        fields[name] == value ? null : $"{name} is {fields[name] ?? "absent"}, not {value}";

    /// <summary>A field is not there.</summary>
    public static PacketCheck Without(string name) => fields =>
        fields[name] is { } value ? $"{name} is {value}, and must be absent" : null;

    public static PacketCheck Macs(MacAddress source, MacAddress destination) => fields =>
        Field("eth.src", source.ToString())(fields) ?? Field("eth.dst", destination.ToString())(fields);

    public static PacketCheck Addresses(IpAddress source, IpAddress destination) => fields =>
        Either("src", source)(fields) ?? Either("dst", destination)(fields);

    /// <summary>TTL or hop limit.</summary>
    public static PacketCheck Ttl(int ttl) => fields =>
        Field(fields["ip.ttl"] is null ? "ip6.hop-limit" : "ip.ttl", Number(ttl))(fields);

    /// <summary>Ports of TCP, UDP or SCTP.</summary>
    public static PacketCheck Ports(int source, int destination) => fields =>
    {
        string name = new[] { "tcp", "udp", "sctp" }.FirstOrDefault(p => fields[p + ".src"] is not null) ?? "tcp";
        return Field(name + ".src", Number(source))(fields) ?? Field(name + ".dst", Number(destination))(fields);
    };

    public static PacketCheck Flags(TcpBits flags) => Field("tcp.flags", flags.ToString());

    public static PacketCheck Icmp(int type, int code) => fields =>
        Field("icmp.type", Number(type))(fields) ?? Field("icmp.code", Number(code))(fields);

    /// <summary>Nothing behind the packet.</summary>
    public static PacketCheck Unpadded() => Without("padding");

    private static PacketCheck Either(string which, IpAddress address) =>
        Field((address.IsV6 ? "ip6." : "ip.") + which, address.ToString());

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Hex(byte[] frame) => Convert.ToHexStringLower(frame);
}
