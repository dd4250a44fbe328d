using System.Text.Json;

namespace VSwitch.ControlPlane.Config;

/// <content>What stands on one line.</content>
public static partial class ConfigWriter
{
    private static void WriteSubnet(Utf8JsonWriter json, SubnetConfig subnet)
    {
        json.WriteString("name", subnet.Name);
        WriteValues(json, "cidrs", subnet.Cidrs);
        WriteIfSet(json, "routeTable", subnet.RouteTable);
        WriteIfSet(json, "networkAcl", subnet.NetworkAcl);
        if (subnet.Dhcp is DhcpConfig dhcp)
        {
            json.WriteStartObject("dhcp");
            WriteDhcp(json, dhcp);
            json.WriteEndObject();
        }
    }

    private static void WritePeering(Utf8JsonWriter json, PeeringConfig peering)
    {
        json.WriteString("name", peering.Name);
        json.WriteString("requester", peering.Requester);
        json.WriteString("accepter", peering.Accepter);
        json.WriteBoolean("accepted", peering.Accepted);
    }

    private static void WriteDhcp(Utf8JsonWriter json, DhcpConfig dhcp)
    {
        if (dhcp.Enabled is bool enabled)
        {
            json.WriteBoolean("enabled", enabled);
        }

        if (dhcp.Dns != null)
        {
            WriteValues(json, "dns", dhcp.Dns);
        }

        WriteIfSet(json, "domainName", dhcp.DomainName);
        if (dhcp.Ntp != null)
        {
            WriteValues(json, "ntp", dhcp.Ntp);
        }

        if (dhcp.LeaseTime is TimeSpan lease)
        {
            json.WriteString("leaseTime", ConfigText.Duration(lease));
        }
    }

    private static void WriteIngressRule(Utf8JsonWriter json, RuleConfig rule) => WriteRule(json, rule, "source");

    private static void WriteEgressRule(Utf8JsonWriter json, RuleConfig rule) => WriteRule(json, rule, "destination");

    private static void WriteRule(Utf8JsonWriter json, RuleConfig rule, string peerKey)
    {
        json.WriteString("protocol", ConfigText.Protocol(rule.Protocol));
        if (rule.Ports.Count > 0)
        {
            json.WriteString("ports", ConfigText.Ports(rule.Ports));
        }

        WriteIfSet(json, "icmpType", rule.IcmpType);
        WriteIfSet(json, "icmpCode", rule.IcmpCode);
        json.WriteString(peerKey, ConfigText.Peer(rule.Peer));
        WriteIfSet(json, "peering", rule.Peer.Peering);
        WriteIfSet(json, "remark", rule.Remark);
    }

    private static void WriteAclRule(Utf8JsonWriter json, NetworkAclRuleConfig rule, Action<Utf8JsonWriter, RuleConfig> writeMatch)
    {
        json.WriteNumber("priority", rule.Priority);
        json.WriteString("action", rule.Allows ? "allow" : "deny");
        writeMatch(json, rule.Match);
    }

    private static void WritePrefixList(Utf8JsonWriter json, PrefixListConfig list)
    {
        json.WriteString("name", list.Name);
        WriteValues(json, "cidrs", list.Cidrs);
    }

    private static void WriteInstance(Utf8JsonWriter json, InstanceConfig instance)
    {
        json.WriteString("name", instance.Name);
        WriteIfSet(json, "vcpus", instance.Vcpus == 1 ? null : instance.Vcpus);
    }

    private static void WriteEni(Utf8JsonWriter json, EniConfig eni)
    {
        json.WriteString("name", eni.Name);
        WriteIfSet(json, "instance", eni.Instance);
        if (eni.Primary)
        {
            json.WriteBoolean("primary", true);
        }

        json.WriteString("subnet", eni.Subnet);
        json.WriteString("mac", eni.Mac.ToString());
        WriteValues(json, "privateIps", eni.PrivateIps);
        WriteValues(json, "securityGroups", eni.SecurityGroups);
        if (eni.Device is DeviceConfig device)
        {
            json.WriteStartObject("device");
            WriteDevice(json, device);
            json.WriteEndObject();
        }

        WriteIfSet(json, "tcp", eni.TcpLoose ? "loose" : null);
        if (!eni.SourceDestCheck)
        {
            json.WriteBoolean("sourceDestCheck", false);
        }

        WriteIfSet(json, "mtu", eni.Mtu);
        WriteQos(json, eni);
        WriteEniLife(json, eni);
    }

