using System.Globalization;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Watching;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Filters;

/// <summary>The words by which captures, mirrors and connections are chosen, joined by <c>and</c>: all of them must hold.
/// <code>
///   eni NAME       one end is the ENI               host ADDRESS   one end has the address
///   vpc NAME       it runs in the VPC               net PREFIX     one end is in the prefix
///   port NAME      seen at the switch's port        sport N        the source's port (TCP, UDP, SCTP)
///   proto NAME|N   IP protocol                      dport N        the destination's port
///   tcp udp icmp icmpv6                             l4port N       either end's port
///   state NAME     connections only
///   verdict forwarded|dropped|answered|consumed|generated, reason NAME, dir in|out   packets only
/// </code>
/// <c>eni</c>, <c>host</c>, <c>net</c> and <c>l4port</c> speak of one end, so they may stand there again for the other one: "host A
/// and host B" is what A and B say to each other. Any other word said twice would contradict itself, and is refused. Immutable.
/// </summary>
public sealed record PacketFilter
{
    /// <summary>Most words of one filter.</summary>
    public const int MaxTerms = 16;

    private const string Words =
        "eni NAME, vpc NAME, port NAME, host ADDRESS, net PREFIX, sport N, dport N, l4port N, proto NAME|N, tcp, udp, icmp, icmpv6, " +
        "state NAME, verdict NAME, reason NAME, dir in|out, joined by 'and'";

    /// <summary>The filter that everything passes.</summary>
    public static PacketFilter All { get; } = new();

    /// <summary>Names of ENIs, each of which must be an end.</summary>
    public IReadOnlyList<string> Enis { get; init; } = [];

    /// <summary>Name of the VPC; null = any.</summary>
    public string? Vpc { get; init; }

    /// <summary>Name of the port, an ENI's or "internet"; null = any.</summary>
    public string? Port { get; init; }

    /// <summary>Prefixes (a host is one of full length), each of which must hold the address of an end.</summary>
    public IReadOnlyList<IpPrefix> Ends { get; init; } = [];

    /// <summary>Source port; null = any.</summary>
    public ushort? SourcePort { get; init; }

    /// <summary>Destination port; null = any.</summary>
    public ushort? DestinationPort { get; init; }

    /// <summary>Ports, each of which must be that of an end.</summary>
    public IReadOnlyList<ushort> EitherPorts { get; init; } = [];

    /// <summary>IP protocol number; null = any.</summary>
    public byte? Protocol { get; init; }

    /// <summary>Name of a connection's state, as it was written; null = any. Only connections have one.</summary>
    public string? State { get; init; }

    /// <summary>What became of the packet; null = anything. Only packets have one.</summary>
    public PacketVerdict? Verdict { get; init; }

    /// <summary>Why it was dropped; null = for any reason, or not. Only packets have one.</summary>
    public DropReason? Reason { get; init; }

    /// <summary>Which way it went; null = either. Only packets have one.</summary>
    public PacketDirection? Direction { get; init; }

    /// <summary>True when everything passes.</summary>
    public bool IsAll => ToString().Length == 0;

    /// <summary>The first word that only packets can be asked for; null when there is none. A list of connections refuses it.</summary>
    public string? PacketOnlyWord => Verdict != null ? "verdict" : Reason != null ? "reason" : Direction != null ? "dir" : null;

    /// <summary>Reads a filter; empty text is <see cref="All"/>.</summary>
    /// <param name="text">The words.</param>
    /// <param name="filter">What they say.</param>
    /// <param name="error">One sentence for the user when it is no filter.</param>
    public static bool TryParse(string text, out PacketFilter filter, out string? error)
    {
        filter = All;
        string[] words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        int terms = 0;
        int at = 0;
        while (at < words.Length)
        {
            string word = words[at];
            string? value = at + 1 < words.Length ? words[at + 1] : null;
            int used = NeedsValue(word) ? 2 : 1;
            error = ++terms > MaxTerms ? $"a filter has at most {MaxTerms} words joined by 'and'"
                : used == 2 && value is null or "and" ? $"'{word}' needs something behind it: {Words}"
                : Add(ref filter, word, value ?? "");
            at += used;
            if (error == null && at < words.Length && words[at] != "and")
            {
                error = $"'{words[at]}' stands where 'and' was expected; the words are {Words}";
            }
            else if (error == null && at == words.Length - 1)
            {
                error = $"nothing follows the last 'and'; the words are {Words}";
            }

            if (error != null)
            {
                filter = All;
                return false;
            }

            at++;
        }

        error = null;
        return true;
    }

    /// <summary>The words again, in one order.</summary>
    public override string ToString()
    {
        var words = new List<string>();
        words.AddRange(Enis.Select(e => $"eni {e}"));
        AddWord(words, "vpc", Vpc);
        AddWord(words, "port", Port);
        words.AddRange(Ends.Select(e => e.Length == e.Address.BitCount ? $"host {e.Address}" : $"net {e}"));
        AddWord(words, "sport", SourcePort?.ToString(CultureInfo.InvariantCulture));
        AddWord(words, "dport", DestinationPort?.ToString(CultureInfo.InvariantCulture));
        words.AddRange(EitherPorts.Select(p => string.Create(CultureInfo.InvariantCulture, $"l4port {p}")));
        AddWord(words, "proto", Protocol?.ToString(CultureInfo.InvariantCulture));
        AddWord(words, "state", State);
        AddWord(words, "verdict", Verdict?.Name());
        AddWord(words, "reason", Reason?.Name());
        AddWord(words, "dir", Direction switch { null => null, PacketDirection.In => "in", _ => "out" });
        return string.Join(" and ", words);
    }

