using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using VSwitch.Lab;

namespace VSwitch.Demo;

/// <summary>Small clients and servers of the demo, on sockets inside namespaces. Each gives what was seen, or null when nothing
/// came back in time.</summary>
internal static class DemoTraffic
{
    private const int PatienceMs = 700;
    private const int AnswerMs = 3000;
    private const int TransferBytes = 1 << 20;
    private const int Attempts = 3;

    /// <summary>ICMP echo by a raw socket.</summary>
    public static string? Ping(string ns, string target) => NamespaceThread.Run(ns, () =>
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Icmp) { ReceiveTimeout = PatienceMs };
        ushort id = (ushort)Random.Shared.Next(1, 65536);
        byte[] request = [8, 0, 0, 0, (byte)(id >> 8), (byte)id, 0, 1];
        int sum = 0x0800 + id + 1;
        sum = ~((sum & 0xFFFF) + (sum >> 16));
        (request[2], request[3]) = ((byte)(sum >> 8), (byte)sum);
        var clock = Stopwatch.StartNew();
        byte[] answer = new byte[1500];
        try
        {
            socket.SendTo(request, new IPEndPoint(IPAddress.Parse(target), 0));
            while (clock.ElapsedMilliseconds < PatienceMs)
            {
                int bytes = socket.Receive(answer);
                int at = (answer[0] & 15) * 4;
                if (bytes >= at + 8 && answer[at] == 0 && answer[at + 4] == request[4] && answer[at + 5] == request[5])
                {
                    return $"reply, TTL {answer[8]}, {clock.Elapsed.TotalMilliseconds:0.0} ms";
                }
            }
        }
        catch (SocketException)
        {
            return null;
        }

        return null;
    });

    /// <summary>Tries to connect; something that answers (also with a refusal) counts as seen.</summary>
    public static string? Connect(string ns, string target, int port) => NamespaceThread.Run(ns, () =>
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        IAsyncResult pending = socket.BeginConnect(IPAddress.Parse(target), port, null, null);
        return pending.AsyncWaitHandle.WaitOne(PatienceMs) ? "an answer" : null;
    });

    /// <summary>An HTTP download of 1 MiB from a server in another namespace, compared by its hash.</summary>
    public static string? Transfer(string clientNs, string target, string serverNs, int port)
    {
        byte[] content = RandomNumberGenerator.GetBytes(TransferBytes);
        using Socket listener = NamespaceThread.Run(serverNs, () =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            socket.Bind(new IPEndPoint(IPAddress.Any, port));
            socket.Listen(1);
            return socket;
        });
        Task<string> server = Task.Run(() => Serve(listener, content));
        byte[]? got = NamespaceThread.Run(clientNs, () => Download(target, port));
        if (got == null || !server.Wait(AnswerMs))
        {
            return null;
        }

        return got.AsSpan().SequenceEqual(content) ? $"1 MiB, hash equal; server saw {server.Result}" : null;
    }

    /// <summary>Sends a UDP packet from an address that the guest gave itself.</summary>
    public static string? Spoof(string ns, string device, string source, string target)
    {
        LabProcess.Ip("-n", ns, "addr", "add", $"{source}/32", "dev", device);
        NamespaceThread.Run(ns, () =>
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Bind(new IPEndPoint(IPAddress.Parse(source), 9));
            return socket.SendTo(new byte[8], new IPEndPoint(IPAddress.Parse(target), 9));
        });
        LabProcess.Ip("-n", ns, "addr", "delete", $"{source}/32", "dev", device);
        return null;
    }

    private static string Serve(Socket listener, byte[] content)
    {
        using Socket client = listener.Accept();
        byte[] request = new byte[4096];
        client.Receive(request);
        client.Send(System.Text.Encoding.ASCII.GetBytes($"HTTP/1.0 200 OK\r\nContent-Length: {content.Length}\r\n\r\n"));
        client.Send(content);
        client.Shutdown(SocketShutdown.Send);
        return ((IPEndPoint)client.RemoteEndPoint!).Address.ToString();
    }

    private static byte[]? Download(string target, int port)
    {
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = AnswerMs };
            IAsyncResult pending = socket.BeginConnect(IPAddress.Parse(target), port, null, null);
            if (!pending.AsyncWaitHandle.WaitOne(AnswerMs) || !socket.Connected)
            {
                continue;
            }

            socket.Send("GET / HTTP/1.0\r\n\r\n"u8);
            using var all = new MemoryStream();
            byte[] part = new byte[65536];
            for (int bytes = socket.Receive(part); bytes > 0; bytes = socket.Receive(part))
            {
                all.Write(part, 0, bytes);
            }

            byte[] response = all.ToArray();
            int body = response.AsSpan().IndexOf("\r\n\r\n"u8) + 4;
            return response[body..];
        }

        return null;
    }
}
