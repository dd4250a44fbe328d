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
    public static ConfigNode? Parse(string text, Action<SourcePosition, string> errors) =>
        (JsonNodeReader.IsCandidate(text) ? ParseJson(text, errors) : null) ?? ParseYaml(text, errors);

    /// <summary>Null for what is not JSON; then it may be YAML still, and the YAML parser says what is wrong with it.</summary>
    private static ConfigNode? ParseJson(string text, Action<SourcePosition, string> errors)
    {
        var found = new List<(SourcePosition, string)>();
        try
        {
            ConfigNode root = JsonNodeReader.Read(text, (place, message) => found.Add((place, message)));
            found.ForEach(e => errors(e.Item1, e.Item2));
            return root;
        }
        catch (JsonException)
        {
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
