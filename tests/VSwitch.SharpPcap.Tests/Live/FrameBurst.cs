using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;

namespace VSwitch.SharpPcap.Tests.Live;

/// <summary>Equal frames in buffers that are made once, and a pool for what comes in: nothing here allocates after that.</summary>
internal sealed unsafe class FrameBurst : IDisposable
{
    private readonly PacketPool _pool = new(0, 256, 4);
    private readonly PacketBuffer*[] _frames;
    private readonly PacketBuffer*[] _received = new PacketBuffer*[64];

    public FrameBurst(int count, ReadOnlySpan<byte> frame)
    {
        _frames = new PacketBuffer*[count];
        for (int i = 0; i < count; i++)
        {
            PacketBuffer* p = _pool.Rent(frame.Length);
            frame.CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
            p->Length = frame.Length;
            _frames[i] = p;
        }
    }

    /// <summary>Frames that came in so far.</summary>
    public int ReceivedCount { get; private set; }

    public int Send(IPacketDevice device)
    {
        fixed (PacketBuffer** first = _frames)
        {
            return device.Transmit(0, first, _frames.Length);
        }
    }

    public int Receive(IPacketDevice device, int maxCount = 32)
    {
        fixed (PacketBuffer** first = _received)
        {
            int count = device.Receive(0, _pool, first, maxCount);
            for (int i = 0; i < count; i++)
            {
                _pool.Return(first[i]);
            }

            ReceivedCount += count;
            return count;
        }
    }

    public void Dispose() => _pool.Dispose();
}
