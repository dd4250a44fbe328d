using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Nat;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.Testing;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.DataPlane.Nat;

/// <summary>Which public port a private endpoint gets, and that it is given back once, whoever asks at once.</summary>
public sealed class NatTableTests(ITestOutputHelper output) : IDisposable
{
    private const int Vpc = 1;
    private readonly NatTable _table = new(poolCapacity: 8, connections: 100_000);

    [Fact]
    public void An_endpoint_keeps_its_port_where_that_is_free_and_its_mapping_for_all_its_connections()
    {
        NatGateway gateway = Gateway(1_000, 1);
        Assert.Equal(40_000, Take(gateway, NatTable.Udp, "10.0.0.5", 40_000));
        Assert.Equal(40_000, Take(gateway, NatTable.Udp, "10.0.0.5", 40_000));
        Assert.Equal(40_000, Take(gateway, NatTable.Tcp, "10.0.0.6", 40_000));
        Assert.Equal((1, 1, 0), (Pool(1).InUse(NatTable.Udp), Pool(1).InUse(NatTable.Tcp), Pool(1).InUse(NatTable.Icmp)));
        Assert.Equal(3, _table.ConnectionsOf(gateway));
        Release(1, NatTable.Udp, 40_000);
        Assert.Equal(InsideOf("10.0.0.5", 40_000), Find(1, NatTable.Udp, 40_000));
        Release(1, NatTable.Udp, 40_000);
        Assert.Equal(0UL, Find(1, NatTable.Udp, 40_000));
        Assert.Equal(0, Pool(1).InUse(NatTable.Udp));
    }

    /// <summary>RFC 4787 REQ-3 and REQ-4: the next one above it of the same parity in the same range, from the end on from the
    /// beginning; then the other parity; then from the lower range into the upper one.</summary>
    [Theory]
    [InlineData(40_000, "", 40_000)]
    [InlineData(40_000, "40000", 40_002)]
    [InlineData(40_001, "40001,40003,40005", 40_007)]
    [InlineData(65_535, "65535", 1025)]
    [InlineData(65_534, "65534", 1024)]
    [InlineData(65_534, "65534,1024", 1026)]
    [InlineData(1023, "1023", 1)]
    [InlineData(80, "80", 82)]
    [InlineData(0, "", 2)]
    public void A_taken_port_gives_way_to_the_next_of_its_kind(int wanted, string taken, int expected)
    {
        NatGateway gateway = Gateway(1_000, 1);
        foreach (string port in taken.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            Assert.Equal(int.Parse(port), Take(gateway, NatTable.Udp, "10.0.0.9", int.Parse(port)));
        }

        Assert.Equal(expected, Take(gateway, NatTable.Udp, "10.0.0.5", wanted));
    }

    [Fact]
    public void An_identifier_may_be_any_of_65536_and_the_last_free_port_is_found()
    {
        NatGateway gateway = Gateway(200_000, 1);
        int[] ports = [.. Enumerable.Range(0, 65_536).Select(i => Take(gateway, NatTable.Icmp, $"10.1.{i / 256}.{i % 256}", 7))];
        Assert.Equal(65_536, ports.Distinct().Count());
        Assert.Equal(7, ports[0]);
        Assert.Equal(DropReason.NatPortsExhausted, TryTake(gateway, NatTable.Icmp, "10.2.0.1", 7));
        Release(1, NatTable.Icmp, 12_345);
        Assert.Equal(12_345, Take(gateway, NatTable.Icmp, "10.2.0.1", 7));
        Assert.Equal(1, Pool(1).PortsRefused);
    }

