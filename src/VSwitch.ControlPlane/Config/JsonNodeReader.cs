using System.Text;
using System.Text.Json;

namespace VSwitch.ControlPlane.Config;

/// <summary>Reads JSON text to the nodes that YAML text is read to, with the same places. JSON is YAML, but not every escape of its
/// strings is one of the YAML parser's, and a document that a program wrote is read faster so.</summary>
internal ref struct JsonNodeReader
{
    private const int FewKeys = 12;
    private const int KnownWords = 64;
    private const int LongestWord = 24;
    private readonly ReadOnlySpan<byte> _utf8;
    private readonly Action<SourcePosition, string> _errors;
    private Utf8JsonReader _json;
    private readonly string?[] _words = new string?[KnownWords];
    private int _line = 1;
    private int _column = 1;
    private int _scanned;

    private JsonNodeReader(ReadOnlySpan<byte> utf8, Action<SourcePosition, string> errors)
    {
        _utf8 = utf8;
        _errors = errors;
        _json = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = ConfigNode.MaxDepth });
    }

    /// <summary>True when the text may be a JSON object; a flow mapping of YAML begins in the same way.</summary>
    public static bool IsCandidate(ReadOnlySpan<byte> utf8) => utf8.TrimStart(" \t\r\n"u8) is [(byte)'{', ..];

    /// <summary>The document; keys that occur twice go to <paramref name="errors"/>.</summary>
    /// <exception cref="JsonException">The text is not JSON, or is nested too deep.</exception>
    public static ConfigNode Read(ReadOnlySpan<byte> utf8, Action<SourcePosition, string> errors)
    {
        var reader = new JsonNodeReader(utf8, errors);
        reader._json.Read();
        ConfigNode root = reader.ReadNode();
        reader._json.Read();
        return root;
    }

    private ConfigNode ReadNode()
    {
        SourcePosition position = Place();
        switch (_json.TokenType)
        {
            case JsonTokenType.StartObject:
                return ReadMapping(position);
            case JsonTokenType.StartArray:
                var items = new List<ConfigNode>();
                while (_json.Read() && _json.TokenType != JsonTokenType.EndArray)
                {
                    items.Add(ReadNode());
                }

                return new ListNode(items, position);
            case JsonTokenType.String:
                return new ScalarNode(Text(), IsQuoted: true, position);
            default:
                return new ScalarNode(Encoding.UTF8.GetString(_json.ValueSpan), IsQuoted: false, position);
        }
    }

    private MappingNode ReadMapping(SourcePosition position)
    {
        var entries = new List<KeyValuePair<ScalarNode, ConfigNode>>();
        Dictionary<string, SourcePosition>? places = null;
        while (_json.Read() && _json.TokenType != JsonTokenType.EndObject)
        {
            var key = new ScalarNode(Text(), IsQuoted: true, Place());
            _json.Read();
            ConfigNode value = ReadNode();
            if (First(entries, ref places, key.Value) is SourcePosition first)
            {
                _errors(key.Position, $"duplicate key '{key.Value}' (first at line {first.Line}); remove one");
                continue;
            }

            entries.Add(KeyValuePair.Create(key, value));
            places?.Add(key.Value, key.Position);
        }

        return new MappingNode(entries, position);
    }

    /// <summary>Where a key stands already. Most mappings are small, so only a large one is worth a dictionary.</summary>
    private static SourcePosition? First(
        List<KeyValuePair<ScalarNode, ConfigNode>> entries, ref Dictionary<string, SourcePosition>? places, string key)
    {
        if (entries.Count > FewKeys)
        {
            places ??= entries.ToDictionary(e => e.Key.Value, e => e.Key.Position, StringComparer.Ordinal);
            return places.TryGetValue(key, out SourcePosition place) ? place : null;
        }

        foreach ((ScalarNode known, _) in entries)
        {
            if (known.Value == key)
            {
                return known.Position;
            }
        }

        return null;
    }

    /// <summary>The string or the key that stands here. Short words come again and again: the same one is the same string.</summary>
    /// <exception cref="JsonException">It is not Unicode text.</exception>
    private readonly string Text()
    {
        try
        {
            ReadOnlySpan<byte> word = _json.ValueSpan;
            if (word.Length is 0 or > LongestWord)
            {
                return _json.GetString()!;
            }

            ref string? known = ref _words[(word[0] + (7 * word[^1]) + (31 * word.Length)) % KnownWords];
            return known != null && _json.ValueTextEquals(known) ? known : known = _json.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new JsonException("a string is not Unicode text", e);
        }
    }

    /// <summary>Goes on from the last place, so that a document of one long line takes time in proportion too.</summary>
    private SourcePosition Place()
    {
        int start = (int)_json.TokenStartIndex;
        ReadOnlySpan<byte> passed = _utf8[_scanned..start];
        int end = passed.LastIndexOf((byte)'\n');
        if (end >= 0)
        {
            _line += passed.Count((byte)'\n');
            _column = 1;
        }

        _column += Encoding.UTF8.GetCharCount(passed[(end + 1)..]);
        _scanned = start;
        return new SourcePosition(_line, _column);
    }
}
