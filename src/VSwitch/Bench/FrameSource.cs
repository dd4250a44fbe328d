using System.Runtime.Intrinsics.X86;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.Bench;

/// <summary>Gives copies of prepared frames of one port, all of one size, in a prepared order, again and again. What it costs
/// itself is measured apart. Only the first line of each frame is kept; behind it all frames are alike.</summary>
internal sealed unsafe class FrameSource : IDisposable
{
    /// <summary>Bytes that are kept of each frame: its headers and the first of its payload.</summary>
    public const int KeptBytes = 64;

    private const int Ahead = 16;
    private const int LeastOrder = 64;
    private readonly byte* _frames;
    private readonly HugeMemory _order;
    private readonly HugeMemory _rest;
    private readonly int _frameBytes;
    private readonly int _orderCount;
    private int _next;

    /// <param name="port">Port by which the frames come in.</param>
    /// <param name="group">Group of connections that they belong to.</param>
    /// <param name="isReply">Their direction.</param>
    /// <param name="memory">The kept bytes of the frames, one after another; the caller's.</param>
    /// <param name="order">Indexes of the frames in the order to give them; at least one.</param>
    /// <param name="frame">Any of the frames, whole.</param>
    public FrameSource(int port, int group, bool isReply, byte* memory, int[] order, ReadOnlySpan<byte> frame)
    {
        Port = port;
        Group = group;
        IsReply = isReply;
        _frames = memory;
        _frameBytes = frame.Length;
        _rest = new HugeMemory((nuint)frame.Length);
        frame[Math.Min(KeptBytes, frame.Length)..].CopyTo(new Span<byte>(_rest.Address, frame.Length));

        // Prefetching looks ahead by less than one turn.
        int turns = (Math.Max(LeastOrder, order.Length) + order.Length - 1) / order.Length;
        _orderCount = turns * order.Length;
        _order = new HugeMemory((nuint)_orderCount * sizeof(int));
        for (int i = 0; i < turns; i++)
        {
            order.CopyTo(new Span<int>((int*)_order.Address + (i * order.Length), order.Length));
        }
    }

    /// <summary>Port by which the frames come in.</summary>
    public int Port { get; }

    /// <summary>Group of connections that they belong to.</summary>
    public int Group { get; }

    /// <summary>True for the direction against a connection's first packet.</summary>
    public bool IsReply { get; }

    /// <summary>Fills buffers of the pool.</summary>
    /// <returns>How many: fewer than <paramref name="maxCount"/> when the pool has no more.</returns>
    public int Receive(PacketPool pool, PacketBuffer** packets, int maxCount)
    {
        var order = (int*)_order.Address;
        for (int i = 0; i < maxCount; i++)
        {
            PacketBuffer* p = pool.Rent();
            if (p == null)
            {
                return i;
            }

            int ahead = _next + Ahead < _orderCount ? _next + Ahead : _next + Ahead - _orderCount;
            Sse.Prefetch0(_frames + ((long)order[ahead] * KeptBytes));
            byte* from = _frames + ((long)order[_next] * KeptBytes);
            Buffer.MemoryCopy(from, p->Data, KeptBytes, KeptBytes);
            if (_frameBytes > KeptBytes)
            {
                Buffer.MemoryCopy(_rest.Address, p->Data + KeptBytes, _frameBytes - KeptBytes, _frameBytes - KeptBytes);
            }

            p->Length = _frameBytes;
            packets[i] = p;
            _next = _next + 1 == _orderCount ? 0 : _next + 1;
        }

        return maxCount;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _order.Dispose();
        _rest.Dispose();
    }
}
