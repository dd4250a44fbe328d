using System.Buffers.Binary;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace VSwitch.Bench;

/// <summary>UDP over TAPs, datagrams of 18 bytes (frames of 64 bytes on an Ethernet wire): the highest rate that arrives, and the
/// time there and back.</summary>
internal static partial class TapDatagrams
{
    private const int RatePort = 9000;
    private const int EchoPort = 9100;
    private const int PayloadBytes = 18;
    private const int Flows = 16;
    private const int BufferBytes = 8 << 20;
    private const int PaceUs = 50;
    private const int QuietMs = 20;
    private const int LostAfterMs = 200;
    private const int BisectionSteps = 7;
    private const int MostSamples = 1 << 20;
    private const double TrialSeconds = 0.2;
    private const double LossAllowed = 0.005;
    // A sender that did not reach the rate says nothing about the rate.
    private const double SentEnough = 0.97;

    /// <summary>Finds the highest rate of which at most 0.5 % is lost, by bisection in short trials below what the sender gives
    /// unpaced.</summary>
    /// <returns>Packets a second.</returns>
    public static double HighestRate(TapLab lab, CancellationToken stop)
    {
        using Socket server = TapTraffic.ServerSocket(lab, SocketType.Dgram, RatePort);
        server.ReceiveBufferSize = BufferBytes;
        Socket[] clients = [.. Enumerable.Range(0, Flows).Select(_ => TapTraffic.ClientSocket(lab, SocketType.Dgram))];
        var counter = new DatagramCounter(server);
        Thread receiver = TapTraffic.Serve("bench datagrams", counter.Run);
        try
        {
            foreach (Socket client in clients)
            {
                client.Connect(lab.Target, RatePort);
            }

            double above = RunTrial(clients, counter, rate: 0, stop).SentPerSecond;
            double below = 0;
            for (int i = 0; i < BisectionSteps && !stop.IsCancellationRequested; i++)
            {
                double middle = (below + above) / 2;
                (below, above) = Passes(clients, counter, middle, stop) ? (middle, above) : (below, middle);
            }

            return below;
        }
        finally
        {
            server.Dispose();
            receiver.Join();
            Array.ForEach(clients, c => c.Dispose());
        }
    }

    /// <summary>One datagram at a time to a server that sends it back.</summary>
    /// <returns>Median and 99th percentile, microseconds.</returns>
    /// <exception cref="IOException">None came back.</exception>
    public static (double P50, double P99) RoundTripUs(TapLab lab, double seconds, CancellationToken stop)
    {
        using Socket server = TapTraffic.ServerSocket(lab, SocketType.Dgram, EchoPort);
        using Socket client = TapTraffic.ClientSocket(lab, SocketType.Dgram);
        client.Connect(lab.Target, EchoPort);
        client.ReceiveTimeout = LostAfterMs;
        Thread echo = TapTraffic.Serve("bench echo", () => Echo(server));
        var samples = new List<double>(MostSamples);
        var clock = Stopwatch.StartNew();
        try
        {
            for (int number = 1; clock.Elapsed.TotalSeconds < seconds && number < MostSamples && !stop.IsCancellationRequested; number++)
            {
                long sentAt = Stopwatch.GetTimestamp();
                if (IsAnswered(client, number))
                {
                    samples.Add(Stopwatch.GetElapsedTime(sentAt).TotalMicroseconds);
                }
            }
        }
        finally
        {
            server.Dispose();
            echo.Join();
        }

        stop.ThrowIfCancellationRequested();
        if (samples.Count == 0)
        {
            throw new IOException($"no datagram came back from {lab.Target}");
        }

        samples.Sort();
        return (Percentiles.Of<double>(CollectionsMarshal.AsSpan(samples), 0.5), Percentiles.Of<double>(CollectionsMarshal.AsSpan(samples), 0.99));
    }

    /// <summary>Sends one and waits for it; the answer to one that was given up is passed over.</summary>
    private static bool IsAnswered(Socket client, int number)
    {
        Span<byte> payload = stackalloc byte[PayloadBytes];
        BinaryPrimitives.WriteInt32LittleEndian(payload, number);
        client.Send(payload);
        do
        {
            client.Receive(payload, SocketFlags.None, out SocketError error);
            if (error != SocketError.Success)
            {
                return false;
            }
        }
        while (BinaryPrimitives.ReadInt32LittleEndian(payload) != number);
        return true;
    }