    private static void AddWord(List<string> words, string word, string? value)
    {
        if (value != null)
        {
            words.Add($"{word} {value}");
        }
    }

    private static bool NeedsValue(string word) => word is "eni" or "vpc" or "port" or "host" or "net" or "sport" or "dport" or "l4port"
        or "proto" or "state" or "verdict" or "reason" or "dir";

    /// <summary>Adds one word; an error in one sentence when that cannot be.</summary>
    private static string? Add(ref PacketFilter filter, string word, string value)
    {
        PacketFilter f = filter;
        switch (word)
        {
            case "eni":
                filter = f with { Enis = [.. f.Enis, value] };
                return null;
            case "vpc":
                filter = f with { Vpc = value };
                return f.Vpc == null ? null : Twice(word);
            case "port":
                filter = f with { Port = value };
                return f.Port == null ? null : Twice(word);
            case "host":
                return AddHost(ref filter, value);
            case "net":
                return AddNet(ref filter, value);
            case "sport" or "dport" or "l4port":
                return AddPort(ref filter, word, value);
            case "proto":
                return ConfigValues.Protocol(value) is int number and >= 0 ? AddProtocol(ref filter, (byte)number)
                    : $"'proto {value}' is no IP protocol: write tcp, udp, icmp, icmpv6, sctp, gre, esp, ah or a number up to 255";
            case "tcp" or "udp" or "icmp" or "icmpv6":
                return AddProtocol(ref filter, (byte)ConfigValues.Protocol(word)!);
            case "state":
                filter = f with { State = value };
                return f.State == null ? null : Twice(word);
            case "verdict" or "reason" or "dir":
                return AddFate(ref filter, word, value);
            default:
                return $"'{word}' is no word of a filter; the words are {Words}";
        }
    }

    private static string Twice(string word) => $"'{word}' stands there twice, which nothing can be; only eni, host, net and l4port may";

    private static string? AddHost(ref PacketFilter filter, string value)
    {
        if (!IpAddress.TryParse(value, null, out IpAddress address))
        {
            return $"'host {value}' is no IPv4 or IPv6 address; for a range write net PREFIX";
        }

        filter = filter with { Ends = [.. filter.Ends, new IpPrefix(address, address.BitCount)] };
        return null;
    }

    private static string? AddNet(ref PacketFilter filter, string value)
    {
        if (!IpPrefix.TryParse(value, null, out IpPrefix prefix))
        {
            return $"'net {value}' is no prefix; write it like 10.0.0.0/8 or 2001:db8::/32";
        }

        filter = filter with { Ends = [.. filter.Ends, prefix] };
        return prefix.IsNetwork ? null : $"'net {value}' has bits behind its length; write {prefix with { Address = prefix.Network }}";
    }

    private static string? AddPort(ref PacketFilter filter, string word, string value)
    {
        if (ConfigValues.Integer(value) is not (>= 0 and <= ushort.MaxValue and long number))
        {
            return $"'{word} {value}' is no port: a number up to 65535";
        }

        PacketFilter f = filter;
        ushort port = (ushort)number;
        filter = word switch
        {
            "sport" => f with { SourcePort = port },
            "dport" => f with { DestinationPort = port },
            _ => f with { EitherPorts = [.. f.EitherPorts, port] },
        };
        return (word == "sport" && f.SourcePort != null) || (word == "dport" && f.DestinationPort != null) ? Twice(word) : null;
    }

    private static string? AddProtocol(ref PacketFilter filter, byte protocol)
    {
        bool isSecond = filter.Protocol != null;
        filter = filter with { Protocol = protocol };
        return isSecond ? "the protocol stands there twice, and a packet has only one" : null;
    }

    private static string? AddFate(ref PacketFilter filter, string word, string value)
    {
        PacketFilter f = filter;
        switch (word)
        {
            case "verdict":
                if (!PacketVerdicts.TryParse(value, out PacketVerdict verdict))
                {
                    return $"'verdict {value}' is none; the verdicts are {string.Join(", ", PacketVerdicts.All.ToArray())}";
                }

                filter = f with { Verdict = verdict };
                return f.Verdict == null ? null : Twice(word);
            case "reason":
                if (!DropReasons.TryParse(value, out DropReason reason) || reason == DropReason.None)
                {
                    return $"'reason {value}' is no drop reason; vswitch show drops --all lists them";
                }

                filter = f with { Reason = reason };
                return f.Reason == null ? null : Twice(word);
            default:
                filter = f with { Direction = value == "out" ? PacketDirection.Out : PacketDirection.In };
                return value is not ("in" or "out") ? $"'dir {value}' is neither dir in nor dir out"
                    : f.Direction == null ? null : Twice(word);
        }
    }
}