    private static void WriteEniLife(Utf8JsonWriter json, EniConfig eni)
    {
        if (eni.Detached)
        {
            json.WriteBoolean("detached", true);
        }

        if (eni.DeleteWithInstance && !eni.Primary)
        {
            json.WriteBoolean("deleteWithInstance", true);
        }

        WriteIfSet(json, "queues", eni.Queues);
        if (eni.Rss is EniRssConfig rss)
        {
            json.WriteStartObject("rss");
            WriteRss(json, rss.Key, rss.Indirection);
            json.WriteEndObject();
        }
    }

    private static void WriteRss(Utf8JsonWriter json, byte[] key, IReadOnlyList<byte>? indirection)
    {
        json.WriteString("key", ConfigText.RssKey(key));
        if (indirection != null)
        {
            json.WriteStartArray("indirection");
            foreach (byte number in indirection)
            {
                json.WriteNumberValue(number);
            }

            json.WriteEndArray();
        }
    }

    private static void WriteDevice(Utf8JsonWriter json, DeviceConfig device)
    {
        WriteIfSet(json, "tap", device.Tap);
        WriteIfSet(json, "interface", device.Interface);
        WriteIfSet(json, "sharppcap", device.SharpPcap);
        if (device.PcapIn != null || device.PcapOut != null)
        {
            json.WriteStartObject("pcap");
            WriteIfSet(json, "in", device.PcapIn);
            WriteIfSet(json, "out", device.PcapOut);
            json.WriteEndObject();
        }

        WriteIfSet(json, "queues", device.Queues);
        if (!device.Offload)
        {
            json.WriteBoolean("offload", false);
        }
    }

    private static void WriteElasticIp(Utf8JsonWriter json, ElasticIpConfig eip)
    {
        json.WriteString("name", eip.Name);
        json.WriteString("address", eip.Address.ToString());
        WriteIfSet(json, "eni", eip.Eni);
        WriteIfSet(json, "privateIp", eip.PrivateIp?.ToString());
        WriteIfSet(json, "natGateway", eip.NatGateway);
        WriteIfSet(json, "loadBalancer", eip.LoadBalancer);
        WriteDrift(json, eip);
        WriteIfSet(json, "bandwidth", eip.BandwidthBitsPerSecond is long outbound ? ConfigText.Rate(outbound) : null);
        WriteIfSet(json, "bandwidthIn", eip.BandwidthInBitsPerSecond is long inbound ? ConfigText.Rate(inbound) : null);
        WriteIfSet(json, "billing", eip.Billing == default ? null : ConfigText.Word(eip.Billing));
        WriteProtection(json, eip.Protection);
        if (eip.SingleZone)
        {
            json.WriteBoolean("singleZone", true);
        }
    }

    private static void WriteFlowLog(Utf8JsonWriter json, FlowLogConfig log)
    {
        json.WriteString("name", log.Name);
        WriteIfSet(json, "eni", log.Eni);
        WriteIfSet(json, "subnet", log.Subnet);
        WriteIfSet(json, "vpc", log.Vpc);
        WriteIfSet(json, "traffic", log.Traffic == default ? null : ConfigText.Word(log.Traffic));
        WriteIfSet(json, "interval", log.Interval == new FlowLogConfig { Name = "" }.Interval ? null : ConfigText.Duration(log.Interval));
        WriteIfSet(json, "format", log.Format);
        json.WriteStartObject("to");
        WriteIfSet(json, "file", log.File);
        WriteIfSet(json, "ipfix", log.Ipfix);
        json.WriteEndObject();
    }

    private static void WriteMirror(Utf8JsonWriter json, MirrorConfig mirror)
    {
        json.WriteString("name", mirror.Name);
        json.WriteString("port", mirror.Port);
        WriteIfSet(json, "direction", mirror.Direction == default ? null : ConfigText.Word(mirror.Direction));
        WriteIfSet(json, "filter", mirror.Filter);
        json.WriteStartObject("to");
        WriteIfSet(json, "port", mirror.ToPort);
        WriteIfSet(json, "file", mirror.ToFile);
        json.WriteEndObject();
    }
}
