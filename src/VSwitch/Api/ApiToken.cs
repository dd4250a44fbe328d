using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace VSwitch.Api;

/// <summary>The bearer token of an API on TCP. Only its hash is kept, and hashes are compared in constant time: neither its length nor
/// its beginning can be found out by the time an answer takes.</summary>
internal sealed class ApiToken
{
    /// <summary>Characters at least.</summary>
    public const int MinLength = 16;

    private const int MaxFileBytes = 4096;
    private const UnixFileMode ForOthers = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
    private readonly byte[] _hash;

    /// <summary>Takes a token.</summary>
    public ApiToken(string token) => _hash = Hash(token);

    /// <summary>True when an Authorization header carries the token.</summary>
    public bool Admits(string? authorization)
    {
        const string Scheme = "Bearer ";
        bool hasScheme = authorization?.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) == true;
        return CryptographicOperations.FixedTimeEquals(Hash(hasScheme ? authorization![Scheme.Length..].Trim() : ""), _hash) && hasScheme;
    }

    /// <summary>Reads a token's file: one line, for its owner's eyes only.</summary>
    /// <exception cref="IOException">It is missing, empty, too short, or others may read it; one line with the mend.</exception>
    public static string Read(string file)
    {
        Debug.Assert(!OperatingSystem.IsWindows(), "the switch runs on Linux");
        if (!File.Exists(file))
        {
            throw new IOException($"token file {file} does not exist; make it: (umask 077; openssl rand -hex 32 >{file})");
        }

        using FileStream stream = File.OpenRead(file);
        if ((File.GetUnixFileMode(stream.SafeFileHandle) & ForOthers) != 0)
        {
            throw new IOException($"token file {file} can be read or written by others; mend it: chmod 600 {file}");
        }

        if (stream.Length > MaxFileBytes)
        {
            throw new IOException($"token file {file} has more than {MaxFileBytes} bytes; it holds one line with the token");
        }

        using var reader = new StreamReader(stream);
        string token = reader.ReadToEnd().Trim();
        return token.Length < MinLength
            ? throw new IOException(token.Length == 0 ? $"token file {file} is empty" : $"the token in {file} has fewer than {MinLength} characters")
            : token.Any(c => c is <= ' ' or > '~')
                ? throw new IOException($"token file {file} holds more than one word of ASCII; it holds one line with the token")
                : token;
    }

    private static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));
}
