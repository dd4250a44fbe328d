using System.Text.RegularExpressions;

namespace VSwitch.Tests.House;

/// <summary>A comment of a C# file.</summary>
/// <param name="Line">Its line, from 1.</param>
/// <param name="Text">One line of it, without its marks and outer spaces.</param>
/// <param name="IsDocumentation">True for <c>///</c>.</param>
internal sealed record CodeComment(int Line, string Text, bool IsDocumentation);

/// <summary>A C# file taken apart just far enough for the rules of the house: comments, and code whose comments and literals are
/// blanked with every position and line kept. Not a parser: it knows how literals and comments begin and end, nothing more.</summary>
internal sealed class CodeText
{
    private readonly char[] _blanked;
    private readonly List<CodeComment> _comments = [];
    private readonly string _source;
    private int _at;
    private int _line = 1;

    private CodeText(string source)
    {
        _source = source;
        _blanked = source.ToCharArray();
    }

    /// <summary>The file as it is.</summary>
    public string Source => _source;

    /// <summary>The file, with spaces in place of comments and of what literals hold.</summary>
    public string Blanked { get; private set; } = "";

    /// <summary>All comments, one entry a line.</summary>
    public IReadOnlyList<CodeComment> Comments => _comments;

    /// <summary>Lines of the file.</summary>
    public int LineCount => _source.Length == 0 ? 0 : _source.Count(c => c == '\n') + (_source[^1] == '\n' ? 0 : 1);

    /// <summary>Takes a file apart.</summary>
    public static CodeText Scan(string source)
    {
        var text = new CodeText(source);
        text.ScanCode(untilHoleEnds: 0);
        text.Blanked = new string(text._blanked);
        return text;
    }

    /// <summary>The line of a position, from 1.</summary>
    public int LineOf(int position) => _source.AsSpan(0, position).Count('\n') + 1;

    private bool Starts(string with) => string.CompareOrdinal(_source, _at, with, 0, with.Length) == 0;

    /// <summary>Code, to the end of the file, or (in a hole of an interpolated string) to that many closing braces.</summary>
    private void ScanCode(int untilHoleEnds)
    {
        int depth = 0;
        while (_at < _source.Length)
        {
            char c = _source[_at];
            if (untilHoleEnds > 0 && c == '}' && depth == 0)
            {
                Blank(untilHoleEnds);
                return;
            }

            if (Starts("//"))
            {
                ScanLineComment();
            }
            else if (Starts("/*"))
            {
                ScanBlockComment();
            }
            else if (c == '\'')
            {
                ScanCharacter();
            }
            else if (!TryScanString())
            {
                depth += c == '{' ? 1 : c == '}' ? -1 : 0;
                Step(untilHoleEnds > 0);
            }
        }
    }

    private void ScanLineComment()
    {
        int end = _source.IndexOf('\n', _at);
        end = end < 0 ? _source.Length : end;
        string text = _source[_at..end];
        bool isDocumentation = text.StartsWith("///", StringComparison.Ordinal) && !text.StartsWith("////", StringComparison.Ordinal);
        _comments.Add(new CodeComment(_line, text.TrimStart('/').Trim(), isDocumentation));
        Blank(end - _at);
    }

    private void ScanBlockComment()
    {
        int end = _source.IndexOf("*/", _at + 2, StringComparison.Ordinal);
        end = end < 0 ? _source.Length : end + 2;
        int line = _line;
        foreach (string text in _source[_at..end].Split('\n'))
        {
            _comments.Add(new CodeComment(line++, text.Trim().Trim('/', '*').Trim(), IsDocumentation: false));
        }

        Blank(end - _at);
    }

    private void ScanCharacter()
    {
        Step();
        while (_at < _source.Length && _source[_at] is not ('\'' or '\n'))
        {
            Blank(_source[_at] == '\\' ? 2 : 1);
        }

        Step();
    }

    private bool TryScanString()
    {
        int at = _at;
        int dollars = 0;
        bool isVerbatim = false;
        for (; at < _source.Length && _source[at] is '$' or '@'; at++)
        {
            dollars += _source[at] == '$' ? 1 : 0;
            isVerbatim |= _source[at] == '@';
        }

        int quotes = 0;
        while (at + quotes < _source.Length && _source[at + quotes] == '"')
        {
            quotes++;
        }

        if (quotes == 0)
        {
            return false;
        }

        bool isRaw = quotes >= 3 && !isVerbatim;
        // Two quotes are an empty string; in a verbatim one more may follow as content, which the scan of the content sees.
        int open = isRaw ? quotes : 1;
        Blank(at - _at + open);
        ScanContent(isRaw ? new string('"', quotes) : "\"", dollars, isVerbatim, isRaw);
        return true;
    }

    private void ScanContent(string close, int dollars, bool isVerbatim, bool isRaw)
    {
        string hole = new('{', Math.Max(1, dollars));
        while (_at < _source.Length)
        {
            if (Starts(close))
            {
                if (isVerbatim && Starts("\"\""))
                {
                    Blank(2);
                    continue;
                }

                Blank(close.Length);
                return;
            }

            if (dollars > 0 && Starts(hole) && !(!isRaw && Starts("{{")))
            {
                Blank(hole.Length);
                ScanCode(isRaw ? dollars : 1);
                continue;
            }

            bool isEscape = !isVerbatim && !isRaw && _source[_at] == '\\';
            bool isDouble = dollars > 0 && !isRaw && (Starts("{{") || Starts("}}"));
            Blank(isEscape || isDouble ? 2 : 1);
        }
    }

    private void Step(bool blank = false)
    {
        if (_at >= _source.Length)
        {
            return;
        }

        if (_source[_at] == '\n')
        {
            _line++;
        }
        else if (blank)
        {
            _blanked[_at] = ' ';
        }

        _at++;
    }

    private void Blank(int count)
    {
        for (int i = 0; i < count; i++)
        {
            Step(blank: true);
        }
    }
}
