using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;

namespace VSwitch.Tests.Devices;

/// <summary>Polls a device as a worker does, with a pool of its own.</summary>
internal sealed unsafe class PortFixture : IDisposable
{
    private const int Burst = 32;

    public PortFixture(int smallCount = 64, int largeCount = 8) => Pool = new PacketPool(0, smallCount, largeCount);

    public PacketPool Pool { get; }

    /// <summary>One poll: the frames, whose buffers are back in the pool then.</summary>
    public List<byte[]> Poll(IPacketDevice device, int queue = 0, int maxCount = Burst)
    {
        PacketBuffer** packets = stackalloc PacketBuffer*[Burst];
        int count = device.Receive(queue, Pool, packets, Math.Min(maxCount, Burst));
        var frames = new List<byte[]>();
        for (int i = 0; i < count; i++)
        {
            frames.Add(new ReadOnlySpan<byte>(packets[i]->Data, packets[i]->Length).ToArray());
            Pool.Return(packets[i]);
        }

        return frames;
    }

    /// <summary>Sends frames in one call.</summary>
    /// <returns>How many were taken.</returns>
    public int Send(IPacketDevice device, IReadOnlyList<byte[]> frames, int queue = 0, byte offloadFlags = 0)
    {
        PacketBuffer** packets = stackalloc PacketBuffer*[Burst];
        for (int i = 0; i < frames.Count; i++)
        {
            packets[i] = Pool.Rent(frames[i].Length);
            frames[i].CopyTo(new Span<byte>(packets[i]->Data, packets[i]->CapacityBytes));
            packets[i]->Length = frames[i].Length;
            packets[i]->Offload.Flags = offloadFlags;
        }

        int taken = device.Transmit(queue, packets, frames.Count);
        for (int i = 0; i < frames.Count; i++)
        {
            Pool.Return(packets[i]);
        }

        return taken;
    }

    public void Dispose() => Pool.Dispose();
}
