using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;

namespace VSwitch.SharpPcap.Bench;

/// <summary>Frames to send, made once, and a pool for what comes in.</summary>
internal sealed unsafe class FrameStore : IDisposable
{
    /// <summary>Frames in a burst.</summary>
    public const int BurstCount = 32;

    private readonly PacketPool _pool = new(0, 2048, 4);
    private readonly PacketBuffer*[] _toSend = new PacketBuffer*[BurstCount];
    private readonly PacketBuffer*[] _received = new PacketBuffer*[BurstCount];

    /// <summary>Makes frames of a size, of a type that no stack knows.</summary>
    public FrameStore(int bytes)
    {
        byte[] frame = new byte[bytes];
        ((byte[])[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xB5]).CopyTo(frame, 0);
        for (int i = 0; i < BurstCount; i++)
        {
            _toSend[i] = _pool.Rent(bytes);
            frame.CopyTo(new Span<byte>(_toSend[i]->Data, bytes));
            _toSend[i]->Length = bytes;
        }
    }

    /// <summary>Sends frames in bursts, all of them.</summary>
    /// <exception cref="IOException">The device does not take them.</exception>
    public void Send(IPacketDevice device, int count)
    {
        fixed (PacketBuffer** first = _toSend)
        {
            for (int sent = 0; sent < count;)
            {
                int taken = device.Transmit(0, first, Math.Min(BurstCount, count - sent));
                sent += taken > 0 ? taken : throw new IOException($"{device.Name} takes no frame: {device.Status.LastError}");
            }
        }
    }

    /// <summary>One call for what waits; the buffers go back.</summary>
    public int Receive(IPacketDevice device)
    {
        fixed (PacketBuffer** first = _received)
        {
            int count = device.Receive(0, _pool, first, BurstCount);
            for (int i = 0; i < count; i++)
            {
                _pool.Return(first[i]);
            }

            return count;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _pool.Dispose();
}
