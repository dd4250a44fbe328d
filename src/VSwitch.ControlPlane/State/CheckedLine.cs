namespace VSwitch.ControlPlane.State;

/// <summary>A line of JSON that carries its own checksum as its last member: <c>…,"check":"16 hexadecimal digits"}</c>. Whether a line
/// is whole is known without understanding it, so a newer format is told from damage.</summary>
internal static class CheckedLine
{
    private const int CheckChars = 16;
    private const string CheckMark = ",\"check\":\"";

    /// <summary>The line of a JSON object, its end included.</summary>
    /// <param name="json">The object, in UTF-8, on one line.</param>
    public static byte[] Seal(byte[] json)
    {
        ReadOnlySpan<byte> content = json.AsSpan(..^1);
        return [.. content, .. StateText.Utf8.GetBytes($"{CheckMark}{StateText.Hash(content)[..CheckChars]}\"}}\n")];
    }

    /// <summary>True when a line without its end is as it was sealed.</summary>
    public static bool IsWhole(ReadOnlySpan<byte> line)
    {
        int mark = line.Length - CheckMark.Length - CheckChars - 2;
        return mark >= 0 && line[mark..].SequenceEqual(StateText.Utf8.GetBytes($"{CheckMark}{StateText.Hash(line[..mark])[..CheckChars]}\"}}"));
    }
}
