using System.Net;

namespace VSwitch.Api;

/// <summary>Where the API of a switch is: a Unix socket, or a loopback address with a port.</summary>
/// <param name="SocketPath">Full path of the Unix socket; null for TCP.</param>
/// <param name="EndPoint">Loopback address and port; null for a Unix socket.</param>
internal sealed record ApiAddress(string? SocketPath, IPEndPoint? EndPoint)
{
    /// <summary>The word that stands for no API at all.</summary>
    public const string None = "none";

    /// <summary>What sockaddr_un holds, without its closing zero byte (unix(7)).</summary>
    public const int LongestPathBytes = 107;

    private const string UnixScheme = "unix:";

    /// <summary>Parses <c>unix:PATH</c> or <c>http://127.0.0.1:PORT</c>.</summary>
    /// <exception cref="ArgumentException">It is neither; one line with the mend.</exception>
    public static ApiAddress Parse(string text)
    {
        if (text.StartsWith(UnixScheme, StringComparison.Ordinal))
        {
            string path = text[UnixScheme.Length..];
            if (path.Length == 0)
            {
                throw new ArgumentException($"--api {text}: no path; write unix:/run/vswitch/api.sock");
            }

            string full = Path.GetFullPath(path);
            return System.Text.Encoding.UTF8.GetByteCount(full) <= LongestPathBytes ? new ApiAddress(full, null)
                : throw new ArgumentException($"--api {text}: a socket's path has at most {LongestPathBytes} bytes; choose a shorter one");
        }

        if (!text.StartsWith("http://", StringComparison.Ordinal) || !Uri.TryCreate(text, UriKind.Absolute, out Uri? uri))
        {
            throw new ArgumentException($"--api {text}: write unix:PATH, http://127.0.0.1:PORT with --token-file FILE, or none");
        }

        if (uri.IsDefaultPort || uri.PathAndQuery != "/" || uri.UserInfo.Length > 0 || uri.Fragment.Length > 0)
        {
            throw new ArgumentException($"--api {text}: an address and a port and nothing else, like http://127.0.0.1:8080");
        }

        IPAddress? address = uri.Host == "localhost" ? IPAddress.Loopback : IPAddress.TryParse(uri.Host, out IPAddress? a) ? a : null;
        return address != null && IPAddress.IsLoopback(address) && uri.Port > 0 ? new ApiAddress(null, new IPEndPoint(address, uri.Port))
            : throw new ArgumentException($"--api {text}: only this machine's own addresses, 127.0.0.1 or [::1]; for others put a proxy with TLS in front");
    }

    /// <summary>Where it is unless <c>--api</c> says so: /run/vswitch/api.sock for root, else vswitch.sock in the user's runtime folder; null
    /// where there is no such folder.</summary>
    public static ApiAddress? Default() => Default(Environment.IsPrivilegedProcess, Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR"));

    /// <summary>The default for a user.</summary>
    internal static ApiAddress? Default(bool isRoot, string? runtimeFolder)
    {
        string? path = isRoot ? "/run/vswitch/api.sock"
            : string.IsNullOrEmpty(runtimeFolder) ? null
            : Path.GetFullPath(Path.Combine(runtimeFolder, "vswitch.sock"));
        return path == null || System.Text.Encoding.UTF8.GetByteCount(path) > LongestPathBytes ? null : new ApiAddress(path, null);
    }

    /// <summary>As <c>--api</c> takes it.</summary>
    public override string ToString() => SocketPath != null ? UnixScheme + SocketPath : $"http://{EndPoint}";
}
