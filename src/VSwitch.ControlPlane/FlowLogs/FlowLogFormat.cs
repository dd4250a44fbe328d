using System.Collections.Frozen;

namespace VSwitch.ControlPlane.FlowLogs;

/// <summary>A column of a flow log: those of AWS VPC flow logs, versions 2 to 5, and two of our own.</summary>
public enum FlowLogField
{
    /// <summary>2 for the default format, else the highest version that a field of the format came with.</summary>
    Version,
    /// <summary>The switch has no accounts: "-".</summary>
    AccountId,
    /// <summary>Name of the ENI.</summary>
    InterfaceId,
    /// <summary>Source; of what leaves the ENI one of its own private addresses.</summary>
    Srcaddr,
    /// <summary>Destination; of what reaches the ENI one of its own private addresses.</summary>
    Dstaddr,
    /// <summary>Source port, 0 where the protocol has none.</summary>
    Srcport,
    /// <summary>Destination port.</summary>
    Dstport,
    /// <summary>IP protocol number.</summary>
    Protocol,
    /// <summary>Packets.</summary>
    Packets,
    /// <summary>Bytes of the IP packets.</summary>
    Bytes,
    /// <summary>First packet, Unix seconds.</summary>
    Start,
    /// <summary>Last packet, Unix seconds.</summary>
    End,
    /// <summary>ACCEPT or REJECT.</summary>
    Action,
    /// <summary>OK, NODATA or SKIPDATA.</summary>
    LogStatus,
    /// <summary>Name of the VPC.</summary>
    VpcId,
    /// <summary>Name of the subnet.</summary>
    SubnetId,
    /// <summary>Name of the instance.</summary>
    InstanceId,
    /// <summary>FIN 1, SYN 2, RST 4, SYN+ACK 18, or-ed.</summary>
    TcpFlags,
    /// <summary>IPv4 or IPv6.</summary>
    Type,
    /// <summary>Source in the packet, also where an ENI routes for others.</summary>
    PktSrcaddr,
    /// <summary>Destination in the packet.</summary>
    PktDstaddr,
    /// <summary>Not known here: "-".</summary>
    Region,
    /// <summary>Not known here: "-".</summary>
    AzId,
    /// <summary>Not known here: "-".</summary>
    SublocationType,
    /// <summary>Not known here: "-".</summary>
    SublocationId,
    /// <summary>Not known here: "-".</summary>
    PktSrcAwsService,
    /// <summary>Not known here: "-".</summary>
    PktDstAwsService,
    /// <summary>ingress or egress.</summary>
    FlowDirection,
    /// <summary>Of what leaves: 1 within the VPC, 8 through the internet gateway.</summary>
    TrafficPath,
    /// <summary>Name of the drop reason.</summary>
    DropReason,
    /// <summary>The rule of this ENI that allowed it, or the ACL's rule that denied it.</summary>
    Rule,
}

/// <summary>Which columns a flow log writes, in which order.</summary>
public sealed class FlowLogFormat
{
    /// <summary>The format of AWS, version 2.</summary>
    public const string Default =
        "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} " +
        "${start} ${end} ${action} ${log-status}";

    private static readonly FlowLogField[] All = Enum.GetValues<FlowLogField>();
    private static readonly FrozenDictionary<string, FlowLogField> ByName =
        All.ToFrozenDictionary(NameOf, StringComparer.Ordinal);

    private readonly FlowLogField[] _fields;

    private FlowLogFormat(FlowLogField[] fields)
    {
        _fields = fields;
        Version = Math.Max(2, fields.Max(VersionOf));
    }

    /// <summary>The columns.</summary>
    public ReadOnlySpan<FlowLogField> Fields => _fields;

    /// <summary>Highest version that a column came with, 2 at least.</summary>
    public int Version { get; }

    /// <summary>All names, for an error.</summary>
    public static string Names => string.Join(", ", ByName.Keys.Order(StringComparer.Ordinal));

    /// <summary>Reads a format: "${version} ${srcaddr} …", columns apart by blanks.</summary>
    /// <param name="text">The format; null = <see cref="Default"/>.</param>
    /// <param name="wrong">What is wrong with it, and the mend; null when nothing is.</param>
    public static FlowLogFormat? Parse(string? text, out string? wrong)
    {
        wrong = null;
        var fields = new List<FlowLogField>();
        foreach (string word in (text ?? Default).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            bool isField = word.StartsWith("${", StringComparison.Ordinal) && word.EndsWith('}');
            if (!isField)
            {
                wrong = $"'{word}' is not a field; write each as ${{name}} with blanks between, like \"${{srcaddr}} ${{dstaddr}}\"";
                return null;
            }

            if (!ByName.TryGetValue(word[2..^1], out FlowLogField field))
            {
                wrong = $"there is no field '{word[2..^1]}'; fields are {Names}";
                return null;
            }

            fields.Add(field);
        }

        wrong = fields.Count == 0 ? "the format has no field; leave it out for that of AWS version 2" : null;
        return wrong == null ? new FlowLogFormat([.. fields]) : null;
    }

    /// <summary>The name of a column: <c>InterfaceId</c> is <c>interface-id</c>.</summary>
    public static string NameOf(FlowLogField field) => string.Concat(field.ToString().Select((c, i) =>
        char.IsAsciiLetterUpper(c) ? (i > 0 ? "-" : "") + char.ToLowerInvariant(c) : c.ToString()));

    private static int VersionOf(FlowLogField field) => field switch
    {
        <= FlowLogField.LogStatus => 2,
        <= FlowLogField.PktDstaddr => 3,
        <= FlowLogField.SublocationId => 4,
        <= FlowLogField.TrafficPath => 5,
        _ => 2,
    };
}
