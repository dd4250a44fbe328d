using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace VSwitch.Testing;

/// <summary>Reads metrics as Prometheus does, from the format's page and not from the writer, and refuses what is wrong: names, HELP and
/// TYPE before samples, a family in one block, no sample twice, counters that end in _total, histograms that rise and end in
/// infinity, escapes.</summary>
public sealed partial class PrometheusText
{
    private readonly Dictionary<string, string> _types = new(StringComparer.Ordinal);
    private readonly Dictionary<string, double> _samples = new(StringComparer.Ordinal);
    private readonly bool _isOpen;
    private string _family = "";
    private string _help = "";

    private PrometheusText(bool isOpen) => _isOpen = isOpen;

    /// <summary>Types by family, as the text names it.</summary>
    public IReadOnlyDictionary<string, string> Types => _types;

    /// <summary>Values by sample: name, and labels sorted by name, as name{a="b",c="d"}.</summary>
    public IReadOnlyDictionary<string, double> Samples => _samples;

    /// <summary>Reads a text.</summary>
    /// <param name="text">The whole answer.</param>
    /// <param name="isOpen">True for OpenMetrics.</param>
    /// <exception cref="FormatException">It is wrong; with the line.</exception>
    public static PrometheusText Parse(string text, bool isOpen = false)
    {
        var read = new PrometheusText(isOpen);
        Require(text.EndsWith('\n') && !text.Contains('\r', StringComparison.Ordinal), text, "lines end with a line feed, the last one too");
        string[] lines = text[..^1].Split('\n');
        Require((lines[^1] == "# EOF") == isOpen, lines[^1], "OpenMetrics, and nothing else, ends with # EOF");
        foreach (string line in isOpen ? lines[..^1] : lines)
        {
            try
            {
                read.Take(line);
            }
            catch (Exception e) when (e is FormatException or ArgumentException)
            {
                throw new FormatException($"{e.Message}: {line}");
            }
        }

        read.CheckHistograms();
        return read;
    }

    /// <summary>Sum of all samples of a name whose labels hold a text.</summary>
    public double Sum(string name, string labels = "") => _samples
        .Where(s => (s.Key == name || s.Key.StartsWith(name + "{", StringComparison.Ordinal)) && s.Key.Contains(labels, StringComparison.Ordinal))
        .Sum(s => s.Value);

    /// <summary>Samples that must not fall and did, compared with a text read before.</summary>
    public IReadOnlyList<string> FallenSince(PrometheusText before) =>
        [.. before._samples.Where(s => IsCounted(s.Key) && _samples.TryGetValue(s.Key, out double now) && now < s.Value).Select(s => s.Key)];

    private bool IsCounted(string sample)
    {
        string name = sample.Split('{')[0];
        return FamilyOf(name) is { } family && _types[family] is "counter" or "histogram" or "summary";
    }

    private void Take(string line)
    {
        if (line.StartsWith("# HELP ", StringComparison.Ordinal))
        {
            string[] words = line.Split(' ', 4);
            Require(words.Length == 4 && words[3].Length > 0, line, "HELP has a sentence");
            Require(!_types.ContainsKey(words[2]), line, "a family stands in one block");
            _help = words[2];
        }
        else if (line.StartsWith("# TYPE ", StringComparison.Ordinal))
        {
            string[] words = line.Split(' ');
            Require(words.Length == 4 && words[2] == _help, line, "TYPE follows HELP of the same family");
            Require(Name().IsMatch(words[2]), line, "a name");
            Require(words[3] is "counter" or "gauge" or "histogram" or "summary", line, "a type");
            Require(words[3] != "counter" || _isOpen != words[2].EndsWith("_total", StringComparison.Ordinal), line, "the name of a counter");
            _types.Add(words[2], words[3]);
            _family = words[2];
        }
        else
        {
            Require(!line.StartsWith('#') && line.Length > 0, line, "HELP, TYPE or a sample");
            TakeSample(line);
        }
    }

