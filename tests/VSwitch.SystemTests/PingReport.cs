using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;

namespace VSwitch.SystemTests;

/// <summary>What ping says at its end.</summary>
internal static partial class PingReport
{
    /// <summary>Every request was answered but at most the last one, whose answer was under way when ping was interrupted.</summary>
    public static void AssertNothingLost(string said)
    {
        Match counts = Counts().Match(said);
        Assert.True(counts.Success, said);
        int sent = int.Parse(counts.Groups[1].Value, CultureInfo.InvariantCulture);
        int received = int.Parse(counts.Groups[2].Value, CultureInfo.InvariantCulture);
        Assert.True(sent > 1 && sent - received is 0 or 1, said);
    }

    [GeneratedRegex("([0-9]+) packets transmitted, ([0-9]+) received")]
    private static partial Regex Counts();
}
