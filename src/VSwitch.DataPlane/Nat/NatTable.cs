using System.Buffers.Binary;
using System.Diagnostics;
using System.Numerics;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Nat;

/// <summary>Which public port stands for which private endpoint, over all NAT gateways. Shared by all workers; survives new snapshots.
/// <list type="bullet">
/// <item>Outside to inside: by EIP, protocol and port, one word. Any worker, any time, no lock.</item>
/// <item>Inside to outside: chains of mappings by the hash of the private endpoint, with a count of the connections that use each. On a
/// connection's first packet and at its end only, under a lock of that hash: what must not happen at once is two changes of one
/// endpoint. Ports are claimed by compare-and-swap beneath, so different endpoints never wait for each other's search.</item>
/// </list>
/// A mapping is endpoint-independent (RFC 4787 REQ-1) and lives as long as its last connection. Bounded by the ports of the EIPs.</summary>
public sealed unsafe class NatTable : IDisposable
{
    /// <summary>Kind of mappings: ports of TCP.</summary>
    public const int Tcp = 0;

    /// <summary>Kind of mappings: ports of UDP.</summary>
    public const int Udp = 1;

    /// <summary>Kind of mappings: identifiers of ICMP queries.</summary>
    public const int Icmp = 2;

    private const int PortBits = 16;
    private const int LeastBuckets = 1 << 10;
    private const int MostBuckets = 1 << 18;
    private const int LockCount = 1 << 10;
    private readonly NatPool?[] _pools;
    private readonly int _bucketCount;
    private HugeMemory? _index;
    private int* _heads;
    private int* _locks;