    [Fact]
    public void A_port_of_the_lower_range_overflows_into_the_upper_one_and_never_the_other_way()
    {
        NatGateway gateway = Gateway(200_000, 1);
        int[] low = [.. Enumerable.Range(0, 1023).Select(i => Take(gateway, NatTable.Tcp, $"10.1.{i / 256}.{i % 256}", 80))];
        Assert.Equal(Enumerable.Range(1, 1023), low.Order());
        Assert.Equal(1024, Take(gateway, NatTable.Tcp, "10.9.0.1", 80));
        int[] high = [.. Enumerable.Range(0, 64_511).Select(i => Take(gateway, NatTable.Tcp, $"10.2.{i / 256}.{i % 256}", 2000))];
        Assert.Equal(Enumerable.Range(1025, 64_511), high.Order());
        Release(1, NatTable.Tcp, 500);
        Assert.Equal(DropReason.NatPortsExhausted, TryTake(gateway, NatTable.Tcp, "10.9.0.2", 2000));
        Assert.Equal(500, Take(gateway, NatTable.Tcp, "10.9.0.2", 22));
    }

    /// <summary>RFC 4787 REQ-2.</summary>
    [Fact]
    public void A_private_address_keeps_one_EIP_and_takes_another_only_when_that_has_no_port()
    {
        NatGateway gateway = Gateway(500_000, 1, 2, 3);
        for (int port = 5000; port < 5100; port++)
        {
            // 10.0.0.1 as a number is 167 772 161: 2 modulo 3.
            Assert.Equal(2, PlaceOf(gateway, "10.0.0.1", port));
            Assert.Equal(0, PlaceOf(gateway, "10.0.0.2", port));
        }

        for (int i = 0; i < 64_512 - 100; i++)
        {
            Take(gateway, NatTable.Udp, $"10.3.{i / 256}.{i % 256}", 40_000, onlyAt: 2);
        }

        Assert.Equal(0, PlaceOf(gateway, "10.0.0.1", 6000));
        Assert.Equal(2, PlaceOf(gateway, "10.0.0.1", 5000));
    }

    [Fact]
    public void A_gateway_takes_as_many_connections_as_its_size_says()
    {
        NatGateway gateway = Gateway(3, 1, 2);
        Take(gateway, NatTable.Udp, "10.0.0.1", 1);
        Take(gateway, NatTable.Udp, "10.0.0.2", 1);
        int port = Take(gateway, NatTable.Udp, "10.0.0.2", 1);
        Assert.Equal(DropReason.NatConnectionsExhausted, TryTake(gateway, NatTable.Tcp, "10.0.0.2", 1));
        Release(1, NatTable.Udp, port);
        Assert.Equal(DropReason.None, TryTake(gateway, NatTable.Tcp, "10.0.0.2", 1));
        Assert.Equal(1, Pool(1).ConnectionsRefused + Pool(2).ConnectionsRefused);
    }

    [Fact]
    public void A_fork_has_the_same_ports_taken_and_changes_nothing_here()
    {
        NatGateway gateway = Gateway(1_000, 1);
        Take(gateway, NatTable.Udp, "10.0.0.1", 5000);
        using var fork = new NatTable(poolCapacity: 8, connections: 10);
        _table.CopyTo(fork);
        Assert.Equal(DropReason.None, fork.TryTake(gateway, NatTable.Udp, InsideOf("10.0.0.2", 5000), -1, out _, out ushort port));
        Assert.Equal(5002, Host(port));
        Assert.True(fork.TryShare(1, NatTable.Udp, Raw(5000), Address("10.0.0.1"), Raw(5000)));
        Assert.False(fork.TryShare(1, NatTable.Udp, Raw(5000), Address("10.0.0.3"), Raw(5000)));
        Assert.False(fork.TryShare(1, NatTable.Udp, Raw(5001), Address("10.0.0.1"), Raw(5001)));
        Assert.Equal((1, 2), (_table.ConnectionsOf(gateway), fork.ConnectionsOf(gateway)));
        Assert.Equal(1, Pool(1).InUse(NatTable.Udp));
    }

