using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace VSwitch.ControlPlane.State;

/// <summary>The wanted state: a configuration, which revision it is, and since when. As a file it is one JSON document; README.md beside
/// this file has the format.</summary>
/// <param name="Revision">Grows by one with each change, from 1.</param>
/// <param name="Time">When it was wanted, UTC, milliseconds.</param>
/// <param name="Text">The configuration as one JSON value; the store does not look inside.</param>
public sealed record StateDocument(long Revision, DateTimeOffset Time, string Text)
{
    private const string Opening = ",\"configuration\":";

    private static ReadOnlySpan<byte> Closing => "\n}\n"u8;

    /// <summary>SHA-256 of the configuration, hexadecimal; the journal names documents by it.</summary>
    public string Hash => StateText.Hash(StateText.Utf8.GetBytes(Text));

    /// <summary>The file. One copy: configurations may be megabytes, and garbage stops the workers.</summary>
    public byte[] ToBytes()
    {
        string head = $"{{\"format\":{StateText.Format},\"revision\":{Revision},\"time\":\"{StateText.Time(Time)}\"";
        int headBytes = StateText.Utf8.GetByteCount(head);
        int tailBytes = StateText.Utf8.GetByteCount(Tail(StateText.Hash([])));
        int textBytes = StateText.Utf8.GetByteCount(Text);
        byte[] file = new byte[headBytes + tailBytes + textBytes + Closing.Length];
        StateText.Utf8.GetBytes(head, file);
        Span<byte> text = file.AsSpan(headBytes + tailBytes, textBytes);
        StateText.Utf8.GetBytes(Text, text);
        StateText.Utf8.GetBytes(Tail(HashOf(file.AsSpan(0, headBytes), text)), file.AsSpan(headBytes));
        Closing.CopyTo(file.AsSpan(^Closing.Length..));
        return file;
    }

    /// <summary>Reads a file. Bytes that are not exactly what was written are no document.</summary>
    /// <returns>Null when it is damaged.</returns>
    /// <exception cref="StateException">It is whole, and of a newer format.</exception>
    public static StateDocument? Parse(string file, ReadOnlySpan<byte> bytes)
    {
        int line = bytes.IndexOf(StateText.LineFeed);
        if (line < 0 || !bytes[line..].EndsWith(Closing))
        {
            return null;
        }

        try
        {
            string head = StateText.Utf8.GetString(bytes[..line]);
            int mark = head.IndexOf(",\"sha256\":", StringComparison.Ordinal);
            if (mark < 0 || !head.EndsWith(Opening, StringComparison.Ordinal))
            {
                return null;
            }

            using JsonDocument fields = JsonDocument.Parse(head[..^Opening.Length] + "}");
            JsonElement root = fields.RootElement;
            ReadOnlySpan<byte> text = bytes[(line + 1)..^Closing.Length];
            if (HashOf(StateText.Utf8.GetBytes(head[..mark]), text) != root.GetProperty("sha256").GetString())
            {
                return null;
            }

            int format = root.GetProperty("format").GetInt32();
            return format > StateText.Format
                ? throw StateText.Newer(file, format)
                : new StateDocument(
                    root.GetProperty("revision").GetInt64(), StateText.Time(root.GetProperty("time").GetString()!), StateText.Utf8.GetString(text));
        }
        catch (Exception e) when (e is JsonException or DecoderFallbackException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            return null;
        }
    }

    private static string Tail(string hash) => $",\"sha256\":\"{hash}\"{Opening}\n";

    /// <summary>Over what stands before it, a line feed, and the configuration.</summary>
    private static string HashOf(ReadOnlySpan<byte> head, ReadOnlySpan<byte> text)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(head);
        hash.AppendData([StateText.LineFeed]);
        hash.AppendData(text);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
