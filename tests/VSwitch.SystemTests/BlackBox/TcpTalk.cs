using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Wire;

namespace VSwitch.SystemTests.BlackBox;

/// <summary>A TCP connection written by hand, segment by segment, between two raw ports: sequence numbers are kept,
/// what arrives is compared.</summary>
internal sealed class TcpTalk
{
    private readonly Bench _bench;
    private readonly ushort _clientPort;
    private readonly ushort _serverPort;

    /// <param name="bench">The bench.</param>
    /// <param name="client">Who sends the first SYN.</param>
    /// <param name="server">Its peer.</param>
    /// <param name="clientPort">Client's port.</param>
    /// <param name="serverPort">Server's port.</param>
    /// <param name="clientSequence">Client's initial sequence number.</param>
    /// <param name="serverSequence">Server's initial sequence number.</param>
    public TcpTalk(Bench bench, BenchPort client, BenchPort server, ushort clientPort, ushort serverPort,
        uint clientSequence = 0, uint serverSequence = 0)
    {
        _bench = bench;
        Client = client;
        Server = server;
        _clientPort = clientPort;
        _serverPort = serverPort;
        ClientNext = clientSequence;
        ServerNext = serverSequence;
    }

    public BenchPort Client { get; }

    public BenchPort Server { get; }

    /// <summary>Next sequence number of the client.</summary>
    public uint ClientNext { get; set; }

    /// <summary>Next sequence number of the server.</summary>
    public uint ServerNext { get; set; }

    public ushort ClientWindow { get; set; } = 65535;

    public ushort ServerWindow { get; set; } = 65535;

    /// <summary>S, SA, A; all must pass.</summary>
    public TcpTalk Open()
    {
        FromClient(TcpBits.Syn);
        FromServer(TcpBits.Syn | TcpBits.Ack);
        FromClient(TcpBits.Ack);
        return this;
    }

    /// <summary>A segment of the client with the numbers that are due; it must pass.</summary>
    public void FromClient(TcpBits flags, int bytes = 0)
    {
        Arrives(Client, Server, Segment(true, flags, ClientNext, AckOf(flags, ServerNext), bytes));
        ClientNext += (uint)bytes + Width(flags);
    }

    /// <summary>A segment of the server with the numbers that are due; it must pass.</summary>
    public void FromServer(TcpBits flags, int bytes = 0)
    {
        Arrives(Server, Client, Segment(false, flags, ServerNext, AckOf(flags, ClientNext), bytes));
        ServerNext += (uint)bytes + Width(flags);
    }

    /// <summary>Data of both, each acknowledged; all must pass.</summary>
    public void Exchange(int bytes = 100)
    {
        FromClient(TcpBits.Psh | TcpBits.Ack, bytes);
        FromServer(TcpBits.Ack);
        FromServer(TcpBits.Psh | TcpBits.Ack, bytes);
        FromClient(TcpBits.Ack);
    }

    /// <summary>Any segment of the server, by its own numbers: it must pass.</summary>
    public void ServerPasses(TcpBits flags, uint sequence, uint acknowledgment, int bytes = 0) =>
        Arrives(Server, Client, Segment(false, flags, sequence, acknowledgment, bytes));

    /// <summary>Any segment of the client, by its own numbers: it must pass.</summary>
    public void ClientPasses(TcpBits flags, uint sequence, uint acknowledgment, int bytes = 0) =>
        Arrives(Client, Server, Segment(true, flags, sequence, acknowledgment, bytes));

    /// <summary>A segment of the client that must be dropped.</summary>
    public void ClientDropped(TcpBits flags, int bytes = 0, DropReason reason = DropReason.ConnectionInvalid) =>
        _bench.Drop(Client, Segment(true, flags, ClientNext, AckOf(flags, ServerNext), bytes), reason);

    /// <summary>A segment of the server that must be dropped.</summary>
    public void ServerDropped(TcpBits flags, int bytes = 0, DropReason reason = DropReason.ConnectionInvalid) =>
        _bench.Drop(Server, Segment(false, flags, ServerNext, AckOf(flags, ClientNext), bytes), reason);

    /// <summary>A segment of the server, by its own numbers, that must be dropped.</summary>
    public void ServerDroppedAt(TcpBits flags, uint sequence, uint acknowledgment) =>
        _bench.Drop(Server, Segment(false, flags, sequence, acknowledgment, 0), DropReason.ConnectionInvalid);

    /// <summary>A frame of one end, as that end sends it.</summary>
    public byte[] Segment(bool isClient, TcpBits flags, uint sequence, uint acknowledgment, int bytes)
    {
        (BenchPort from, BenchPort to) = isClient ? (Client, Server) : (Server, Client);
        (ushort source, ushort destination) = isClient ? (_clientPort, _serverPort) : (_serverPort, _clientPort);
        ushort window = isClient ? ClientWindow : ServerWindow;
        return Frames.Begin(from.To(to))
            .Tcp(source, destination, flags,
                t => t with { Sequence = sequence, Acknowledgment = acknowledgment, Window = window })
            .Payload(bytes).Build();
    }

    private void Arrives(BenchPort from, BenchPort to, byte[] frame)
    {
        FrameAddresses seen = from.At(to);
        bool isRouted = seen.SourceMac != from.Mac;
        byte[] arrived = _bench.Pass(from, frame, to,
            PacketAssert.Macs(seen.SourceMac, seen.DestinationMac),
            PacketAssert.Addresses(seen.Source, seen.Destination),
            PacketAssert.Ttl(isRouted ? 63 : 64));
        // Within a subnet not a bit may change; the router touches nothing behind the IP header.
        Xunit.Assert.Equal(Convert.ToHexString(frame[(isRouted ? 34 : 0)..]),
            Convert.ToHexString(arrived[(isRouted ? 34 : 0)..]));
    }

    private static uint AckOf(TcpBits flags, uint next) => (flags & TcpBits.Ack) != 0 ? next : 0;

    private static uint Width(TcpBits flags) => (flags & (TcpBits.Syn | TcpBits.Fin)) != 0 ? 1u : 0u;
}
