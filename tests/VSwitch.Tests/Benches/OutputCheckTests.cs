using VSwitch.Bench;
using VSwitch.DataPlane.Buffers;
using Xunit;

namespace VSwitch.Tests.Benches;

/// <summary>A wrong frame is found out.</summary>
public sealed unsafe class OutputCheckTests : IDisposable
{
    private readonly PacketPool _pool = new(0, 4, 0);
    private readonly byte[] _frame = [.. Enumerable.Range(0, 64).Select(i => (byte)i)];
    private readonly OutputCheck _check = new();

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void The_right_frames_in_order_are_good()
    {
        _check.Expect(3, [.. _frame[..60]]);
        _check.Expect(3, _frame);
        Send(3, _frame.AsSpan(0, 60));
        Send(3, _frame);
        Assert.Null(_check.Fault);
        Assert.Equal(2, _check.GoodCount);
        Assert.Equal(0, _check.MissingCount);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(24)]
    [InlineData(63)]
    public void Any_changed_byte_is_named(int at)
    {
        _check.Expect(3, [.. _frame]);
        _frame[at] ^= 0x80;
        Send(3, _frame);
        Assert.Contains($"byte {at} is {_frame[at]:x2}", _check.Fault, StringComparison.Ordinal);
        Assert.Equal(0, _check.GoodCount);
    }

    [Fact]
    public void Another_length_another_port_and_a_frame_too_many_are_faults()
    {
        _check.Expect(3, _frame);
        Send(3, _frame.AsSpan(0, 60));
        Assert.Contains("60 bytes instead of 64", _check.Fault, StringComparison.Ordinal);

        var port = new OutputCheck();
        port.Expect(3, _frame);
        Send(4, _frame, port);
        Assert.Contains("port 4 sent a frame that it should not", port.Fault, StringComparison.Ordinal);
        Assert.Equal(1, port.MissingCount);
    }

    private void Send(int port, ReadOnlySpan<byte> frame, OutputCheck? check = null)
    {
        PacketBuffer* p = _pool.Rent();
        frame.CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
        p->Length = frame.Length;
        (check ?? _check).OnSent(port, &p, 1);
        _pool.Return(p);
    }
}
