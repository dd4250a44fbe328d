using VSwitch.Testing;
using VSwitch.Wire;

namespace VSwitch.SharpPcap.Tests.Decoding;

/// <summary>One frame by PacketDotNet against the same by our test-side decoder, by the product's header views and by its checksums: field
/// by field and checksum by checksum. What differs is either in <see cref="KnownDifferences"/> or in <see cref="Differences"/>.</summary>
/// <remarks>A frame that ours call malformed is compared as far as both sides came; that a view refuses it must then be justified by what
/// PacketDotNet read.</remarks>
internal sealed class FrameComparison
{
    /// <summary>What PacketFields does not give; only the views are compared with it.</summary>
    private static readonly HashSet<string> OnlyInViews =
    [
        "vlan.priority", "vlan.drop-eligible", "tcp.urgent", "tcp.options", "tcp.mss", "tcp.window-scale", "tcp.sack-permitted",
        "tcp.timestamps", "tcp.flag-byte", "ip.fragment-bits", "ip6.fragment", "ip6.extension-bytes", "nd.target",
    ];

    private readonly byte[] _frame;
    private readonly PacketFields _fields;
    private readonly DecodedPacket _views;
    private readonly List<string> _differences = [];
    private readonly SortedSet<string> _explained = new(StringComparer.Ordinal);
    private readonly FrameFacts _facts;

    private FrameComparison(byte[] frame, DecodedPacket theirs, byte[] ours)
    {
        _frame = ours;
        Theirs = theirs;
        _fields = PacketFields.Of(ours);
        _views = HeaderViewDecoder.Decode(ours);
        _facts = FrameFacts.Of(frame, PacketFields.Of(frame));
        CompareWithFields("");
        CompareWithFields("quote.");
        CompareWithViews();
        CompareChecksums();
    }

    /// <summary>PacketDotNet's side.</summary>
    public DecodedPacket Theirs { get; }

    /// <summary>Differences that nothing excuses.</summary>
    public IReadOnlyList<string> Differences => _differences;

    /// <summary>Names of the known differences that occurred.</summary>
    public IReadOnlyCollection<string> Explained => _explained;

    /// <summary>Fields of ours that were compared, with either side.</summary>
    public int FieldCount { get; private set; }

    /// <summary>Checksums that PacketDotNet and we judged.</summary>
    public int ChecksumCount { get; private set; }

    /// <summary>True when ours found headers or lengths wrong, so that only what both sides read could be compared.</summary>
    public bool IsMalformed => _views.Refused is not null || IsFaulty("");

    /// <summary>True when a gate of our views refused a layer.</summary>
    public bool IsRefused => _views.Refused is not null;

    /// <summary>True when a known difference was about a checksum: PacketDotNet's word for it does not count.</summary>
    public bool IsMisjudged { get; private set; }

    /// <summary>Compares one frame.</summary>
    public static FrameComparison Of(byte[] frame) => new(frame, PacketDotNetDecoder.Decode(frame), frame);

    /// <summary>Compares what PacketDotNet finds in one frame with what ours find in another: they must not agree.</summary>
    public static FrameComparison Of(byte[] theirs, byte[] ours) => new(theirs, PacketDotNetDecoder.Decode(theirs), ours);

    /// <summary>For the message of a failing test.</summary>
    public override string ToString() =>
        $"{Convert.ToHexStringLower(_frame)}\n  {string.Join("\n  ", _differences)}\n  faults: {string.Join(", ", _fields.Faults)}; refused: {_views.Refused}; PacketDotNet: {Theirs.Failure}";

    private static bool IsOfChecksum(string fault) => fault.EndsWith("checksum is wrong", StringComparison.Ordinal);

    /// <summary>True when our test-side decoder found a length or a header wrong.</summary>
    private bool IsFaulty(string prefix) =>
        _fields.Faults.Any(fault => !IsOfChecksum(fault) && fault.StartsWith("quote.", StringComparison.Ordinal) == (prefix.Length > 0));

    private void CompareWithFields(string prefix)
    {
        bool isQuote = prefix.Length > 0;
        FrameFacts facts = isQuote ? _facts.Quote() : _facts;
        ILookup<string, string> theirs = Side(Theirs.Fields.Where(f => !OnlyInViews.Contains(Bare(f.Name))), isQuote);
        ILookup<string, string> ours = Side(_fields.Fields, isQuote);
        bool isStrict = !IsFaulty(prefix) && !(isQuote && IsMalformed);
        Compare(facts, Party.PacketFields, prefix, ours, theirs, isStrict);
        if ((isQuote ? Theirs.QuoteFailure : Theirs.Failure) is { } failure && isStrict && _views.Refused is null)
        {
            Differ(facts, Party.PacketFields, prefix, "failure", "none", failure);
        }
    }

    private void CompareWithViews()
    {
        ILookup<string, string> theirs = Side(Theirs.Fields.Where(f => f.Name is not "ip6.extension"), isQuote: false);
        Compare(_facts, Party.Views, "", Side(_views.Fields, isQuote: false), theirs, isStrict: _views.Refused is null);
        if (_views.Refused is { } layer && !IsRefusalJustified(layer))
        {
            Differ(_facts, Party.Views, "", "refusal." + layer, "refused", $"accepted with {Theirs.Sizes}");
        }
    }

