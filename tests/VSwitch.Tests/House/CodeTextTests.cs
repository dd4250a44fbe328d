using System.Text.RegularExpressions;
using Xunit;

namespace VSwitch.Tests.House;

/// <summary>The scanner that judges the house is judged itself.</summary>
public class CodeTextTests
{
    [Theory]
    [InlineData("int a; // b;", "int a; ")]
    [InlineData("x = \"// {\" + 'c' + '{';", "x = + ' ' + ' ';")]
    [InlineData("x = @\"\\\" + \"}\";", "x = + ;")]
    [InlineData("x = @\"a\"\"}\" + 1;", "x = + 1;")]
    [InlineData("x = $\"{a[\"}\"]}}}{{\" + 1;", "x = + 1;")]
    [InlineData("x = $\"{(b ? \"{\" : \"}\")}\";", "x = ;")]
    [InlineData("a /* { \n } */ b", "a \n b")]
    [InlineData("x = \"\"\"a \" { b\"\"\";", "x = ;")]
    [InlineData("x = $$\"\"\"{ {{ {y} }} \"\"\";", "x = ;")]
    [InlineData("x = '\\'' + '\"' + 1;", "x = ' ' + ' ' + 1;")]
    public void Comments_and_literals_are_blanked_in_place(string source, string blanked)
    {
        string seen = CodeText.Scan(source).Blanked;
        Assert.Equal(source.Length, seen.Length);
        Assert.Equal(blanked, Regex.Replace(seen, " +", " "));
    }

    [Fact]
    public void Comments_keep_their_lines_and_kinds()
    {
        IReadOnlyList<CodeComment> comments = CodeText.Scan("/// <summary>A</summary>\nint a; // why\n/* b\n c; */\n").Comments;
        Assert.Equal(
            [new(1, "<summary>A</summary>", true), new(2, "why", false), new(3, "b", false), new(4, "c;", false)], comments);
    }

    [Fact]
    public void Members_are_measured_from_signature_to_end()
    {
        const string Source = """
            namespace A;

            [Some(B = 1)]
            public sealed record R<T>(int X) where T : struct
            {
                private static readonly int[] Table = [1,
                    2];

                private readonly D _d = new() { { 1, 2 },
                    { 3, 4 } };

                [Other]
                public void M<TTracer>(int a = 5)
                    where TTracer : struct, I
                {
                    if (a == 3) { F(b => { return b; }); }
                }

                public int P { get; set; } = 7;

                public string S(int record) => record switch
                {
                    1 => "{",
                    _ => "}",
                };

                public static bool operator ==(R a, R b)
                {
                    return true;
                }

                private struct Inner
                {
                    public int Value() => 1;
                }
            }
            """;
        Assert.Equal(
            [
                ("public void M<TTracer>(int a = 5) where TTracer : struct, I", 13, 5),
                ("public int P", 19, 1),
                ("public string S(int record) => record switch", 21, 5),
                ("public static bool operator ==(R a, R b)", 27, 4),
                ("public int Value() => 1", 34, 1),
            ],
            CodeMember.Of(CodeText.Scan(Source)).Select(m => (m.Header, m.Line, m.LineCount)));
    }
}
