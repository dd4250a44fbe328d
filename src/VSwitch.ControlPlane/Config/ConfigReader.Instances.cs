using VSwitch.DataPlane.Workers;
using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <summary>An instance as it is asked for: with the ENI that lives and dies with it.</summary>
/// <param name="Instance">The instance.</param>
/// <param name="Primary">Its primary ENI.</param>
public sealed record NewInstance(InstanceConfig Instance, EniConfig Primary);

/// <content>Instances, and what of an ENI the system may choose.</content>
public static partial class ConfigReader
{
    /// <summary>Reads an instance with its primary ENI: <c>{ name, vcpus, primaryEni: { … } }</c>. The ENI is written as in a configuration,
    /// without instance; its name may be left out and is the instance's with <c>-eth0</c> then.</summary>
    /// <param name="utf8">YAML or JSON.</param>
    /// <param name="isJson">True when it must be JSON.</param>
    public static PartResult<NewInstance> ReadNewInstance(ReadOnlySpan<byte> utf8, bool isJson) => ReadPart(utf8, isJson, (node, errors) =>
    {
        var map = new ConfigMap(node, "an instance", errors);
        var instance = new InstanceConfig(map.Required("name"), map.Integer("vcpus", 1, 1024) ?? 1, node.Position);
        ConfigNode? inner = map.Node("primaryEni");
        map.Finish();
        if (inner == null)
        {
            errors.Add(node.Position, $"instance '{instance.Name}' has no 'primaryEni'; add it: a primary ENI is made with its instance");
        }

        EniConfig eni = inner == null ? new EniConfig { Name = "", Subnet = "", Mac = default } : ReadPrimary(inner, instance, errors);
        return new NewInstance(instance, eni with { Instance = instance.Name, Primary = true });
    });

    /// <summary>Reads an instance that is there.</summary>
    /// <param name="utf8">YAML or JSON.</param>
    /// <param name="isJson">True when it must be JSON.</param>
    /// <param name="patched">The instance that the text changes (RFC 7396).</param>
    public static PartResult<InstanceConfig> ReadInstance(ReadOnlySpan<byte> utf8, bool isJson, InstanceConfig patched) =>
        ReadPart(utf8, isJson, (node, errors) => ReadInstance(Patch(patched, ConfigWriter.ToUtf8, node), errors));

    /// <summary>Reads the name of the instance that an ENI is to be attached to: <c>{ instance: NAME }</c>.</summary>
    public static PartResult<string> ReadAttachment(ReadOnlySpan<byte> utf8, bool isJson) => ReadPart(utf8, isJson, (node, errors) =>
    {
        var map = new ConfigMap(node, "an attachment", errors);
        string instance = map.Required("instance");
        map.Finish();
        return instance;
    });

    /// <summary>Reads which private addresses are meant: <c>{ addresses: [ … ] }</c>, or, where the system may choose, <c>{ count: N }</c>.
    /// </summary>
    /// <param name="utf8">YAML or JSON.</param>
    /// <param name="isJson">True when it must be JSON.</param>
    /// <param name="takesCount">True where a count may stand.</param>
    public static PartResult<AddressRequest> ReadAddressRequest(ReadOnlySpan<byte> utf8, bool isJson, bool takesCount) =>
        ReadPart(utf8, isJson, (node, errors) =>
        {
            var map = new ConfigMap(node, "private addresses", errors);
            int? count = takesCount ? map.Integer("count", 1, Validation.Quotas.AddressesPerEni - 1) : null;
            List<IpAddress> addresses = map.Values<IpAddress>("addresses", ConfigValues.Address, "an address, like 10.0.1.10");
            map.Finish();
            if (errors.Count == 0 && (addresses.Count > 0) == (count != null))
            {
                errors.Add(node.Position, takesCount ? "say either which 'addresses' or the 'count' of addresses to choose" : "say which 'addresses'");
            }

            return new AddressRequest(addresses, count ?? 0);
        });

    /// <summary>Reads an ENI's RSS: <c>{ key, indirection }</c>.</summary>
    public static PartResult<EniRssConfig> ReadRss(ReadOnlySpan<byte> utf8, bool isJson) => ReadPart(utf8, isJson, ReadRss);