    private static ILookup<string, string> Side(IEnumerable<(string Name, string Value)> fields, bool isQuote) => fields
        .Where(f => f.Name.StartsWith("quote.", StringComparison.Ordinal) == isQuote)
        .ToLookup(f => Bare(f.Name), f => f.Value);

    private static string Bare(string name) => name.StartsWith("quote.", StringComparison.Ordinal) ? name["quote.".Length..] : name;

    private void Compare(
        FrameFacts facts, Party party, string prefix, ILookup<string, string> ours, ILookup<string, string> theirs, bool isStrict)
    {
        foreach (string name in ours.Select(g => g.Key).Union(theirs.Select(g => g.Key)))
        {
            string[] own = [.. ours[name]];
            string[] other = [.. theirs[name]];
            int common = Math.Min(own.Length, other.Length);
            if (!isStrict)
            {
                (own, other) = (own[..common], other[..common]);
            }

            FieldCount += common;
            if (!own.AsSpan().SequenceEqual(other))
            {
                Differ(facts, party, prefix, name, string.Join(" ", own), string.Join(" ", other));
            }
        }
    }

    /// <summary>The switch must not refuse what an independent reader finds whole.</summary>
    private bool IsRefusalJustified(string layer)
    {
        HeaderSizes sizes = Theirs.Sizes;
        return Theirs.Failure is not null || layer switch
        {
            "ethernet" => _facts.IsLength,
            "arp" => !sizes.IsEthernetArp || sizes.NetworkBytes < 28,
            "ipv4" => sizes.Version != 4 || sizes.HeaderBytes < 20 || sizes.TotalBytes < sizes.HeaderBytes ||
                sizes.TotalBytes > sizes.NetworkBytes,
            "ipv6" => sizes.Version != 6 || sizes.TotalBytes > sizes.NetworkBytes || _facts.Extensions.IsRefused,
            "tcp" => sizes.SaidBytes < 20 || sizes.SaidBytes > sizes.TransportBytes,
            "udp" => sizes.SaidBytes < 8 || sizes.SaidBytes > sizes.TransportBytes,
            _ => false,
        };
    }

    private void CompareChecksums()
    {
        bool isWhole = _views.Refused is null && !IsFaulty("");
        bool? all = _views.Refused is null or "arp" ? true : null;
        foreach ((string name, bool isRight) in Theirs.Checksums)
        {
            bool isQuote = name.StartsWith("quote.", StringComparison.Ordinal);
            bool isOfIp = name.EndsWith(".ip", StringComparison.Ordinal);
            if (isQuote ? !isWhole || IsFaulty("quote.") : !isWhole && !(isOfIp && _views.Checksums.ContainsKey(name)))
            {
                all = isQuote || isRight ? all : null;
                continue;
            }

            string prefix = isQuote ? "quote." : "";
            ChecksumCount++;
            all = JudgeAgainstFields(prefix, name[prefix.Length..], isRight) || isQuote ? all : false;
        }

        if (_views.Checksums.TryGetValue("checksum.ip", out bool viewSays) && viewSays != Theirs.Checksums.GetValueOrDefault("checksum.ip", viewSays))
        {
            Differ(_facts, Party.Views, "", "checksum.ip", Word(viewSays), Word(!viewSays));
        }

        CompareVerify(all);
    }

    /// <summary>Compares one judgement with ours; what holds: PacketDotNet's, or ours where it is known to be mistaken.</summary>
    private bool JudgeAgainstFields(string prefix, string name, bool isRight)
    {
        string layer = name["checksum.".Length..];
        string fault = prefix + (layer == "ip" ? "ip header" : layer) + " checksum is wrong";
        bool isRightByOurs = !_fields.Faults.Contains(fault);
        if (isRightByOurs == isRight)
        {
            return isRight;
        }

        FrameFacts facts = prefix.Length > 0 ? _facts.Quote() : _facts;
        KnownDifference? known = Differ(facts, Party.PacketFields, prefix, name, Word(isRightByOurs), Word(isRight));
        return known?.Party == Party.PacketDotNet ? isRightByOurs : isRight;
    }

    /// <param name="all">True when every checksum is right by PacketDotNet, known mistakes put right; null when it cannot tell.</param>
    private void CompareVerify(bool? all)
    {
        bool isVerified = FrameChecksum.Verify(_frame);
        bool isRefused = _views.Refused is "ethernet" or "vlan" or "ipv4" or "ipv6" ||
            (_views.Refused is "tcp" or "udp" or "icmp" && !_facts.IsFragment && !_facts.Extensions.HasSegmentsLeft);
        if (isRefused ? isVerified : all is { } right && right != isVerified)
        {
            Differ(_facts, Party.Views, "", "verify", Word(isVerified), Word(all == true));
        }
    }

    private static string Word(bool isRight) => isRight ? "right" : "wrong";

    private KnownDifference? Differ(FrameFacts facts, Party party, string prefix, string name, string ours, string theirs)
    {
        // There is no quote for who has lost the way before it.
        KnownDifference? known = KnownDifferences.Of(facts, name, party) ??
            (prefix.Length > 0 ? KnownDifferences.Of(_facts, "quote", party) : null);
        if (known is null)
        {
            _differences.Add($"{prefix}{name}: {party} {ours}, PacketDotNet {theirs}");
        }
        else
        {
            _explained.Add(known.Name);
            IsMisjudged |= name is "verify" || name.StartsWith("checksum.", StringComparison.Ordinal);
        }

        return known;
    }
}
