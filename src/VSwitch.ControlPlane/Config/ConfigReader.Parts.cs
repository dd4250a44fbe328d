using VSwitch.ControlPlane.Validation;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <content>Parts of a configuration, sent by themselves: the same readers as for the whole.</content>
public static partial class ConfigReader
{
    private const string BodyName = "body";

    /// <summary>Holds a configuration that was put together of parts against itself. The errors have no places.</summary>
    public static IReadOnlyList<ConfigError> Validate(SwitchConfig config)
    {
        var errors = new ConfigErrors(BodyName, hasPlaces: false);
        new ConfigValidator(config, errors).Validate();
        return errors.Sorted();
    }

    /// <summary>Reads an ENI.</summary>
    /// <param name="utf8">YAML or JSON.</param>
    /// <param name="isJson">True when it must be JSON.</param>
    /// <param name="patched">The ENI that the text changes (RFC 7396): what it leaves out stays, null unsets.</param>
    public static PartResult<EniConfig> ReadEni(ReadOnlySpan<byte> utf8, bool isJson, EniConfig? patched = null) =>
        ReadPart(utf8, isJson, (node, errors) => ReadEni(Patch(patched, ConfigWriter.ToUtf8, WithUnits(node)), errors));

    /// <summary>Reads an elastic IP. A rate may be a bare number of bits per second, as the API writes it.</summary>
    /// <param name="utf8">YAML or JSON.</param>
    /// <param name="isJson">True when it must be JSON.</param>
    /// <param name="patched">The elastic IP that the text changes (RFC 7396).</param>
    public static PartResult<ElasticIpConfig> ReadElasticIp(ReadOnlySpan<byte> utf8, bool isJson, ElasticIpConfig? patched = null) =>
        ReadPart(utf8, isJson, (node, errors) => ReadElasticIp(Patch(patched, ConfigWriter.ToUtf8, WithUnits(node)), errors));

    /// <summary>Reads a security group.</summary>
    /// <param name="utf8">YAML or JSON.</param>
    /// <param name="isJson">True when it must be JSON.</param>
    /// <param name="name">Its name, where that is said elsewhere: the text may leave it out.</param>
    public static PartResult<SecurityGroupConfig> ReadSecurityGroup(ReadOnlySpan<byte> utf8, bool isJson, string? name = null) =>
        ReadPart(utf8, isJson, (node, errors) => ReadGroup(WithName(node, name, errors), errors));

    /// <summary>Reads one rule of a security group, or a list of rules.</summary>
    public static PartResult<IReadOnlyList<RuleConfig>> ReadRules(ReadOnlySpan<byte> utf8, bool isJson, bool isEgress) =>
        ReadPart<IReadOnlyList<RuleConfig>>(utf8, isJson, (node, errors) =>
        {
            string peer = isEgress ? "destination" : "source";
            return node is ListNode list ? [.. list.Items.Select(n => ReadRule(n, peer, errors))] : [ReadRule(node, peer, errors)];
        });

    /// <summary>Reads what an elastic IP is to be associated with: <c>{ eni: NAME, privateIp: ADDRESS }</c>, the address being optional,
    /// <c>{ natGateway: NAME }</c> or <c>{ loadBalancer: NAME }</c>.</summary>
    /// <param name="utf8">YAML or JSON.</param>
    /// <param name="isJson">True when it must be JSON.</param>
    public static PartResult<EipAssociation> ReadAssociation(ReadOnlySpan<byte> utf8, bool isJson) =>
        ReadPart(utf8, isJson, (node, errors) =>
        {
            var map = new ConfigMap(node, "an association", errors);
            var association = new EipAssociation(map.Text("eni"), map.Address("privateIp"), map.Text("natGateway"), map.Text("loadBalancer"))
            {
                AllowReassociation = map.Flag("allowReassociation", otherwise: false),
            };
            map.Finish();
            if (new[] { association.Eni, association.NatGateway, association.LoadBalancer }.Count(n => n != null) != 1)
            {
                errors.Add(map.Position, "an association names exactly one of 'eni', 'natGateway' and 'loadBalancer'");
            }

            return association;
        });

    private static PartResult<T> ReadPart<T>(ReadOnlySpan<byte> utf8, bool isJson, Func<ConfigNode, ConfigErrors, T> read)
        where T : class
    {
        var errors = new ConfigErrors(BodyName);
        ConfigNode? node = ConfigNode.Parse(utf8, errors.Add, isJson);
        T? part = node == null ? null : read(node, errors);
        return new PartResult<T>(errors.Count == 0 ? part : null, errors.Sorted(), node == null);
    }

    /// <summary>JSON merge patch (RFC 7396) of what is written in a configuration.</summary>
    private static ConfigNode Patch<T>(T? thing, Func<T, byte[]> write, ConfigNode patch)
        where T : class => thing == null ? patch
        : Merge(ConfigNode.Parse(write(thing), (place, message) => throw new FormatException($"{place}: {message}"))!, patch);

    private static ConfigNode Merge(ConfigNode target, ConfigNode patch)
    {
        if (patch is not MappingNode changes)
        {
            return patch;
        }

        var entries = target is MappingNode mapping ? mapping.Entries.ToList() : [];
        foreach ((ScalarNode key, ConfigNode value) in changes.Entries)
        {
            int at = entries.FindIndex(e => e.Key.Value == key.Value);
            ConfigNode merged = Merge(at < 0 ? new ScalarNode("", IsQuoted: false, default) : entries[at].Value, value);
            if (at < 0)
            {
                // Unsetting what is not known is an error too: the reader says so.
                entries.Add(KeyValuePair.Create(key, merged));
            }
            else
            {
                entries[at] = KeyValuePair.Create(key, merged);
            }
        }

        return new MappingNode(entries, patch.Position);
    }

    /// <summary>A rate without its unit is one of bits per second.</summary>
    private static ConfigNode WithUnits(ConfigNode node) => node is not MappingNode mapping ? node : new MappingNode(
        [.. mapping.Entries.Select(e => KeyValuePair.Create(e.Key, e.Value switch
        {
            ScalarNode { IsQuoted: false } scalar when e.Key.Value is "bandwidth" or "bandwidthIn" or "egress" or "ingress" or "bits" &&
                ConfigValues.Integer(scalar.Value) != null => scalar with { Value = scalar.Value + "bps" },
            MappingNode inner => WithUnits(inner),
            ConfigNode other => other,
        }))],
        mapping.Position);

    private static ConfigNode WithName(ConfigNode node, string? name, ConfigErrors errors)
    {
        if (name == null || node is not MappingNode mapping)
        {
            return node;
        }

        if (mapping.Entries.FirstOrDefault(e => e.Key.Value == "name") is { Key: not null } own)
        {
            if (own.Value is not ScalarNode scalar || scalar.Value != name)
            {
                errors.Add(own.Value.Position, $"'name' is another than '{name}', which the request is for; a name does not change");
            }

            return node;
        }

        var key = new ScalarNode("name", IsQuoted: false, mapping.Position);
        return new MappingNode([KeyValuePair.Create(key, (ConfigNode)new ScalarNode(name, IsQuoted: true, mapping.Position)), .. mapping.Entries], mapping.Position);
    }
}
