using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace VSwitch.ControlPlane.State;

/// <summary>What documents and journal lines have in common: the version of their format, times, hashes.</summary>
internal static class StateText
{
    /// <summary>The version that this program writes, and the newest that it reads. The first line of a document, its
    /// <c>sha256</c> and the <c>check</c> of a journal line are the same in all versions, so that a newer one is told from a damaged one.</summary>
    public const int Format = 1;

    public const byte LineFeed = (byte)'\n';

    private const string TimeFormat = "yyyy-MM-ddTHH:mm:ss.fffZ";

    /// <summary>A half surrogate, which no configuration has, is an error rather than another text.</summary>
    public static UTF8Encoding Utf8 { get; } = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static string Time(DateTimeOffset time) => time.UtcDateTime.ToString(TimeFormat, CultureInfo.InvariantCulture);

    public static DateTimeOffset Time(string text) =>
        DateTimeOffset.ParseExact(text, TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal);

    public static string Hash(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>A newer format than this program knows.</summary>
    public static StateException Newer(string file, int format) => new(
        $"{file} was written by a newer version of vswitch (format {format}; this one reads {Format}): run that version, or another folder");
}