    private void TakeSample(string line)
    {
        Match head = SampleHead().Match(line);
        Require(head.Success, line, "begins with a name");
        string name = head.Value;
        Require(FamilyOf(name) == _family, line, $"a sample of the family at hand, {_family}");
        Require(_types[_family] != "counter" || name.EndsWith("_total", StringComparison.Ordinal), line, "samples of a counter end in _total");
        int at = name.Length;
        var labels = new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (line[at] == '{')
        {
            at = TakeLabels(line, at + 1, labels);
        }

        Require(line[at] == ' ' && line.IndexOf(' ', at + 1) < 0, line, "one space, one value");
        string value = line[(at + 1)..];
        double number = value switch
        {
            "+Inf" => double.PositiveInfinity,
            "-Inf" => double.NegativeInfinity,
            _ => double.Parse(value, NumberStyles.Float, CultureInfo.InvariantCulture),
        };
        _samples.Add(KeyOf(name, labels), number);
    }

    private static int TakeLabels(string line, int at, SortedDictionary<string, string> labels)
    {
        while (line[at] != '}')
        {
            Match name = LabelHead().Match(line, at);
            Require(name.Success && name.Index == at, line, "a label's name, = and a quotation mark");
            at += name.Length;
            var value = new StringBuilder();
            for (; line[at] != '"'; at++)
            {
                char c = line[at];
                if (c == '\\')
                {
                    c = line[++at] switch { '\\' => '\\', '"' => '"', 'n' => '\n', _ => throw new FormatException("an escape") };
                }

                value.Append(c);
            }

            labels.Add(name.Value[..^2], value.ToString());
            at++;
            Require(line[at] is ',' or '}', line, "a comma or the end");
            at += line[at] == ',' ? 1 : 0;
        }

        return at + 1;
    }

    private string? FamilyOf(string sample)
    {
        foreach (string ending in (string[])["", "_total", "_bucket", "_sum", "_count"])
        {
            if (sample.EndsWith(ending, StringComparison.Ordinal) && _types.TryGetValue(sample[..^ending.Length], out string? type) &&
                (ending.Length == 0 || type == (ending == "_total" ? "counter" : ending == "_bucket" ? "histogram" : type)))
            {
                return sample[..^ending.Length];
            }
        }

        return null;
    }

    private void CheckHistograms()
    {
        foreach (string family in _types.Where(t => t.Value == "histogram").Select(t => t.Key))
        {
            var buckets = _samples.Where(s => s.Key.StartsWith(family + "_bucket{", StringComparison.Ordinal))
                .GroupBy(s => Limit().Replace(s.Key, ""));
            foreach (IGrouping<string, KeyValuePair<string, double>> histogram in buckets)
            {
                var rising = histogram.Select(b => (Limit: LimitOf(b.Key), b.Value)).ToList();
                Require(rising.Zip(rising.Skip(1)).All(p => p.First.Limit < p.Second.Limit && p.First.Value <= p.Second.Value), histogram.Key, "limits and counts rise");
                string labels = histogram.Key[(family.Length + "_bucket".Length)..].Replace("{,", "{", StringComparison.Ordinal).Replace("{}", "", StringComparison.Ordinal);
                Require(double.IsPositiveInfinity(rising[^1].Limit) && rising[^1].Value == _samples[family + "_count" + labels], histogram.Key, "the last one is the count");
                Require(_samples.ContainsKey(family + "_sum" + labels), histogram.Key, "there is a sum");
            }
        }
    }

    private static double LimitOf(string key)
    {
        string limit = Limit().Match(key).Groups[1].Value;
        return limit == "+Inf" ? double.PositiveInfinity : double.Parse(limit, NumberStyles.Float, CultureInfo.InvariantCulture);
    }

    private static string KeyOf(string name, SortedDictionary<string, string> labels) =>
        labels.Count == 0 ? name : $"{name}{{{string.Join(',', labels.Select(l => $"{l.Key}=\"{l.Value}\""))}}}";

    private static void Require(bool holds, string line, string what)
    {
        if (!holds)
        {
            throw new FormatException($"not so: {what} ({line})");
        }
    }

    [GeneratedRegex("^[a-zA-Z_:][a-zA-Z0-9_:]*$")]
    private static partial Regex Name();

    [GeneratedRegex("^[a-zA-Z_:][a-zA-Z0-9_:]*")]
    private static partial Regex SampleHead();

    [GeneratedRegex("""[a-zA-Z_][a-zA-Z0-9_]*=["]""")]
    private static partial Regex LabelHead();

    [GeneratedRegex(""",?le="([^"]*)"[,]?""")]
    private static partial Regex Limit();
}
