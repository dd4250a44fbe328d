using System.Runtime.Intrinsics.X86;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;

namespace VSwitch.Bench.Throughput;

/// <summary>A device that gives copies of prepared frames, all of one size, in a prepared order, and takes everything. What it
/// costs itself is measured apart.</summary>
internal sealed unsafe class FrameSource : IPacketDevice
{
    private const int Ahead = 16;
    private readonly byte* _frames;
    private readonly HugeMemory _order;
    private readonly int _frameBytes;
    private readonly int _orderCount;
    private int _next;

    /// <param name="memory">Room for the frames: one piece for all sources, so that it lies on huge pages.</param>
    /// <param name="frames">The frames, all of one size.</param>
    /// <param name="order">Indexes of the frames in the order to give them.</param>
    public FrameSource(byte* memory, IReadOnlyList<byte[]> frames, int[] order)
    {
        _frameBytes = frames[0].Length;
        _frames = memory;
        for (int i = 0; i < frames.Count; i++)
        {
            frames[i].CopyTo(new Span<byte>(_frames + ((long)i * _frameBytes), _frameBytes));
        }

        _orderCount = order.Length;
        _order = new HugeMemory((nuint)order.Length * sizeof(int));
        order.CopyTo(new Span<int>(_order.Address, order.Length));
    }

    public string Name => "source";

    public DeviceCapabilities Capabilities { get; } = new(1, 65535, Offload: true);

    public DeviceStatus Status { get; } = new();

    public long Sent { get; private set; }

    public int Receive(int queue, PacketPool pool, PacketBuffer** packets, int maxCount)
    {
        var order = (int*)_order.Address;
        for (int i = 0; i < maxCount; i++)
        {
            PacketBuffer* p = pool.Rent();
            int ahead = _next + Ahead < _orderCount ? _next + Ahead : _next + Ahead - _orderCount;
            Sse.Prefetch0(_frames + ((long)order[ahead] * _frameBytes));
            byte* from = _frames + ((long)order[_next] * _frameBytes);
            Buffer.MemoryCopy(from, p->Data, p->CapacityBytes, _frameBytes);
            p->Length = _frameBytes;
            packets[i] = p;
            _next = _next + 1 == _orderCount ? 0 : _next + 1;
        }

        return maxCount;
    }

    public int Transmit(int queue, PacketBuffer** packets, int count)
    {
        Sent += count;
        return count;
    }

    public int PollHandle(int queue) => -1;

    public void Dispose() => _order.Dispose();
}
