using System.Globalization;
using System.Text;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.FlowLogs;

/// <summary>Lines of a flow log, as AWS writes them: columns with one blank between, "-" where there is nothing to say.</summary>
public sealed class FlowLogText(FlowLogFormat format)
{
    /// <summary>What a column without a value holds.</summary>
    public const string Nothing = "-";

    private const string Accept = "ACCEPT";
    private const string Reject = "REJECT";

    /// <summary>Words as one column: blanks become underscores.</summary>
    public static string OneColumn(string words) => words.Length == 0 ? Nothing
        : string.Concat(words.Select(c => char.IsWhiteSpace(c) || char.IsControl(c) ? '_' : c));

    /// <summary>All lines of an interval.</summary>
    public void Write(FlowLogInterval interval, StringBuilder into)
    {
        foreach (FlowRecord record in interval.Records)
        {
            Write(record, into);
        }

        foreach (FlowLogEni eni in interval.WithoutTraffic)
        {
            WriteStatus(eni, interval, "NODATA", into);
        }

        foreach (FlowLogEni eni in interval.Incomplete)
        {
            WriteStatus(eni, interval, "SKIPDATA", into);
        }
    }

    private void Write(in FlowRecord record, StringBuilder into)
    {
        bool isFirst = true;
        foreach (FlowLogField field in format.Fields)
        {
            into.Append(isFirst ? "" : " ");
            isFirst = false;
            WriteColumn(field, record.Key, record.Totals, into);
        }

        into.Append('\n');
    }

    /// <summary>A line that says only whom it is about, and when.</summary>
    private void WriteStatus(FlowLogEni eni, FlowLogInterval interval, string status, StringBuilder into)
    {
        bool isFirst = true;
        foreach (FlowLogField field in format.Fields)
        {
            into.Append(isFirst ? "" : " ");
            isFirst = false;
            into.Append(field switch
            {
                FlowLogField.LogStatus => status,
                FlowLogField.Version => format.Version.ToString(CultureInfo.InvariantCulture),
                FlowLogField.Start => Seconds(interval.StartMs),
                FlowLogField.End => Seconds(interval.EndMs),
                _ => Identity(field, eni) ?? Nothing,
            });
        }

        into.Append('\n');
    }

    private static string? Identity(FlowLogField field, FlowLogEni eni) => field switch
    {
        FlowLogField.InterfaceId => OneColumn(eni.Name),
        FlowLogField.VpcId => OneColumn(eni.Vpc),
        FlowLogField.SubnetId => OneColumn(eni.Subnet),
        FlowLogField.InstanceId => OneColumn(eni.Instance ?? ""),
        _ => null,
    };

    private void WriteColumn(FlowLogField field, in FlowRecordKey key, in FlowTotals totals, StringBuilder into)
    {
        CultureInfo invariant = CultureInfo.InvariantCulture;
        switch (field)
        {
            case FlowLogField.Version:
                into.Append(invariant, $"{format.Version}");
                break;
            case FlowLogField.Packets:
                into.Append(invariant, $"{totals.Packets}");
                break;
            case FlowLogField.Bytes:
                into.Append(invariant, $"{totals.Bytes}");
                break;
            case FlowLogField.Start:
                into.Append(Seconds(totals.StartMs));
                break;
            case FlowLogField.End:
                into.Append(Seconds(totals.EndMs));
                break;
            case FlowLogField.Action:
                into.Append(key.IsAccepted ? Accept : Reject);
                break;
            case FlowLogField.LogStatus:
                into.Append("OK");
                break;
            case FlowLogField.FlowDirection:
                into.Append(key.IsIngress ? "ingress" : "egress");
                break;
            case FlowLogField.TrafficPath:
                into.Append(key.Path == FlowTrafficPath.None ? Nothing : ((int)key.Path).ToString(invariant));
                break;
            case FlowLogField.DropReason:
                into.Append(key.IsAccepted ? Nothing : key.Reason.Name());
                break;
            case FlowLogField.Rule:
                into.Append(key.Rule);
                break;
            default:
                into.Append(Identity(field, key.Eni) ?? (key.HasTuple ? OfTuple(field, key, totals) : Nothing));
                break;
        }
    }

    private static string OfTuple(FlowLogField field, in FlowRecordKey key, in FlowTotals totals) => field switch
    {
        FlowLogField.Srcaddr => key.Source.ToString(),
        FlowLogField.Dstaddr => key.Destination.ToString(),
        FlowLogField.PktSrcaddr => key.PacketSource.ToString(),
        FlowLogField.PktDstaddr => key.PacketDestination.ToString(),
        FlowLogField.Srcport => key.SourcePort.ToString(CultureInfo.InvariantCulture),
        FlowLogField.Dstport => key.DestinationPort.ToString(CultureInfo.InvariantCulture),
        FlowLogField.Protocol => key.Protocol.ToString(CultureInfo.InvariantCulture),
        FlowLogField.Type => key.Source.IsV6 ? "IPv6" : "IPv4",
        FlowLogField.TcpFlags => key.Protocol == (byte)IpProtocol.Tcp
            ? totals.TcpFlags.ToString(CultureInfo.InvariantCulture) : "0",
        _ => Nothing,
    };

    private static string Seconds(long ms) => (ms / 1000).ToString(CultureInfo.InvariantCulture);
}
