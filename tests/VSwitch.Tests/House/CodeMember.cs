using System.Text.RegularExpressions;

namespace VSwitch.Tests.House;

/// <summary>A method, property or other member with a body.</summary>
/// <param name="Header">Its first words, on one line.</param>
/// <param name="Line">Line of its signature, from 1.</param>
/// <param name="LineCount">Lines from its signature to its end.</param>
internal sealed partial record CodeMember(string Header, int Line, int LineCount)
{
    /// <summary>The members of a scanned file, by its braces: what stands in a type and is neither a type nor a field.</summary>
    public static IEnumerable<CodeMember> Of(CodeText code)
    {
        string text = code.Blanked;
        int begin = 0;
        int inner = 0;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            bool isMemberEnd = false;
            if (c is '(' or '[')
            {
                inner++;
            }
            else if (c is ')' or ']')
            {
                inner--;
            }
            else if (c == '{' && inner == 0 && TypeHeader().IsMatch(HeaderOf(text[begin..i])))
            {
                begin = i + 1;
            }
            else if (c == '{')
            {
                inner++;
            }
            else if (c == '}' && inner == 0)
            {
                begin = i + 1;
            }
            else if (c == '}')
            {
                inner--;
                isMemberEnd = inner == 0 && !EndsAtSemicolon(HeaderOf(text[begin..i]));
            }
            else if (c == ';' && inner == 0)
            {
                isMemberEnd = true;
            }

            if (!isMemberEnd)
            {
                continue;
            }

            if (Measure(code, begin, i) is CodeMember member)
            {
                yield return member;
            }

            begin = i + 1;
        }
    }

    private static CodeMember? Measure(CodeText code, int begin, int end)
    {
        string text = code.Blanked[begin..end];
        string header = HeaderOf(text);
        bool isField = FieldAssignment().IsMatch(header);
        bool hasBody = text.Contains('{', StringComparison.Ordinal) || text.Contains("=>", StringComparison.Ordinal);
        if (isField || !hasBody || header.Length == 0)
        {
            return null;
        }

        int at = begin + text.IndexOf(header, StringComparison.Ordinal);
        int line = code.LineOf(at);
        string first = Regex.Replace(header.Split('{')[0], @"\s+", " ").Trim();
        return new CodeMember(first, line, code.LineOf(end) - line + 1);
    }

    /// <summary>A member's text without attributes and directives before it.</summary>
    private static string HeaderOf(string text)
    {
        string header = Directive().Replace(text, "").Trim();
        while (header.StartsWith('['))
        {
            int depth = 0;
            int end = 0;
            do
            {
                depth += header[end] == '[' ? 1 : header[end] == ']' ? -1 : 0;
                end++;
            }
            while (depth > 0 && end < header.Length);
            header = header[end..].TrimStart();
        }

        return header;
    }

    /// <summary>True for an expression body or an initializer: the member ends at its semicolon, not at a brace.</summary>
    private static bool EndsAtSemicolon(string header)
    {
        int parentheses = 0;
        for (int i = 0; i < header.Length && (header[i] != '{' || parentheses > 0); i++)
        {
            parentheses += header[i] == '(' ? 1 : header[i] == ')' ? -1 : 0;
            bool isComparison = header[i] == '=' &&
                ((i > 0 && header[i - 1] is ('=' or '!' or '<' or '>')) || (i + 1 < header.Length && header[i + 1] == '='));
            if (parentheses == 0 && header[i] == '=' && !isComparison)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The word comes before any parameter list or value: a constraint or a variable of that name is none.</summary>
    [GeneratedRegex(@"^[^=(]*\b(class|struct|interface|enum|namespace|record|extension)\s*\(?\s*(?!where\b)@?[A-Za-z_]")]
    private static partial Regex TypeHeader();

    /// <summary>An initializer before any parameter list: a field.</summary>
    [GeneratedRegex(@"^[^({=]*(?<![=!<>])=(?![=>])")]
    private static partial Regex FieldAssignment();

    [GeneratedRegex(@"^\s*#.*$", RegexOptions.Multiline)]
    private static partial Regex Directive();
}