    private static EniConfig ReadPrimary(ConfigNode node, InstanceConfig instance, ConfigErrors errors)
    {
        if (node is MappingNode mapping)
        {
            foreach ((ScalarNode key, _) in mapping.Entries.Where(e => e.Key.Value is "instance" or "primary" or "detached"))
            {
                errors.Add(key.Position, $"'{key.Value}' has no place in 'primaryEni'; remove it: the ENI is the primary one of instance '{instance.Name}'");
            }

            if (!mapping.Entries.Any(e => e.Key.Value == "name"))
            {
                node = WithName(node, instance.Name + "-eth0", errors);
            }
        }

        return ReadEni(node, errors);
    }

    /// <summary>What of an ENI says how it lives and how its frames are spread.</summary>
    private static EniConfig ReadEniLife(ConfigMap map, EniConfig eni, ConfigErrors errors)
    {
        bool? deleteWithInstance = map.Has("deleteWithInstance") ? map.Flag("deleteWithInstance", otherwise: false) : null;
        if (eni.Primary && deleteWithInstance == false)
        {
            errors.Add(map.PlaceOf("deleteWithInstance"), $"ENI '{eni.Name}' is a primary one, which is always deleted with its instance; remove 'deleteWithInstance: false'");
        }

        return eni with
        {
            Detached = map.Flag("detached", otherwise: false),
            DeleteWithInstance = deleteWithInstance == true,
            Queues = map.Integer("queues", 1, IndirectionTable.MaxTargets),
            Rss = map.Node("rss") is ConfigNode rss ? ReadRss(rss, errors) : null,
            IsMacChosen = !map.Has("mac"),
        };
    }

    private static EniRssConfig ReadRss(ConfigNode node, ConfigErrors errors)
    {
        var map = new ConfigMap(node, "rss", errors);
        var rss = new EniRssConfig { Key = ReadRssKey(map, errors) ?? Toeplitz.SymmetricKey(), Indirection = ReadIndirection(map, errors) };
        map.Finish();
        return rss;
    }

    private static byte[]? ReadRssKey(ConfigMap map, ConfigErrors errors)
    {
        string? text = map.Text("key");
        byte[]? key = text == null ? null : ConfigValues.RssKey(text);
        if (text != null && key == null)
        {
            errors.Add(map.PlaceOf("key"), "'key' is not symmetric, microsoft, or 40 bytes as 80 hexadecimal digits");
        }

        return key;
    }

    /// <summary>128 numbers are a table; fewer are weights, one a queue or worker.</summary>
    private static byte[]? ReadIndirection(ConfigMap map, ConfigErrors errors)
    {
        const string Form = "a whole number";
        if (!map.Has("indirection"))
        {
            return null;
        }

        int before = errors.Count;
        List<int> numbers = map.Values<int>("indirection", t => ConfigValues.Integer(t) is long n and <= 1_000_000 ? (int)n : null, Form);
        if (errors.Count > before)
        {
            return null;
        }

        if (numbers.Count == Steering.IndirectionEntries && numbers.All(n => n < IndirectionTable.MaxTargets))
        {
            return [.. numbers.Select(n => (byte)n)];
        }

        if (numbers.Count is > 0 and <= IndirectionTable.MaxTargets && numbers.Any(n => n > 0))
        {
            return IndirectionTable.OfWeights(numbers);
        }

        errors.Add(map.PlaceOf("indirection"), $"'indirection' is {Steering.IndirectionEntries} numbers from 0 to {IndirectionTable.MaxTargets - 1}, or 1 to {IndirectionTable.MaxTargets} weights that are not all 0");
        return null;
    }

    /// <summary>A list, or how many the system is to choose: a count, or auto for one.</summary>
    private static (List<IpAddress> Given, int? Chosen) ReadPrivateIps(ConfigMap map)
    {
        const string Key = "privateIps";
        if (map.Node(Key) is ListNode)
        {
            return (map.Values<IpAddress>(Key, ConfigValues.Address, "an address, like 10.0.1.10"), null);
        }

        int? count = map.Value<int>(
            Key, t => t == "auto" ? 1 : ConfigValues.Integer(t) is long n and >= 1 and <= Validation.Quotas.AddressesPerEni ? (int)n : null,
            $"a list of addresses, auto, or a number from 1 to {Validation.Quotas.AddressesPerEni}");
        return ([], count ?? 1);
    }
}

/// <summary>Private addresses that are asked for: these, or so many.</summary>
/// <param name="Addresses">By hand.</param>
/// <param name="Count">By the system; 0 when they are named.</param>
public sealed record AddressRequest(IReadOnlyList<IpAddress> Addresses, int Count);
