using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;

namespace VSwitch.Api;

/// <summary>The API's socket, listening before the switch opens its first device: what cannot be had is said before anything was done.
/// Who connects before the server is there waits.</summary>
internal sealed class ApiListener : IDisposable
{
    private const int Backlog = 128;
    private const int AnswerLimitMs = 1000;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private ApiListener(ApiAddress address, Socket socket, ApiToken? token)
    {
        Address = address;
        Socket = socket;
        Token = token;
    }

    /// <summary>Where it is; of port 0 the port that it got.</summary>
    public ApiAddress Address { get; }

    /// <summary>The socket; the server takes it over.</summary>
    public Socket Socket { get; }

    /// <summary>What a client must show; null on a Unix socket, where the file's mode decides.</summary>
    public ApiToken? Token { get; }

    /// <summary>Opens the socket.</summary>
    /// <exception cref="IOException">It cannot be had; one line that says why.</exception>
    /// <exception cref="ArgumentException">A token file is missing, or goes with no TCP.</exception>
    public static ApiListener Open(ApiAddress address, string? tokenFile)
    {
        if ((address.SocketPath == null) != (tokenFile != null))
        {
            throw new ArgumentException(tokenFile == null
                ? $"--api {address} needs --token-file FILE: others on this machine can connect to it"
                : "--token-file goes with --api http://127.0.0.1:PORT; a Unix socket is its owner's alone");
        }

        ApiToken? token = tokenFile == null ? null : new ApiToken(ApiToken.Read(tokenFile));
        try
        {
            Socket socket = address.SocketPath is string path ? BindUnix(address, path) : BindTcp(address.EndPoint!);
            ApiAddress bound = socket.LocalEndPoint is IPEndPoint own ? address with { EndPoint = own } : address;
            return new ApiListener(bound, socket, token);
        }
        catch (Exception e) when (e is SocketException or UnauthorizedAccessException)
        {
            throw new IOException($"the API cannot listen at {address}: {e.Message}; choose another place with --api", e);
        }
    }

    /// <summary>Closes it, which removes a Unix socket's file.</summary>
    public void Dispose() => Socket.Dispose();

    private static Socket BindTcp(IPEndPoint endPoint)
    {
        var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(endPoint);
            socket.Listen(Backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static Socket BindUnix(ApiAddress address, string path)
    {
        Debug.Assert(!OperatingSystem.IsWindows(), "the switch runs on Linux");
        if (Path.GetDirectoryName(path) is string folder && !Directory.Exists(folder))
        {
            Directory.CreateDirectory(folder, OwnerOnly | UnixFileMode.UserExecute);
        }

        RemoveStale(address, path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            // The file gets the mode that the socket has when it is bound (Linux, unix_bind): there is no moment in which others may connect.
            using (var handle = new SafeFileHandle(socket.Handle, ownsHandle: false))
            {
                File.SetUnixFileMode(handle, OwnerOnly);
            }

            socket.Bind(new UnixDomainSocketEndPoint(path));
            socket.Listen(Backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Removes the socket of a process that died.</summary>
    /// <exception cref="IOException">Someone answers there, or it is no socket.</exception>
    private static void RemoveStale(ApiAddress address, string path)
    {
        if (!Path.Exists(path))
        {
            return;
        }

        if (!IsSocket(path))
        {
            throw new IOException($"{path} is there and is no socket; remove it, or choose another place with --api");
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        using var limit = new CancellationTokenSource(AnswerLimitMs);
        try
        {
            probe.ConnectAsync(new UnixDomainSocketEndPoint(path), limit.Token).AsTask().GetAwaiter().GetResult();
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            File.Delete(path);
            return;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressNotAvailable || !Path.Exists(path))
        {
            // Gone in the meantime.
            return;
        }
        catch (OperationCanceledException)
        {
            // Someone listens and is too busy to answer.
        }

        throw new IOException($"another switch answers at {address}; end it, or choose another place with --api");
    }

    /// <summary>Of what is no folder, only a socket cannot be opened as a file (ENXIO). A pipe opened for both ways does not block.</summary>
    private static bool IsSocket(string path)
    {
        if (Directory.Exists(path))
        {
            return false;
        }

        try
        {
            using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
            return false;
        }
        catch (IOException)
        {
            return true;
        }
        catch (UnauthorizedAccessException)
        {
            // Another user's: connecting says so.
            return true;
        }
    }
}
