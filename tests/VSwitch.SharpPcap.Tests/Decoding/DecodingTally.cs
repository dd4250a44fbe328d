using System.Globalization;
using Xunit;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>Counts of what was compared, by kind; fails at the first frame on which PacketDotNet and we differ.</summary>
internal sealed class DecodingTally(string name)
{
    private readonly SortedDictionary<string, long> _kinds = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _explained = new(StringComparer.Ordinal);

    public long Frames { get; private set; }

    public long Malformed { get; private set; }

    /// <summary>Frames of which a gate of our views refused a layer; the switch never sends one.</summary>
    public long Refused { get; private set; }

    public long Fields { get; private set; }

    public long Checksums { get; private set; }

    public IReadOnlyDictionary<string, long> Explained => _explained;

    /// <summary>Frames of a kind that PacketDotNet found.</summary>
    public long this[string kind] => _kinds.GetValueOrDefault(kind);

    /// <summary>Compares and counts a frame.</summary>
    public FrameComparison Add(byte[] frame, string origin = "")
    {
        FrameComparison comparison = FrameComparison.Of(frame);
        if (comparison.Differences.Count > 0)
        {
            Assert.Fail($"{name} {origin}, frame {Frames}: PacketDotNet and we differ about\n{comparison}");
        }

        Frames++;
        Malformed += comparison.IsMalformed ? 1 : 0;
        Refused += comparison.IsRefused ? 1 : 0;
        Fields += comparison.FieldCount;
        Checksums += comparison.ChecksumCount;
        foreach (string kind in Kinds(comparison.Theirs))
        {
            _kinds[kind] = this[kind] + 1;
        }

        foreach (string known in comparison.Explained)
        {
            _explained[known] = _explained.GetValueOrDefault(known) + 1;
        }

        return comparison;
    }

    /// <summary>Fails for a kind that never came: its comparison would be of nothing.</summary>
    public void AssertSeen(params string[] kinds)
    {
        Assert.True(Frames > 0 && Fields > 0 && Checksums > 0, ToString());
        Assert.All(kinds, kind => Assert.True(this[kind] > 0, $"no {kind}: {this}"));
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"{name}: {Frames} frames decoded ({List(_kinds)}), {Malformed} of them malformed; {Fields} fields and {Checksums} checksums compared; known differences: {List(_explained)}");

    private static string List(SortedDictionary<string, long> counts) => counts.Count == 0 ? "none"
        : string.Join(", ", counts.Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Key} {c.Value}")));

    private static IEnumerable<string> Kinds(DecodedPacket packet)
    {
        bool isV6 = packet["ip6.src"] is not null;
        string? icmp = packet["icmp.type"];
        (string Kind, bool IsThere)[] kinds =
        [
            ("VLAN", packet["vlan.id"] is not null),
            ("ARP", packet["arp.op"] is not null),
            ("IPv4", packet["ip.src"] is not null),
            ("IPv6", isV6),
            ("IPv6 extensions", packet["ip6.extension"] is not null),
            ("TCP", packet["tcp.src"] is not null),
            ("UDP", packet["udp.src"] is not null),
            ("DHCP", packet["udp.dst"] is "67" or "68" or "546" or "547"),
            ("ICMP", icmp is not null && !isV6),
            ("ICMPv6", icmp is not null && isV6),
            ("ICMP errors", packet["quote.ip.src"] is not null || packet["quote.ip6.src"] is not null),
            ("ND", isV6 && icmp is "133" or "134" or "135" or "136"),
            ("fragments", packet["ip6.fragment"] is { } six ? six != "0 False" : packet["ip.fragment"] is { } four && four is not ("0x0000" or "0x4000" or "0xffff8000" or "0xffffc000")),
            ("SCTP", packet["ip.protocol"] == "132" || packet["ip6.next"] == "132"),
        ];
        return kinds.Where(k => k.IsThere).Select(k => k.Kind);
    }
}
