using System.IO.Pipes;
using VSwitch.Devices.Linux;
using Xunit;

namespace VSwitch.Tests.Devices;

/// <summary>The sleep of a worker, on pipes in place of devices: they are readable while bytes wait.</summary>
public sealed class PollWaiterTests : IDisposable
{
    private const int LongMs = 60_000;
    private readonly AnonymousPipeServerStream _writer = new(PipeDirection.Out);
    private readonly AnonymousPipeClientStream _reader;
    private readonly int _handle;

    public PollWaiterTests()
    {
        _reader = new AnonymousPipeClientStream(PipeDirection.In, _writer.ClientSafePipeHandle);
        _handle = (int)_reader.SafePipeHandle.DangerousGetHandle();
    }

    [Fact]
    public void A_descriptor_is_named_for_as_long_as_something_waits_on_it()
    {
        using var waiter = new PollWaiter([_handle, -1]);
        int[] ready = new int[8];
        Assert.Equal(0, waiter.Wait(0, ready));
        _writer.WriteByte(1);
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(1, waiter.Wait(LongMs, ready));
            Assert.Equal(_handle, ready[0]);
        }

        Assert.Equal(1, _reader.ReadByte());
        Assert.Equal(0, waiter.Wait(0, ready));
    }

    [Fact]
    public void A_wake_up_from_another_thread_ends_a_sleep_and_is_not_forgotten_when_it_came_first()
    {
        using var waiter = new PollWaiter([_handle]);
        var other = new Thread(waiter.Wake);
        other.Start();
        Assert.Equal(0, waiter.Wait(LongMs, new int[8]));
        other.Join();
        waiter.Wake();
        waiter.Wake();
        Assert.Equal(0, waiter.Wait(LongMs, new int[8]));
        Assert.Equal(0, waiter.Wait(0, new int[8]));
    }

    [Fact]
    public void A_wake_up_and_a_descriptor_at_once_are_both_seen()
    {
        using var waiter = new PollWaiter([_handle]);
        int[] ready = new int[1];
        waiter.Wake();
        _writer.WriteByte(1);
        int named = waiter.Wait(LongMs, ready);
        named = named == 0 ? waiter.Wait(LongMs, ready) : named;
        Assert.Equal((1, _handle), (named, ready[0]));
    }

    [Fact]
    public void Descriptors_come_and_go()
    {
        using var waiter = new PollWaiter([]);
        int[] ready = new int[8];
        _writer.WriteByte(1);
        Assert.Equal(0, waiter.Wait(0, ready));
        waiter.Add(_handle);
        Assert.Equal(1, waiter.Wait(LongMs, ready));
        waiter.Remove(_handle);
        Assert.Equal(0, waiter.Wait(0, ready));
    }

    public void Dispose()
    {
        _reader.Dispose();
        _writer.Dispose();
    }
}