    /// <summary>Makes a table without pools; memory is taken when a gateway with EIPs comes.</summary>
    /// <param name="poolCapacity">Behind the highest <see cref="Eip.Number"/>.</param>
    /// <param name="connections">Connections that the switch may hold.</param>
    public NatTable(int poolCapacity, int connections)
    {
        _pools = new NatPool?[poolCapacity];
        _bucketCount = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(connections, LeastBuckets, MostBuckets));
    }

    /// <summary>Numbers of pools are below it.</summary>
    public int PoolCapacity => _pools.Length;

    /// <summary>The kind of a protocol's mappings; -1 when a NAT gateway does not translate it.</summary>
    public static int KindOf(byte protocol) => protocol switch
    {
        ParseStage.Tcp => Tcp,
        ParseStage.Udp => Udp,
        ParseStage.Icmp => Icmp,
        _ => -1,
    };

    /// <summary>The word of a private endpoint.</summary>
    /// <param name="address">Private address, raw.</param>
    /// <param name="port">Private port or identifier, raw.</param>
    /// <param name="vpc">Index of its VPC, not 0.</param>
    public static ulong InsideOf(uint address, ushort port, int vpc) => address | ((ulong)port << 32) | ((ulong)(uint)vpc << 48);

    /// <summary>Private address of a word, raw.</summary>
    public static uint AddressOf(ulong inside) => (uint)inside;

    /// <summary>Private port of a word, raw.</summary>
    public static ushort PortOf(ulong inside) => (ushort)(inside >> 32);

    /// <summary>VPC of a word.</summary>
    public static int VpcOf(ulong inside) => (int)(inside >> 48);

    /// <summary>Which of a gateway's EIPs a private address goes out by (paired pooling, RFC 4787 REQ-2): the address as a number,
    /// modulo the number of EIPs.</summary>
    /// <param name="gateway">A gateway that has EIPs.</param>
    /// <param name="address">Private address, raw.</param>
    public static int PreferredOf(NatGateway gateway, uint address) =>
        (int)(BinaryPrimitives.ReverseEndianness(address) % (uint)gateway.Pools.Length);

    /// <summary>The pool of an EIP; null when it never was a gateway's.</summary>
    /// <param name="number"><see cref="Eip.Number"/>.</param>
    public NatPool? PoolOf(int number) => (uint)number < (uint)_pools.Length ? Volatile.Read(ref _pools[number]) : null;

    /// <summary>Makes the pools that a snapshot needs; before workers see it. Pools stay: connections of older snapshots may hold ports.
    /// Control thread only.</summary>
    /// <param name="gateways">The snapshot's gateways.</param>
    public void Use(ReadOnlySpan<NatGateway> gateways)
    {
        foreach (NatGateway gateway in gateways)
        {
            foreach (int number in gateway.Pools)
            {
                Require(number);
            }
        }
    }

    /// <summary>What a public port stands for; 0 when for nothing.</summary>
    /// <param name="number"><see cref="Eip.Number"/> of the EIP.</param>
    /// <param name="kind">Kind of the mapping; below 0 finds nothing.</param>
    /// <param name="port">Public port, raw.</param>
    public ulong Find(int number, int kind, ushort port)
    {
        NatPool? pool = PoolOf(number);
        return pool == null || kind < 0 ? 0 : Volatile.Read(ref pool.At(kind, BinaryPrimitives.ReverseEndianness(port))->Inside);
    }

    /// <summary>The place among a gateway's EIPs that a new connection of an endpoint goes out by, if it finds a port there.</summary>
    public int PlaceOf(NatGateway gateway, int kind, ulong inside)
    {
        int bucket = BucketOf(kind, inside);
        Lock(bucket);
        int found = FindIn(bucket, gateway, kind, inside);
        Unlock(bucket);
        return found == 0 ? PreferredOf(gateway, AddressOf(inside)) : Array.IndexOf(gateway.Pools, found >> PortBits);
    }

    /// <summary>Takes a connection's share of its endpoint's mapping; makes the mapping when there is none.</summary>
    /// <param name="gateway">A gateway that has EIPs.</param>
    /// <param name="kind">Kind of the mapping.</param>
    /// <param name="inside">The private endpoint.</param>
    /// <param name="onlyAt">The one place among the gateway's EIPs that will do; -1 = any.</param>
    /// <param name="place">The place that was taken.</param>
    /// <param name="port">The public port, raw.</param>
    public DropReason TryTake(NatGateway gateway, int kind, ulong inside, int onlyAt, out int place, out ushort port)
    {
        int preferred = PreferredOf(gateway, AddressOf(inside));
        (place, port) = (preferred, 0);
        if (ConnectionsOf(gateway) >= gateway.Capacity)
        {
            PoolOf(gateway.Pools[preferred])!.CountRefusal(isOfPorts: false);
            return DropReason.NatConnectionsExhausted;
        }

        int bucket = BucketOf(kind, inside);
        Lock(bucket);
        int link = FindIn(bucket, gateway, kind, inside);
        if (link == 0)
        {
            link = Claim(gateway, kind, inside, preferred, onlyAt);
            if (link != 0)
            {
                Link(bucket, kind, link, inside);
            }
        }

        place = Array.IndexOf(gateway.Pools, link >> PortBits);
        bool isTaken = link != 0 && (onlyAt < 0 || place == onlyAt);
        if (isTaken)
        {
            MappingOf(kind, link)->References++;
        }

        Unlock(bucket);
        if (!isTaken)
        {
            PoolOf(gateway.Pools[preferred])!.CountRefusal(isOfPorts: true);
            return DropReason.NatPortsExhausted;
        }

        port = BinaryPrimitives.ReverseEndianness((ushort)link);
        PoolOf(gateway.Pools[place])!.AddConnections(1);
        if (ConnectionsOf(gateway) <= gateway.Capacity)
        {
            return DropReason.None;
        }

        // Several workers took the last places at once: rather one too few than one too many.
        Release(gateway.Pools[place], kind, port);
        PoolOf(gateway.Pools[preferred])!.CountRefusal(isOfPorts: false);
        return DropReason.NatConnectionsExhausted;
    }

    /// <summary>Gives a connection's share back; the last one frees the port.</summary>
    /// <param name="number"><see cref="Eip.Number"/> of the EIP.</param>
    /// <param name="kind">Kind of the mapping.</param>
    /// <param name="port">The public port, raw.</param>
    public void Release(int number, int kind, ushort port)
    {
        NatPool pool = PoolOf(number)!;
        int hostPort = BinaryPrimitives.ReverseEndianness(port);
        NatMapping* mapping = pool.At(kind, hostPort);
        ulong inside = mapping->Inside;
        Debug.Assert(inside != 0, "a mapping lives as long as somebody has a share in it");
        int bucket = BucketOf(kind, inside);
        Lock(bucket);
        if (--mapping->References == 0)
        {
            int* link = _heads + bucket;
            while (*link != ((number << PortBits) | hostPort))
            {
                link = &MappingOf(kind, *link)->Next;
            }

            *link = mapping->Next;
            Volatile.Write(ref mapping->Inside, 0);
            pool.Free(kind, hostPort);
        }

        Unlock(bucket);
        pool.AddConnections(-1);
    }

    /// <summary>Connections of a gateway, over all its EIPs.</summary>
    public int ConnectionsOf(NatGateway gateway)
    {
        int count = 0;
        foreach (int number in gateway.Pools)
        {
            count += PoolOf(number)?.ConnectionCount ?? 0;
        }

        return count;
    }

    /// <summary>Copies all mappings into the table of a dry run or an explanation, which nobody else uses. The copies have one share too
    /// many, so that no port is free there that is not free here.</summary>
    internal void CopyTo(NatTable fork)
    {
        for (int number = 1; number < Math.Min(_pools.Length, fork._pools.Length); number++)
        {
            if (PoolOf(number) is not NatPool pool)
            {
                continue;
            }

            NatPool copy = fork.Require(number);
            copy.AddConnections(pool.ConnectionCount);
            for (int kind = 0; kind < NatPool.KindCount; kind++)
            {
                for (int port = pool.NextTaken(kind, 0); port >= 0; port = port + 1 < NatPool.PortCount ? pool.NextTaken(kind, port + 1) : -1)
                {
                    ulong inside = Volatile.Read(ref pool.At(kind, port)->Inside);
                    if (inside != 0 && copy.TryClaim(kind, port))
                    {
                        int bucket = fork.BucketOf(kind, inside);
                        fork.Link(bucket, kind, (number << PortBits) | port, inside);
                        copy.At(kind, port)->References++;
                    }
                }
            }
        }
    }

    /// <summary>Takes the share of a copied connection (<see cref="Flows.Connections.Import"/>), which is counted already.</summary>
    /// <returns>False when the port stands for something else by now.</returns>
    internal bool TryShare(int number, int kind, ushort port, uint address, ushort insidePort)
    {
        ulong inside = Find(number, kind, port);
        if (inside == 0 || AddressOf(inside) != address || PortOf(inside) != insidePort)
        {
            return false;
        }

        int bucket = BucketOf(kind, inside);
        Lock(bucket);
        PoolOf(number)!.At(kind, BinaryPrimitives.ReverseEndianness(port))->References++;
        Unlock(bucket);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _index?.Dispose();
        foreach (NatPool? pool in _pools)
        {
            pool?.Dispose();
        }
    }

    private NatPool Require(int number)
    {
        if (_index == null)
        {
            var index = new HugeMemory(((nuint)NatPool.KindCount * (nuint)_bucketCount * sizeof(int)) + (LockCount * sizeof(int)));
            _heads = (int*)index.Address;
            _locks = _heads + (NatPool.KindCount * _bucketCount);
            _index = index;
        }

        NatPool? pool = PoolOf(number);
        if (pool == null)
        {
            pool = new NatPool();
            Volatile.Write(ref _pools[number], pool);
        }

        return pool;
    }

    /// <summary>Looks for a free port from the preferred EIP on.</summary>
    /// <returns>The mapping's number; 0 when there is none.</returns>
    private int Claim(NatGateway gateway, int kind, ulong inside, int preferred, int onlyAt)
    {
        int wanted = BinaryPrimitives.ReverseEndianness(PortOf(inside));
        for (int i = 0; i < gateway.Pools.Length; i++)
        {
            int place = (preferred + i) % gateway.Pools.Length;
            int port = onlyAt >= 0 && place != onlyAt ? -1 : PoolOf(gateway.Pools[place])!.Claim(kind, wanted);
            if (port >= 0)
            {
                return (gateway.Pools[place] << PortBits) | port;
            }
        }

        return 0;
    }

    private void Link(int bucket, int kind, int link, ulong inside)
    {
        NatMapping* mapping = MappingOf(kind, link);
        mapping->References = 0;
        mapping->Next = _heads[bucket];
        Volatile.Write(ref mapping->Inside, inside);
        _heads[bucket] = link;
    }

    /// <summary>The mapping of an endpoint by one of the gateway's EIPs; 0 = none.</summary>
    private int FindIn(int bucket, NatGateway gateway, int kind, ulong inside)
    {
        int link = _heads[bucket];
        while (link != 0 && (MappingOf(kind, link)->Inside != inside || Array.IndexOf(gateway.Pools, link >> PortBits) < 0))
        {
            link = MappingOf(kind, link)->Next;
        }

        return link;
    }

    private NatMapping* MappingOf(int kind, int link) => _pools[link >> PortBits]!.At(kind, (ushort)link);

    private int BucketOf(int kind, ulong inside)
    {
        ulong mixed = (inside ^ (inside >> 31)) * 0x9E37_79B9_7F4A_7C15UL;
        return (kind * _bucketCount) + (int)((mixed >> 40) & (uint)(_bucketCount - 1));
    }

    /// <summary>Held for some tens of instructions and at most one search of a pool (1024 words a protocol), on first packets and
    /// at the end of connections.</summary>
    private void Lock(int bucket)
    {
        ref int word = ref _locks[bucket % LockCount];
        var spin = default(SpinWait);
        while (Interlocked.CompareExchange(ref word, 1, 0) != 0)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }
    }

    private void Unlock(int bucket) => Volatile.Write(ref _locks[bucket % LockCount], 0);
}
