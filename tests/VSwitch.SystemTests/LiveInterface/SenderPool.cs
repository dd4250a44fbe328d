using System.Buffers.Binary;
using VSwitch.DataPlane.Buffers;
using VSwitch.Devices.Live;

namespace VSwitch.SystemTests.LiveInterface;

/// <summary>What a worker has: buffers, and bursts of numbered frames, some longer than a slot of the ring.</summary>
internal sealed unsafe class SenderPool : IDisposable
{
    public const int BurstFrames = 8;
    private const int LongEvery = 3;
    private const int LongBytes = 3000;
    private const int ShortBytes = 64;
    private readonly PacketPool _pool = new(0, 64, 64);

    public int Drained { get; private set; }

    /// <summary>Sends the burst of a number; how many the device took.</summary>
    public int SendBurst(PacketSocketDevice device, byte worker, int burst)
    {
        PacketBuffer** packets = stackalloc PacketBuffer*[BurstFrames];
        for (int i = 0; i < BurstFrames; i++)
        {
            int bytes = i % LongEvery == LongEvery - 1 ? LongBytes : ShortBytes;
            packets[i] = _pool.Rent(bytes);
            var frame = new Span<byte>(packets[i]->Data, bytes);
            frame.Clear();
            ReadOnlySpan<byte> header = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xB5];
            header.CopyTo(frame);
            frame[14] = worker;
            BinaryPrimitives.WriteInt32BigEndian(frame[15..], (burst * BurstFrames) + i);
            packets[i]->Length = bytes;
            packets[i]->Offload = default;
        }

        int taken = device.Transmit(0, packets, BurstFrames);
        for (int i = 0; i < BurstFrames; i++)
        {
            _pool.Return(packets[i]);
        }

        return taken;
    }

    public static (int Worker, int Number) Read(byte[] frame) =>
        (frame[14], BinaryPrimitives.ReadInt32BigEndian(frame.AsSpan(15)));

    /// <summary>Takes what waits at a device.</summary>
    public void Drain(PacketSocketDevice device)
    {
        PacketBuffer** packets = stackalloc PacketBuffer*[BurstFrames];
        int count;
        do
        {
            count = device.Receive(0, _pool, packets, BurstFrames);
            Drained += count;
            for (int i = 0; i < count; i++)
            {
                _pool.Return(packets[i]);
            }
        }
        while (count > 0);
    }

    public void Dispose() => _pool.Dispose();
}
