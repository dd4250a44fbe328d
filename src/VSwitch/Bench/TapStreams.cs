using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using VSwitch.Lab;

namespace VSwitch.Bench;

/// <summary>TCP over TAPs: how fast one stream is, and how many connections a second are opened and closed.</summary>
internal static class TapStreams
{
    private const int StreamPort = TapLab.FirstPort;
    private const int FirstConnectionPort = 9200;
    private const int ConnectionPorts = 4;
    private const int Clients = 16;
    private const int CallBytes = 128 << 10;

    /// <summary>One stream as fast as it goes, in calls of 128 KiB.</summary>
    /// <returns>What the server's program received, Gbit/s.</returns>
    /// <exception cref="SocketException">Nothing gets through.</exception>
    public static double GigabitsPerSecond(TapLab lab, double seconds, CancellationToken stop)
    {
        using Socket listener = TapTraffic.ServerSocket(lab, SocketType.Stream, StreamPort);
        long received = 0;
        long firstAt = 0;
        long lastAt = 0;
        Thread server = TapTraffic.Serve("bench stream", () =>
        {
            using Socket socket = listener.Accept();
            byte[] into = new byte[CallBytes];
            for (int bytes = socket.Receive(into); bytes > 0; bytes = socket.Receive(into))
            {
                lastAt = Stopwatch.GetTimestamp();
                firstAt = received == 0 ? lastAt : firstAt;
                received += bytes;
            }
        });
        using (Socket client = TapTraffic.ClientSocket(lab, SocketType.Stream))
        {
            client.Connect(IPAddress.Parse(lab.Target), StreamPort);
            byte[] data = new byte[CallBytes];
            var clock = Stopwatch.StartNew();
            while (clock.Elapsed.TotalSeconds < seconds && !stop.IsCancellationRequested)
            {
                client.Send(data);
            }
        }

        server.Join();
        double took = Stopwatch.GetElapsedTime(firstAt, lastAt).TotalSeconds;
        return took > 0 ? received * 8 / took / 1e9 : 0;
    }

    /// <summary>Clients that connect, read the end and close, beside a server that accepts and closes at once.</summary>
    /// <returns>Connections a second.</returns>
    public static double ConnectionsPerSecond(TapLab lab, double seconds, CancellationToken stop)
    {
        Socket[] listeners =
        [
            .. Enumerable.Range(FirstConnectionPort, ConnectionPorts).Select(p => TapTraffic.ServerSocket(lab, SocketType.Stream, p)),
        ];
        List<Thread> servers = [.. listeners.Select(l => TapTraffic.Serve("bench accept", () => AcceptAll(l)))];
        var clock = Stopwatch.StartNew();
        var clients = new Task<long>[Clients];
        for (int i = 0; i < Clients; i++)
        {
            int number = i;
            clients[i] = Task.Factory.StartNew(
                () => NamespaceThread.Run(lab.ClientNamespace, () => ConnectAll(lab.Target, number, clock, seconds, stop)),
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        }

        long connections = clients.Sum(c => c.Result);
        double took = clock.Elapsed.TotalSeconds;
        foreach (Socket listener in listeners)
        {
            listener.Dispose();
        }

        servers.ForEach(s => s.Join());
        return connections / took;
    }

    private static void AcceptAll(Socket listener)
    {
        while (true)
        {
            listener.Accept().Dispose();
        }
    }

    private static long ConnectAll(string target, int number, Stopwatch clock, double seconds, CancellationToken stop)
    {
        IPAddress address = IPAddress.Parse(target);
        byte[] into = new byte[1];
        long connections = 0;
        for (int next = number; clock.Elapsed.TotalSeconds < seconds && !stop.IsCancellationRequested; next++)
        {
            using Socket socket = TapTraffic.Make(SocketType.Stream);
            try
            {
                socket.Connect(address, FirstConnectionPort + (next % ConnectionPorts));
                connections += socket.Receive(into) == 0 ? 1 : 0;
            }
            catch (SocketException)
            {
                // A connection that failed is not counted, which is what it has to say.
                continue;
            }
        }

        return connections;
    }
}
