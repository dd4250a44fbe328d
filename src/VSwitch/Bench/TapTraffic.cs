using System.Net;
using System.Net.Sockets;
using VSwitch.Lab;

namespace VSwitch.Bench;

/// <summary>What the traffic over TAPs shares: sockets at both ends of a <see cref="TapLab"/>, and threads that drive them.
/// A socket stays in the namespace that it was made in, whichever thread uses it.</summary>
internal static class TapTraffic
{
    /// <summary>How long anything may wait for its peer: a switch that lets nothing through must not hang the run.</summary>
    public const int PatienceMs = 2000;

    /// <summary>A socket of the client.</summary>
    public static Socket ClientSocket(TapLab lab, SocketType type) =>
        NamespaceThread.Run(lab.ClientNamespace, () => Make(type));

    /// <summary>A socket of the server, bound to a port; a TCP one listens.</summary>
    public static Socket ServerSocket(TapLab lab, SocketType type, int port) => NamespaceThread.Run(lab.ServerNamespace, () =>
    {
        Socket socket = Make(type);
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        socket.Bind(new IPEndPoint(IPAddress.Any, port));
        if (type == SocketType.Stream)
        {
            socket.Listen(backlog: 4096);
        }

        return socket;
    });

    /// <summary>A socket that waits no longer than <see cref="PatienceMs"/> for anything.</summary>
    public static Socket Make(SocketType type) =>
        new(AddressFamily.InterNetwork, type, type == SocketType.Stream ? ProtocolType.Tcp : ProtocolType.Udp)
        {
            SendTimeout = PatienceMs,
            ReceiveTimeout = PatienceMs,
        };

    /// <summary>Starts a server's loop, which ends when its socket is closed.</summary>
    public static Thread Serve(string name, Action loop)
    {
        var thread = new Thread(() =>
        {
            try
            {
                loop();
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // Closed under it, as meant; or the client stopped coming, which the client's figure shows.
                return;
            }
        })
        {
            Name = name,
            IsBackground = true,
        };
        thread.Start();
        return thread;
    }
}
