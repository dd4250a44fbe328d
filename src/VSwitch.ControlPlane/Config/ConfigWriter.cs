using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <summary>Writes a configuration as one JSON document that <see cref="ConfigReader"/> reads back as the same configuration. The keys
/// of a thing have one order, what the reader would fill in is left out, and what people compare line by line (a rule, a subnet, an
/// ENI) has a line of its own. A template of a security group is written as the rules that it stands for.</summary>
public static partial class ConfigWriter
{
    private static readonly JsonWriterOptions Lines = new()
    {
        Indented = true,
        NewLine = "\n",
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    private static readonly JsonWriterOptions OneLine = new() { Encoder = Lines.Encoder, SkipValidation = true };

    /// <summary>The document as text, with a line feed at the end.</summary>
    public static string ToJson(SwitchConfig config)
    {
        var buffer = new ArrayBufferWriter<byte>();
        Write(config, buffer);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>The same document as UTF-8.</summary>
    public static void Write(SwitchConfig config, IBufferWriter<byte> output)
    {
        using (var document = new Document(output))
        {
            document.Json.WriteStartObject();
            if (!IsDefault(config.Switch))
            {
                WriteSwitch(document, config.Switch);
            }

            if (config.Internet is InternetConfig internet)
            {
                WriteInternet(document, internet);
            }

            document.List("vpcs", config.Vpcs, WriteVpc);
            document.List("securityGroups", config.SecurityGroups, WriteGroup);
            document.List("networkAcls", config.NetworkAcls, WriteNetworkAcl);
            document.Entries("prefixLists", config.PrefixLists, WritePrefixList);
            document.Entries("instances", config.Instances, WriteInstance);
            document.Entries("enis", config.Enis, WriteEni);
            document.Entries("elasticIps", config.ElasticIps, WriteElasticIp);
            document.Entries("flowLogs", config.FlowLogs, WriteFlowLog);
            document.Entries("mirrors", config.Mirrors, WriteMirror);
            document.Entries("wires", config.Wires, WriteWire);
            document.Json.WriteEndObject();
        }

        output.Write("\n"u8);
    }

    /// <summary>An ENI by itself, as the document has it.</summary>
    internal static byte[] ToUtf8(EniConfig eni) => ToUtf8(eni, WriteEni);

    /// <summary>An elastic IP by itself, as the document has it.</summary>
    internal static byte[] ToUtf8(ElasticIpConfig eip) => ToUtf8(eip, WriteElasticIp);

    private static byte[] ToUtf8<T>(T thing, Action<Utf8JsonWriter, T> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, OneLine))
        {
            json.WriteStartObject();
            write(json, thing);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static bool IsDefault(SwitchSettings settings) =>
        settings with { RssKey = [] } == new SwitchSettings { RssKey = [] } && settings.RssKey.AsSpan().SequenceEqual(new SwitchSettings().RssKey);

    private static void WriteSwitch(Document document, SwitchSettings settings)
    {
        var defaults = new SwitchSettings();
        Utf8JsonWriter json = document.Json;
        json.WriteStartObject("switch");
        WriteIfSet(json, "workers", settings.Workers);
        if (!settings.RssKey.AsSpan().SequenceEqual(defaults.RssKey))
        {
            document.Entry("rss", settings, (line, s) => line.WriteString("key", ConfigText.RssKey(s.RssKey)));
        }

        if (settings.GatewayMac != defaults.GatewayMac)
        {
            json.WriteString("gatewayMac", settings.GatewayMac.ToString());
        }

        if (settings.ConnectionCapacity != defaults.ConnectionCapacity)
        {
            document.Entry("connections", settings, (line, s) => line.WriteNumber("capacity", s.ConnectionCapacity));
        }

        if (settings.Timeouts != defaults.Timeouts)
        {
            document.Entry("timeouts", settings.Timeouts, WriteTimeouts);
        }

        json.WriteEndObject();
    }

    private static void WriteTimeouts(Utf8JsonWriter json, TimeoutSettings timeouts)
    {
        var defaults = new TimeoutSettings();
        void Write(string key, TimeSpan time, TimeSpan otherwise)
        {
            if (time != otherwise)
            {
                json.WriteString(key, ConfigText.Duration(time));
            }
        }

        Write("tcpEstablished", timeouts.TcpEstablished, defaults.TcpEstablished);
        Write("tcpTransient", timeouts.TcpTransient, defaults.TcpTransient);
        Write("tcpClosing", timeouts.TcpClosing, defaults.TcpClosing);
        Write("tcpReset", timeouts.TcpReset, defaults.TcpReset);
        Write("udp", timeouts.Udp, defaults.Udp);
        Write("udpStream", timeouts.UdpStream, defaults.UdpStream);
        Write("icmp", timeouts.Icmp, defaults.Icmp);
        Write("other", timeouts.Other, defaults.Other);
    }

    private static void WriteInternet(Document document, InternetConfig internet)
    {
        Utf8JsonWriter json = document.Json;
        json.WriteStartObject("internet");
        if (internet.Device is DeviceConfig device)
        {
            document.Entry("device", device, WriteDevice);
        }

        if (internet.Mac != new InternetConfig().Mac)
        {
            json.WriteString("mac", internet.Mac.ToString());
        }

        document.Values("addresses", internet.Addresses);
        document.Entries("routes", internet.Routes, (line, route) =>
        {
            line.WriteString("destination", route.Destination.ToString());
            line.WriteString("nextHop", route.NextHop.ToString());
        });
        if (internet.Neighbors.Count > 0)
        {
            json.WriteStartObject("neighbors");
            foreach ((IpAddress address, MacAddress mac) in internet.Neighbors.OrderBy(n => n.Key))
            {
                json.WriteString(address.ToString(), mac.ToString());
            }

            json.WriteEndObject();
        }

        WriteIfSet(json, "mtu", internet.Mtu);
        json.WriteEndObject();
    }

    private static void WriteVpc(Document document, VpcConfig vpc)
    {
        document.Json.WriteString("name", vpc.Name);
        document.Values("cidrs", vpc.Cidrs);
        document.Entries("subnets", vpc.Subnets, WriteSubnet);
        document.List("routeTables", vpc.RouteTables, WriteRouteTable);
        if (vpc.Dhcp is DhcpConfig dhcp)
        {
            document.Entry("dhcp", dhcp, WriteDhcp);
        }
    }

    private static void WriteRouteTable(Document document, RouteTableConfig table)
    {
        document.Json.WriteString("name", table.Name);
        if (table.Main)
        {
            document.Json.WriteBoolean("main", true);
        }

        document.Entries("routes", table.Routes, (json, route) =>
        {
            json.WriteString("destination", ConfigText.Destination(route));
            json.WriteString("target", route.Target);
        });
    }

    private static void WriteGroup(Document document, SecurityGroupConfig group)
    {
        document.Json.WriteString("name", group.Name);
        document.Json.WriteString("vpc", group.Vpc);
        if (group.LiveConnections != default)
        {
            document.Json.WriteString("liveConnections", ConfigText.Word(group.LiveConnections));
        }

        document.Entries("ingress", group.Ingress, WriteIngressRule);
        if (group.Egress is { Count: 0 })
        {
            // Without the key all egress would be allowed.
            document.Json.WriteStartArray("egress");
            document.Json.WriteEndArray();
        }

        document.Entries("egress", group.Egress ?? [], WriteEgressRule);
    }

    private static void WriteNetworkAcl(Document document, NetworkAclConfig acl)
    {
        document.Json.WriteString("name", acl.Name);
        document.Json.WriteString("vpc", acl.Vpc);
        document.Entries("ingress", acl.Ingress, (json, rule) => WriteAclRule(json, rule, WriteIngressRule));
        document.Entries("egress", acl.Egress, (json, rule) => WriteAclRule(json, rule, WriteEgressRule));
    }

    private static void WriteIfSet(Utf8JsonWriter json, string key, string? value)
    {
        if (value != null)
        {
            json.WriteString(key, value);
        }
    }

    private static void WriteIfSet(Utf8JsonWriter json, string key, int? value)
    {
        if (value is int number)
        {
            json.WriteNumber(key, number);
        }
    }

    private static void WriteValues<T>(Utf8JsonWriter json, string key, IReadOnlyList<T> values)
    {
        json.WriteStartArray(key);
        foreach (T value in values)
        {
            json.WriteStringValue(value!.ToString());
        }

        json.WriteEndArray();
    }

    /// <summary>The document being written: what is indented, and within it what stands on one line.</summary>
    private sealed class Document(IBufferWriter<byte> output) : IDisposable
    {
        private readonly ArrayBufferWriter<byte> _line = new();
        private readonly Utf8JsonWriter _lineJson = new(Stream.Null, OneLine);

        /// <summary>What is indented.</summary>
        public Utf8JsonWriter Json { get; } = new(output, Lines);

        /// <summary>Things of several lines each; nothing when there are none.</summary>
        public void List<T>(string key, IReadOnlyList<T> items, Action<Document, T> write)
        {
            if (items.Count == 0)
            {
                return;
            }

            Json.WriteStartArray(key);
            foreach (T item in items)
            {
                Json.WriteStartObject();
                write(this, item);
                Json.WriteEndObject();
            }

            Json.WriteEndArray();
        }

        /// <summary>Things of one line each; nothing when there are none.</summary>
        public void Entries<T>(string key, IReadOnlyList<T> items, Action<Utf8JsonWriter, T> write)
        {
            if (items.Count == 0)
            {
                return;
            }

            Json.WriteStartArray(key);
            foreach (T item in items)
            {
                WriteLine(item, write);
            }

            Json.WriteEndArray();
        }

        /// <summary>One thing on one line.</summary>
        public void Entry<T>(string key, T item, Action<Utf8JsonWriter, T> write)
        {
            Json.WritePropertyName(key);
            WriteLine(item, write);
        }

        /// <summary>Values on one line; nothing when there are none.</summary>
        public void Values<T>(string key, IReadOnlyList<T> values)
        {
            if (values.Count == 0)
            {
                return;
            }

            Json.WritePropertyName(key);
            _line.ResetWrittenCount();
            _lineJson.Reset(_line);
            _lineJson.WriteStartArray();
            foreach (T value in values)
            {
                _lineJson.WriteStringValue(value!.ToString());
            }

            _lineJson.WriteEndArray();
            PutLine();
        }

        public void Dispose()
        {
            _lineJson.Dispose();
            Json.Dispose();
        }

        private void WriteLine<T>(T item, Action<Utf8JsonWriter, T> write)
        {
            _line.ResetWrittenCount();
            _lineJson.Reset(_line);
            _lineJson.WriteStartObject();
            write(_lineJson, item);
            _lineJson.WriteEndObject();
            PutLine();
        }

        private void PutLine()
        {
            _lineJson.Flush();
            Json.WriteRawValue(_line.WrittenSpan, skipInputValidation: true);
        }
    }
}
