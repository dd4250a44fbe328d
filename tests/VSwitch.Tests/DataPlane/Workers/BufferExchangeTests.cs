using VSwitch.DataPlane.Buffers;
using Xunit;

namespace VSwitch.Tests.DataPlane.Workers;

/// <summary>Which buffers stay where their packet went.</summary>
public sealed unsafe class BufferExchangeTests : IDisposable
{
    private const int Buffers = 64;
    private readonly BufferExchange _exchange = new(2, Buffers);
    private readonly PacketPool _first;
    private readonly PacketPool _second;

    public BufferExchangeTests()
    {
        _first = new PacketPool(0, Buffers, 1, _exchange.Room);
        _second = new PacketPool(1, Buffers, 1, _exchange.Room);
    }

    [Fact]
    public void One_way_traffic_keeps_so_many_and_sends_the_rest_home()
    {
        int kept = 0;
        for (int i = 0; i < Buffers; i++)
        {
            PacketBuffer* p = _first.Rent();
            if (_exchange.TryKeep(p, 1))
            {
                Assert.Equal(1, p->OwnerWorker);
                _second.Return(p);
                kept++;
            }
            else
            {
                Assert.Equal(0, p->OwnerWorker);
                _first.Return(p);
            }
        }

        Assert.Equal(_exchange.Limit, kept);
        Assert.Equal(Buffers / 8, kept);
        Assert.Equal((-kept, kept), (_exchange.Surplus(0), _exchange.Surplus(1)));
        Assert.Equal((Buffers - kept, Buffers + kept), (_first.SmallFreeCount, _second.SmallFreeCount));
    }

    [Fact]
    public void Traffic_both_ways_keeps_all()
    {
        for (int i = 0; i < 10 * Buffers; i++)
        {
            PacketBuffer* there = _first.Rent();
            PacketBuffer* back = _second.Rent();
            Assert.True(_exchange.TryKeep(there, 1));
            Assert.True(_exchange.TryKeep(back, 0));
            _second.Return(there);
            _first.Return(back);
        }

        Assert.Equal((0, 0), (_exchange.Surplus(0), _exchange.Surplus(1)));
    }

    [Fact]
    public void What_the_other_kept_makes_room()
    {
        for (int i = 0; i < _exchange.Limit; i++)
        {
            Assert.True(_exchange.TryKeep(_first.Rent(), 1));
        }

        Assert.False(_exchange.TryKeep(_first.Rent(), 1));
        Assert.True(_exchange.TryKeep(_second.Rent(), 0));
        Assert.True(_exchange.TryKeep(_first.Rent(), 1));
        Assert.False(_exchange.TryKeep(_first.Rent(), 1));
    }

    [Fact]
    public void A_large_buffer_goes_home() => Assert.False(_exchange.TryKeep(_first.RentLarge(), 1));

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
        _exchange.Dispose();
    }
}
