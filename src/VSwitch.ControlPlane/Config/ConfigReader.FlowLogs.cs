using System.Net;
using VSwitch.ControlPlane.FlowLogs;

namespace VSwitch.ControlPlane.Config;

/// <content>Flow logs.</content>
public static partial class ConfigReader
{
    private static readonly TimeSpan ShortestInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestInterval = TimeSpan.FromMinutes(10);

    private static FlowLogConfig ReadFlowLog(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "a flow log", errors);
        (string? file, string? ipfix) = ReadFlowLogTarget(map, errors);
        string? format = map.Text("format");
        if (format != null && FlowLogFormat.Parse(format, out string? wrong) == null)
        {
            errors.Add(map.PlaceOf("format"), $"'format': {wrong}");
        }
        else if (format != null && ipfix != null)
        {
            errors.Add(map.PlaceOf("format"), "'format' is for lines of text; a flow log to ipfix has fields of its own, remove 'format'");
        }

        var log = new FlowLogConfig
        {
            Name = map.Required("name"),
            Eni = map.Text("eni"),
            Subnet = map.Text("subnet"),
            Vpc = map.Text("vpc"),
            Traffic = map.Value<FlowLogTraffic>("traffic", ParseTraffic, "all, accept or reject") ?? FlowLogTraffic.All,
            Interval = map.Value<TimeSpan>("interval", ParseInterval, "a time in whole seconds from 1s to 10m, like 60s") ??
                new FlowLogConfig { Name = "" }.Interval,
            Format = format,
            File = file,
            Ipfix = ipfix,
            Position = node.Position,
        };
        int scopes = (log.Eni != null ? 1 : 0) + (log.Subnet != null ? 1 : 0) + (log.Vpc != null ? 1 : 0);
        if (scopes != 1)
        {
            errors.Add(node.Position, "a flow log is of exactly one of eni: NAME, subnet: NAME, vpc: NAME");
        }

        map.Finish();
        return log;
    }

    private static (string? File, string? Ipfix) ReadFlowLogTarget(ConfigMap owner, ConfigErrors errors)
    {
        const string Mend = "'to' is exactly one of { file: PATH } and { ipfix: \"127.0.0.1:4739\" }";
        if (owner.Node("to") is not ConfigNode node)
        {
            errors.Add(owner.Position, $"a flow log has no 'to'; {Mend}");
            return default;
        }

        var map = new ConfigMap(node, "to", errors);
        string? file = map.Text("file");
        string? ipfix = map.Text("ipfix");
        map.Finish();
        if ((file == null) == (ipfix == null))
        {
            errors.Add(node.Position, Mend);
        }

        if (file is { Length: 0 } || (file != null && file.Contains('\0', StringComparison.Ordinal)))
        {
            errors.Add(map.PlaceOf("file"), "'file' is not a path");
        }

        if (ipfix != null && ParseCollector(ipfix) == null)
        {
            errors.Add(map.PlaceOf("ipfix"), $"'ipfix: {ipfix}' is not an address and a UDP port, like \"127.0.0.1:4739\" or \"[2001:db8::1]:4739\"");
        }

        return (file, ipfix);
    }

    /// <summary>An address (no name) and a port; null when it is none.</summary>
    public static IPEndPoint? ParseCollector(string text) =>
        text.LastIndexOf(':') > text.LastIndexOf(']') && IPEndPoint.TryParse(text, out IPEndPoint? end) && end.Port != 0 ? end : null;

    private static FlowLogTraffic? ParseTraffic(string text) => text switch
    {
        "all" => FlowLogTraffic.All,
        "accept" => FlowLogTraffic.Accept,
        "reject" => FlowLogTraffic.Reject,
        _ => null,
    };

    /// <summary>Whole seconds, because intervals begin at whole multiples of themselves.</summary>
    private static TimeSpan? ParseInterval(string text) => ConfigValues.Duration(text) is TimeSpan interval &&
        interval >= ShortestInterval && interval <= LongestInterval && interval.Ticks % TimeSpan.TicksPerSecond == 0 ? interval : null;
}
