using System.Text;
using System.Text.Json;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace VSwitch.ControlPlane.Config;

/// <summary>A piece of the configuration text with its place: a scalar, a list or a mapping.</summary>
internal abstract record ConfigNode(SourcePosition Position)
{
    /// <summary>Levels of nesting that a document may have.</summary>
    public const int MaxDepth = 16;

    /// <summary>Parses one YAML or JSON document. Errors of the text itself, duplicate keys and aliases go to
    /// <paramref name="errors"/>.</summary>
    /// <param name="utf8">The text in UTF-8.</param>
    /// <param name="errors">Takes what is wrong, with its place.</param>
    /// <param name="isJson">True when the text says that it is JSON; else it may be either.</param>
    public static ConfigNode? Parse(ReadOnlySpan<byte> utf8, Action<SourcePosition, string> errors, bool isJson = false)
    {
        var found = new List<(SourcePosition, string)>();
        try
        {
            if (isJson || JsonNodeReader.IsCandidate(utf8))
            {
                ConfigNode root = JsonNodeReader.Read(utf8, (place, message) => found.Add((place, message)));
                found.ForEach(e => errors(e.Item1, e.Item2));
                return root;
            }
        }
        catch (JsonException e) when (isJson)
        {
            string what = e.Message.Split(" LineNumber:", 2)[0].TrimEnd('.', ' ');
            errors(new SourcePosition((int)(e.LineNumber ?? 0) + 1, (int)(e.BytePositionInLine ?? 0) + 1), $"this is not JSON: {what}");
            return null;
        }
        catch (JsonException)
        {
            // A flow mapping of YAML begins like JSON; the YAML parser says what is wrong if it is none.
        }

        try
        {
            return ParseYaml(new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(utf8).TrimStart('\uFEFF'), errors);
        }
        catch (DecoderFallbackException)
        {
            errors(new SourcePosition(1, 1), "the text is not UTF-8; send or save it as UTF-8");
            return null;
        }
    }

    private static ConfigNode? ParseYaml(string text, Action<SourcePosition, string> errors)
    {
        var parser = new Parser(new StringReader(text));
        try
        {
            parser.Consume<StreamStart>();
            if (parser.Accept<StreamEnd>(out _))
            {
                errors(new SourcePosition(1, 1), "the configuration is empty; write at least one ENI or the internet side");
                return null;
            }

            parser.Consume<DocumentStart>();
            ConfigNode root = ParseNode(parser, errors, 0);
            parser.Consume<DocumentEnd>();
            if (parser.Accept<DocumentStart>(out DocumentStart? second))
            {
                errors(Place(second.Start), "a second document begins here; write one document a file");
            }

            return root;
        }
        catch (YamlException e)
        {
            errors(Place(e.Start), $"this is not YAML: {e.Message.ReplaceLineEndings(" ")}");
            return null;
        }
        catch (Exception e) when (e is InvalidOperationException or IndexOutOfRangeException or ArgumentException)
        {
            // Damaged text makes YamlDotNet's scanner fail in other ways too (found by fuzzing).
            errors(parser.Current is ParsingEvent last ? Place(last.End) : new SourcePosition(1, 1), "this is not YAML from here on");
            return null;
        }
    }

    private static SourcePosition Place(in Mark mark) => new((int)Math.Max(1, mark.Line), (int)Math.Max(1, mark.Column));

    private static ConfigNode ParseNode(Parser parser, Action<SourcePosition, string> errors, int depth)
    {
        ParsingEvent current = parser.Current!;
        SourcePosition position = Place(current.Start);
        if (depth > MaxDepth)
        {
            throw new YamlException(current.Start, current.End, $"nested deeper than {MaxDepth} levels; the configuration needs fewer");
        }

        if (current is AnchorAlias alias)
        {
            throw new YamlException(alias.Start, alias.End, $"aliases (*{alias.Value}) are not supported; write the value out");
        }

        if (current is Scalar scalar)
        {
            parser.MoveNext();
            return new ScalarNode(scalar.Value, scalar.Style != ScalarStyle.Plain, position);
        }

        if (parser.TryConsume<SequenceStart>(out _))
        {
            var items = new List<ConfigNode>();
            while (!parser.TryConsume<SequenceEnd>(out _))
            {
                items.Add(ParseNode(parser, errors, depth + 1));
            }

            return new ListNode(items, position);
        }

        parser.Consume<MappingStart>();
        return ParseMapping(parser, errors, depth, position);
    }

    private static MappingNode ParseMapping(Parser parser, Action<SourcePosition, string> errors, int depth, SourcePosition position)
    {
        var entries = new List<KeyValuePair<ScalarNode, ConfigNode>>();
        var places = new Dictionary<string, SourcePosition>(StringComparer.Ordinal);
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            SourcePosition keyPlace = Place(parser.Current!.Start);
            ConfigNode key = ParseNode(parser, errors, depth + 1);
            ConfigNode value = ParseNode(parser, errors, depth + 1);
            if (key is not ScalarNode name)
            {
                errors(keyPlace, "a key must be a plain word");
            }
            else if (!places.TryAdd(name.Value, keyPlace))
            {
                errors(keyPlace, $"duplicate key '{name.Value}' (first at line {places[name.Value].Line}); remove one");
            }
            else
            {
                entries.Add(KeyValuePair.Create(name, value));
            }
        }

        return new MappingNode(entries, position);
    }
}

/// <summary>A word.</summary>
internal sealed record ScalarNode(string Value, bool IsQuoted, SourcePosition Position) : ConfigNode(Position)
{
    /// <summary>True for an empty value, <c>~</c> and <c>null</c>.</summary>
    public bool IsNull => !IsQuoted && Value is "" or "~" or "null";
}

/// <summary>A list.</summary>
internal sealed record ListNode(IReadOnlyList<ConfigNode> Items, SourcePosition Position) : ConfigNode(Position);

/// <summary>A mapping; the keys are different from each other.</summary>
internal sealed record MappingNode(IReadOnlyList<KeyValuePair<ScalarNode, ConfigNode>> Entries, SourcePosition Position)
    : ConfigNode(Position);
