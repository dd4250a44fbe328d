using VSwitch.Wire;

namespace VSwitch.ControlPlane.Config;

/// <summary>A mapping being read: each key is asked for by name and type; what nobody asked for is an unknown key.</summary>
internal sealed class ConfigMap
{
    private readonly IReadOnlyList<KeyValuePair<ScalarNode, ConfigNode>> _entries = [];
    private readonly List<string> _known = new(8);
    private readonly ConfigErrors _errors;
    private readonly string _what;
    private bool _takesAny;

    public ConfigMap(ConfigNode node, string what, ConfigErrors errors)
    {
        _errors = errors;
        _what = what;
        Position = node.Position;
        if (node is MappingNode mapping)
        {
            _entries = mapping.Entries;
        }
        else if (node is not ScalarNode { IsNull: true })
        {
            errors.Add(node.Position, $"{what} must be a mapping (key: value)");
        }
    }

    public SourcePosition Position { get; }

    /// <summary>Place of a key's value; of the mapping when the key is absent.</summary>
    public SourcePosition PlaceOf(string key) => Find(key)?.Position ?? Position;

    public bool Has(string key) => Node(key) != null;

    public ConfigNode? Node(string key)
    {
        if (!_known.Contains(key))
        {
            _known.Add(key);
        }

        return Find(key) is ConfigNode node && node is not ScalarNode { IsNull: true } ? node : null;
    }

    public string? Text(string key)
    {
        ConfigNode? node = Node(key);
        if (node == null || node is ScalarNode)
        {
            return (node as ScalarNode)?.Value;
        }

        _errors.Add(node.Position, $"'{key}' must be one value");
        return null;
    }

    public string Required(string key)
    {
        string? text = Text(key);
        if (text == null && !Has(key))
        {
            _errors.Add(Position, $"{_what} has no '{key}'; add it");
        }

        return text ?? "";
    }

    public IReadOnlyList<ConfigNode> List(string key)
    {
        ConfigNode? node = Node(key);
        if (node == null || node is ListNode)
        {
            return (node as ListNode)?.Items ?? [];
        }

        _errors.Add(node.Position, $"'{key}' must be a list: [a, b] or one '- item' a line");
        return [];
    }

    public T? Value<T>(string key, Func<string, T?> parse, string expected)
        where T : struct
    {
        string? text = Text(key);
        if (text == null)
        {
            return null;
        }

        T? value = parse(text);
        if (value == null)
        {
            _errors.Add(PlaceOf(key), $"'{key}: {text}' is not {expected}");
        }

        return value;
    }

    public List<T> Values<T>(string key, Func<string, T?> parse, string expected)
        where T : struct
    {
        var values = new List<T>();
        foreach (ConfigNode item in List(key))
        {
            T? value = item is ScalarNode scalar ? parse(scalar.Value) : null;
            if (value is T good)
            {
                values.Add(good);
            }
            else
            {
                _errors.Add(item.Position, $"{(item as ScalarNode)?.Value ?? "this"} is not {expected}");
            }
        }

        return values;
    }

    public bool Flag(string key, bool otherwise) =>
        Value(key, t => t switch { "true" => true, "false" => false, _ => (bool?)null }, "true or false") ?? otherwise;

    public int? Integer(string key, int least, int most)
    {
        if (Text(key) is not string text)
        {
            return null;
        }

        if (ConfigValues.Integer(text) is long number && number >= least && number <= most)
        {
            return (int)number;
        }

        _errors.Add(PlaceOf(key), $"'{key}: {text}' is not a whole number from {least} to {most}");
        return null;
    }

    public IpAddress? Address(string key) => Value<IpAddress>(key, ConfigValues.Address, "an IPv4 or IPv6 address");

    public MacAddress? Mac(string key) =>
        Value<MacAddress>(key, ConfigValues.Mac, "a MAC address; write six pairs, quoted, like \"02:00:00:00:01:10\"");

    /// <summary>The entries, for mappings whose keys are values (neighbours).</summary>
    public IEnumerable<(ScalarNode Key, ConfigNode Value)> Entries()
    {
        _takesAny = true;
        return _entries.Select(e => (e.Key, e.Value));
    }

    /// <summary>Complains of every key that nobody asked for.</summary>
    public void Finish()
    {
        foreach ((ScalarNode key, _) in _entries)
        {
            if (!_takesAny && !_known.Contains(key.Value))
            {
                string? near = Nearest(key.Value);
                string mend = near != null ? $"did you mean '{near}'?" : $"known here: {string.Join(", ", _known.Order(StringComparer.Ordinal))}";
                _errors.Add(key.Position, $"unknown key '{key.Value}' in {_what}; {mend}");
            }
        }
    }

    /// <summary>Keys are few, so that a dictionary would cost more than it saves; a large mapping is read by <see cref="Entries"/>.</summary>
    private ConfigNode? Find(string key)
    {
        for (int i = 0; i < _entries.Count; i++)
        {
            if (_entries[i].Key.Value == key)
            {
                return _entries[i].Value;
            }
        }

        return null;
    }

    private string? Nearest(string word)
    {
        string? best = _known.MinBy(k => Distance(k, word));
        return best != null && Distance(best, word) <= Math.Max(1, word.Length / 3) ? best : null;
    }

    /// <summary>Edit distance (Levenshtein).</summary>
    private static int Distance(string a, string b)
    {
        int[] row = new int[b.Length + 1];
        for (int j = 0; j <= b.Length; j++)
        {
            row[j] = j;
        }

        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int next = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = row[j];
                row[j] = next;
            }
        }

        return row[b.Length];
    }
}

/// <summary>All errors found so far.</summary>
/// <param name="file">The text's name.</param>
/// <param name="hasPlaces">False for a configuration that is not the text that its author wrote: then no line is named.</param>
internal sealed class ConfigErrors(string file, bool hasPlaces = true)
{
    /// <summary>Nobody reads more, and a text of nothing but errors must not cost many times its length.</summary>
    private const int MostErrors = 1000;

    private readonly List<ConfigError> _errors = [];
    private readonly List<ConfigError> _warnings = [];

    public int Count => _errors.Count;

    public void Add(SourcePosition position, string message)
    {
        if (_errors.Count < MostErrors)
        {
            _errors.Add(new ConfigError(file, hasPlaces ? position : default, message));
        }
    }

    /// <summary>Notes what is allowed and yet hardly meant.</summary>
    public void Warn(SourcePosition position, string message)
    {
        if (_warnings.Count < MostErrors)
        {
            _warnings.Add(new ConfigError(file, hasPlaces ? position : default, message));
        }
    }

    /// <summary>" (first at line 12)", or nothing where lines mean nothing; <paramref name="word"/> stands before "line".</summary>
    public string Line(SourcePosition position, string word = "") => hasPlaces ? $" ({word}line {position.Line})" : "";

    /// <summary>In the order of the text.</summary>
    public IReadOnlyList<ConfigError> Sorted() => InOrder(_errors);

    /// <summary>The warnings, in the order of the text.</summary>
    public IReadOnlyList<ConfigError> Warnings() => InOrder(_warnings);

    private static IReadOnlyList<ConfigError> InOrder(List<ConfigError> found) =>
        [.. found.OrderBy(e => e.Position.Line).ThenBy(e => e.Position.Column).Distinct()];
}