    private static void Echo(Socket server)
    {
        byte[] payload = new byte[PayloadBytes];
        var from = new SocketAddress(AddressFamily.InterNetwork);
        while (true)
        {
            int bytes = server.ReceiveFrom(payload, SocketFlags.None, from);
            server.SendTo(payload.AsSpan(0, bytes), SocketFlags.None, from);
        }
    }

    /// <summary>A trial that failed is repeated once: a virtual machine that loses its processor for some milliseconds says nothing
    /// about the switch.</summary>
    private static bool Passes(Socket[] clients, DatagramCounter counter, double rate, CancellationToken stop)
    {
        for (int attempt = 0; attempt < 2 && !stop.IsCancellationRequested; attempt++)
        {
            (double sent, double loss) = RunTrial(clients, counter, rate, stop);
            if (sent >= rate * SentEnough && loss <= LossAllowed)
            {
                return true;
            }
        }

        return false;
    }

    /// <param name="clients">A socket a flow.</param>
    /// <param name="counter">The other end.</param>
    /// <param name="rate">Packets a second; 0 = as fast as it goes.</param>
    /// <param name="stop">Ends it early.</param>
    private static (double SentPerSecond, double Loss) RunTrial(Socket[] clients, DatagramCounter counter, double rate, CancellationToken stop)
    {
        byte[] payload = new byte[PayloadBytes];
        BinaryPrimitives.WriteInt32LittleEndian(payload, counter.BeginTrial());
        var clock = Stopwatch.StartNew();
        long sent = 0;
        for (double at = 0; at < TrialSeconds && !stop.IsCancellationRequested; at = clock.Elapsed.TotalSeconds)
        {
            // Sleeping, where a spin would take from the switch the processor that the two share.
            if (rate > 0 && (at * rate) - sent < 1)
            {
                _ = SleepUs(PaceUs);
                continue;
            }

            Socket client = clients[Random.Shared.Next(Flows)];
            long due = rate > 0 ? Math.Min(8, (long)(at * rate) - sent) : 8;
            for (long i = 0; i < due; i++)
            {
                client.Send(payload);
            }

            sent += due;
        }

        double took = clock.Elapsed.TotalSeconds;
        long received = WaitUntilQuiet(counter);
        return (sent / took, sent > 0 ? 1 - ((double)received / sent) : 1);
    }

    /// <summary>Until nothing has come for a while: the last datagrams are still on their way.</summary>
    private static long WaitUntilQuiet(DatagramCounter counter)
    {
        long seen;
        do
        {
            seen = counter.Received;
        }
        while (SpinWait.SpinUntil(() => counter.Received != seen, QuietMs));

        return seen;
    }

    [LibraryImport("libc", EntryPoint = "usleep")]
    private static partial int SleepUs(uint microseconds);

    /// <summary>The receiving end. It counts the datagrams of the trial at hand: what an earlier one left in a queue must not mend
    /// this one's loss.</summary>
    private sealed class DatagramCounter(Socket socket)
    {
        private long _received;
        private volatile int _trial;

        /// <summary>Datagrams of this trial so far.</summary>
        public long Received => Volatile.Read(ref _received);

        /// <summary>Begins the next trial; its number goes into every datagram.</summary>
        public int BeginTrial()
        {
            int trial = ++_trial;
            Volatile.Write(ref _received, 0);
            return trial;
        }

        /// <summary>Counts until the socket is closed. Where nothing comes for long it waits on: the sender may be busy elsewhere.</summary>
        public void Run()
        {
            socket.ReceiveTimeout = 0;
            byte[] payload = new byte[PayloadBytes];
            while (true)
            {
                if (socket.Receive(payload) == PayloadBytes && BinaryPrimitives.ReadInt32LittleEndian(payload) == _trial)
                {
                    Volatile.Write(ref _received, _received + 1);
                }
            }
        }
    }
}