    /// <summary>Threads open and close connections of the same few endpoints, and of others that want the same ports. At no time do two
    /// endpoints have one port, or one endpoint two; at the end all is free.</summary>
    [Fact]
    public void Many_threads_take_and_give_back_at_once()
    {
        const int ThreadCount = 4;
        const int Rounds = 40_000;
        int seed = Seeded.Take("NAT table", output.WriteLine, 11);
        NatGateway gateway = Gateway(100, 1, 2);
        int most = 0;
        string? fault = null;
        Thread[] threads = [.. Enumerable.Range(0, ThreadCount).Select(t => new Thread(() => Run(new Random(seed + t))))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.Null(fault);
        Assert.True(most > 50, $"at most {most} connections at once: no crowd");
        Assert.Equal(0, _table.ConnectionsOf(gateway));
        Assert.All(new[] { 1, 2 }, pool => Assert.All([0, 1, 2], kind => Assert.Equal(0, Pool(pool).InUse(kind))));

        void Run(Random random)
        {
            var mine = new List<(int Number, int Kind, ushort Port, ulong Inside)>();
            for (int i = 0; i < Rounds && fault == null; i++)
            {
                if (mine.Count > 0 && (random.Next(2) == 0 || i > Rounds - 100))
                {
                    int at = random.Next(mine.Count);
                    (int number, int kind, ushort port, ulong inside) = mine[at];
                    mine.RemoveAt(at);
                    if (_table.Find(number, kind, port) != inside)
                    {
                        fault = "a port that is in use stands for something else";
                    }

                    _table.Release(number, kind, port);
                    continue;
                }

                int wanted = NatTable.Udp;
                ulong endpoint = InsideOf($"10.0.0.{1 + random.Next(6)}", 5000 + (2 * random.Next(3)));
                if (_table.TryTake(gateway, wanted, endpoint, -1, out int place, out ushort taken) != DropReason.None)
                {
                    continue;
                }

                mine.Add((gateway.Pools[place], wanted, taken, endpoint));
                if (mine.Any(m => m.Inside == endpoint && (m.Number, m.Port) != (gateway.Pools[place], taken)))
                {
                    fault = "an endpoint has two ports";
                }

                int count = _table.ConnectionsOf(gateway);
                fault = _table.Find(gateway.Pools[place], wanted, taken) != endpoint ? "a port was given twice" : fault;
                int seen;
                while ((seen = Volatile.Read(ref most)) < count)
                {
                    Interlocked.CompareExchange(ref most, count, seen);
                }
            }

            foreach ((int number, int kind, ushort port, _) in mine)
            {
                _table.Release(number, kind, port);
            }
        }
    }

    public void Dispose() => _table.Dispose();

    /// <summary>A gateway with EIPs of these numbers, whose pools the table makes.</summary>
    private NatGateway Gateway(int capacity, params int[] numbers)
    {
        var gateway = new NatGateway("out", Vpc, capacity, new ConnectionTimeouts(), [.. numbers], [.. numbers]);
        _table.Use([gateway]);
        return gateway;
    }

    private NatPool Pool(int number) => _table.PoolOf(number)!;

    private int Take(NatGateway gateway, int kind, string address, int port, int onlyAt = -1)
    {
        Assert.Equal(DropReason.None, _table.TryTake(gateway, kind, InsideOf(address, port), onlyAt, out _, out ushort taken));
        return Host(taken);
    }

    private DropReason TryTake(NatGateway gateway, int kind, string address, int port) =>
        _table.TryTake(gateway, kind, InsideOf(address, port), -1, out _, out _);

    private int PlaceOf(NatGateway gateway, string address, int port)
    {
        Assert.Equal(DropReason.None, _table.TryTake(gateway, NatTable.Udp, InsideOf(address, port), -1, out int place, out _));
        return place;
    }

    private ulong Find(int number, int kind, int port) => _table.Find(number, kind, Raw(port));

    private void Release(int number, int kind, int port) => _table.Release(number, kind, Raw(port));

    private static ulong InsideOf(string address, int port) => NatTable.InsideOf(Address(address), Raw(port), Vpc);

    private static uint Address(string text) => BitConverter.ToUInt32(OnesComplement.BytesOf(TestTopologies.Ip(text)));

    private static ushort Raw(int port) => System.Buffers.Binary.BinaryPrimitives.ReverseEndianness((ushort)port);

    private static int Host(ushort raw) => System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(raw);
}
