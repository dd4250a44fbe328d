using System.Diagnostics;
using System.Numerics;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Nat;

/// <summary>The public ports of one EIP: for each protocol a bit a port that says whether it is taken, and who has it. Any worker claims
/// and frees ports by compare-and-swap; what a port stands for is one word, so that a packet from outside reads it without a lock.
/// Ports here are in host order.</summary>
public sealed unsafe class NatPool : IDisposable
{
    /// <summary>TCP, UDP and the identifiers of ICMP queries.</summary>
    public const int KindCount = 3;

    /// <summary>Ports of a protocol, 0 included.</summary>
    public const int PortCount = 65536;

    private const int FirstHighPort = 1024;
    private const int LastPort = PortCount - 1;
    private const int WordBits = 64;
    private const int WordsPerKind = PortCount / WordBits;
    private const ulong EvenPorts = 0x5555_5555_5555_5555;
    private readonly HugeMemory _mappingMemory;
    private readonly HugeMemory _bitMemory;
    private readonly NatMapping* _mappings;
    private readonly ulong* _taken;
    private readonly int[] _inUse = new int[KindCount];
    private int _connections;
    private long _portsRefused;
    private long _connectionsRefused;

    /// <summary>Makes a pool whose ports are all free; 3 MiB, of which the system gives what is touched.</summary>
    public NatPool()
    {
        _mappingMemory = new HugeMemory((nuint)KindCount * PortCount * (nuint)sizeof(NatMapping));
        _bitMemory = new HugeMemory((nuint)KindCount * WordsPerKind * sizeof(ulong));
        _mappings = (NatMapping*)_mappingMemory.Address;
        _taken = (ulong*)_bitMemory.Address;
    }

    /// <summary>Connections that go out by it.</summary>
    public int ConnectionCount => Volatile.Read(ref _connections);

    /// <summary>Connections that found no free port, and began to look here.</summary>
    public long PortsRefused => Volatile.Read(ref _portsRefused);

    /// <summary>Connections over the gateway's number of connections that would have begun to look here.</summary>
    public long ConnectionsRefused => Volatile.Read(ref _connectionsRefused);

    /// <summary>Ports in use of a kind (<see cref="NatTable.KindOf"/>).</summary>
    public int InUse(int kind) => Volatile.Read(ref _inUse[kind]);

    /// <inheritdoc/>
    public void Dispose()
    {
        _mappingMemory.Dispose();
        _bitMemory.Dispose();
    }

    /// <summary>What a port stands for.</summary>
    internal NatMapping* At(int kind, int port) => _mappings + (kind * PortCount) + port;

    internal int AddConnections(int count) => Interlocked.Add(ref _connections, count);

    internal void CountRefusal(bool isOfPorts)
    {
        if (isOfPorts)
        {
            Interlocked.Increment(ref _portsRefused);
        }
        else
        {
            Interlocked.Increment(ref _connectionsRefused);
        }
    }

    /// <summary>Claims a port: the wanted one; else the next free one above it of the same parity, from the end of the range on from its
    /// beginning (RFC 4787 REQ-4); else of the other parity. The ranges are 1 to 1023 and 1024 to 65535 (REQ-3); a full lower one
    /// overflows into the upper one. Identifiers of ICMP queries have one range, 0 to 65535.</summary>
    /// <returns>The port; -1 when all are taken.</returns>
    internal int Claim(int kind, int wanted)
    {
        int port = kind == NatTable.Icmp ? ClaimInRange(kind, wanted, 0, LastPort)
            : wanted < FirstHighPort ? ClaimInRange(kind, wanted, 1, FirstHighPort - 1)
            : -1;
        port = port < 0 && kind != NatTable.Icmp ? ClaimInRange(kind, wanted, FirstHighPort, LastPort) : port;
        if (port >= 0)
        {
            Interlocked.Increment(ref _inUse[kind]);
        }

        return port;
    }

    /// <summary>Claims exactly this port; false when it is taken.</summary>
    internal bool TryClaim(int kind, int port)
    {
        ulong bit = 1UL << (port % WordBits);
        bool isOurs = (Interlocked.Or(ref WordsOf(kind)[port / WordBits], bit) & bit) == 0;
        if (isOurs)
        {
            Interlocked.Increment(ref _inUse[kind]);
        }

        return isOurs;
    }

    /// <summary>Frees a port that the caller has claimed.</summary>
    internal void Free(int kind, int port)
    {
        ulong bit = 1UL << (port % WordBits);
        ulong before = Interlocked.And(ref WordsOf(kind)[port / WordBits], ~bit);
        Debug.Assert((before & bit) != 0, "a port is freed once");
        Interlocked.Decrement(ref _inUse[kind]);
    }

    /// <summary>The next taken port from one on; -1 = none.</summary>
    internal int NextTaken(int kind, int from)
    {
        ulong* words = WordsOf(kind);
        for (int word = from / WordBits; word < WordsPerKind; word++)
        {
            ulong taken = Volatile.Read(ref words[word]);
            taken &= word == from / WordBits ? ulong.MaxValue << (from % WordBits) : ulong.MaxValue;
            if (taken != 0)
            {
                return (word * WordBits) + BitOperations.TrailingZeroCount(taken);
            }
        }

        return -1;
    }

    private ulong* WordsOf(int kind) => _taken + (kind * WordsPerKind);

    private int ClaimInRange(int kind, int wanted, int first, int last)
    {
        ulong parity = wanted % 2 == 0 ? EvenPorts : ~EvenPorts;
        int start = wanted >= first && wanted <= last ? wanted : first;
        int port = ClaimBetween(kind, start, last, parity);
        port = port < 0 ? ClaimBetween(kind, first, start - 1, parity) : port;
        port = port < 0 ? ClaimBetween(kind, start, last, ~parity) : port;
        return port < 0 ? ClaimBetween(kind, first, start - 1, ~parity) : port;
    }

    /// <summary>Claims the lowest free port between two, both included, among those of the mask.</summary>
    private int ClaimBetween(int kind, int first, int last, ulong mask)
    {
        ulong* words = WordsOf(kind);
        for (int word = first / WordBits; first <= last && word <= last / WordBits; word++)
        {
            ulong allowed = mask;
            allowed &= word == first / WordBits ? ulong.MaxValue << (first % WordBits) : ulong.MaxValue;
            allowed &= word == last / WordBits ? ulong.MaxValue >> (WordBits - 1 - (last % WordBits)) : ulong.MaxValue;
            ulong free = ~Volatile.Read(ref words[word]) & allowed;
            while (free != 0)
            {
                ulong bit = free & (0 - free);
                ulong before = Interlocked.Or(ref words[word], bit);
                if ((before & bit) == 0)
                {
                    return (word * WordBits) + BitOperations.TrailingZeroCount(bit);
                }

                // Another worker was faster.
                free = ~before & allowed;
            }
        }

        return -1;
    }
}

/// <summary>A public port and the private endpoint that it stands for.</summary>
internal struct NatMapping
{
    /// <summary>Private address (raw, low 32 bits), private port (raw, 16 bits) and VPC; 0 = none. Readers take the word whole; whoever has
    /// claimed the port writes it.</summary>
    public ulong Inside;

    /// <summary>Connections that use it. Under the lock of the endpoint.</summary>
    public int References;

    /// <summary>Next mapping with the same hash, as <see cref="NatTable"/> numbers them; 0 = none. Under the lock of the endpoint.</summary>
    public int Next;
}
