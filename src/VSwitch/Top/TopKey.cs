using System.Text;

namespace VSwitch.Top;

/// <summary>Kinds of keys.</summary>
internal enum TopKeyKind
{
    /// <summary>One without meaning here.</summary>
    None,

    /// <summary>A character.</summary>
    Character,

    /// <summary>Arrow up.</summary>
    Up,

    /// <summary>Arrow down.</summary>
    Down,

    /// <summary>A page up.</summary>
    PageUp,

    /// <summary>A page down.</summary>
    PageDown,

    /// <summary>To the begin.</summary>
    Home,

    /// <summary>To the end.</summary>
    End,

    /// <summary>Tabulator.</summary>
    Tab,

    /// <summary>Tabulator with shift.</summary>
    BackTab,

    /// <summary>Enter.</summary>
    Enter,

    /// <summary>Escape.</summary>
    Escape,

    /// <summary>Takes the last character back.</summary>
    Backspace,

    /// <summary>Takes all characters back (Ctrl-U).</summary>
    Clear,
}

/// <summary>A key.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Character">The UTF-16 unit of a character.</param>
internal readonly record struct TopKey(TopKeyKind Kind, char Character = default)
{
    private const byte EscapeByte = 0x1B;

    /// <summary>The keys in what one read of a terminal gave (ECMA-48 control sequences as xterm sends them). A lone escape byte at its
    /// end is the key.</summary>
    public static IReadOnlyList<TopKey> Decode(ReadOnlySpan<byte> bytes)
    {
        var keys = new List<TopKey>();
        while (bytes.Length > 0)
        {
            int used = bytes[0] == EscapeByte ? DecodeEscape(bytes, keys) : DecodePlain(bytes, keys);
            bytes = bytes[used..];
        }

        return keys;
    }

    private static int DecodePlain(ReadOnlySpan<byte> bytes, List<TopKey> keys)
    {
        TopKeyKind kind = bytes[0] switch
        {
            (byte)'\t' => TopKeyKind.Tab,
            (byte)'\r' or (byte)'\n' => TopKeyKind.Enter,
            0x7F or 0x08 => TopKeyKind.Backspace,
            0x15 => TopKeyKind.Clear,
            < 0x20 => TopKeyKind.None,
            _ => TopKeyKind.Character,
        };
        if (kind != TopKeyKind.Character)
        {
            keys.Add(new TopKey(kind));
            return 1;
        }

        _ = Rune.DecodeFromUtf8(bytes, out Rune rune, out int used);
        Span<char> units = stackalloc char[2];
        foreach (char unit in units[..rune.EncodeToUtf16(units)])
        {
            keys.Add(new TopKey(TopKeyKind.Character, unit));
        }

        return used;
    }

    /// <summary>ESC [ parameters letter, or ESC O letter.</summary>
    private static int DecodeEscape(ReadOnlySpan<byte> bytes, List<TopKey> keys)
    {
        if (bytes.Length < 3 || bytes[1] is not ((byte)'[' or (byte)'O'))
        {
            keys.Add(new TopKey(TopKeyKind.Escape));
            return 1;
        }

        int end = 2;
        while (end < bytes.Length - 1 && bytes[end] is >= 0x20 and < 0x40)
        {
            end++;
        }

        ReadOnlySpan<byte> parameters = bytes[2..end];
        TopKeyKind kind = (char)bytes[end] switch
        {
            'A' => TopKeyKind.Up,
            'B' => TopKeyKind.Down,
            'H' => TopKeyKind.Home,
            'F' => TopKeyKind.End,
            'Z' => TopKeyKind.BackTab,
            '~' when parameters.SequenceEqual("5"u8) => TopKeyKind.PageUp,
            '~' when parameters.SequenceEqual("6"u8) => TopKeyKind.PageDown,
            '~' when parameters.SequenceEqual("1"u8) || parameters.SequenceEqual("7"u8) => TopKeyKind.Home,
            '~' when parameters.SequenceEqual("4"u8) || parameters.SequenceEqual("8"u8) => TopKeyKind.End,
            _ => TopKeyKind.None,
        };
        keys.Add(new TopKey(kind));
        return end + 1;
    }
}
