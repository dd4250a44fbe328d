using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.DataPlane.Pipeline;

/// <summary>What one worker has ready for each port, until the end of the burst. Native memory; a queue takes a burst.</summary>
internal sealed unsafe class EgressQueues : IDisposable
{
    private readonly HugeMemory _memory;
    private readonly Queue* _queues;
    private readonly ushort[] _touched;

    public EgressQueues(int portCapacity, int transmitQueue)
    {
        TransmitQueue = transmitQueue;
        _memory = new HugeMemory((nuint)portCapacity * (nuint)sizeof(Queue));
        _queues = (Queue*)_memory.Address;
        _touched = new ushort[portCapacity];
    }

    private struct Queue
    {
        public int Count;
        public int IsTouched;
        public int HasLong;
        public fixed long Packets[PacketPipeline<NoTrace>.MaxBurst];
    }

    /// <summary>The worker's queue on each device.</summary>
    public int TransmitQueue { get; }

    /// <summary>Ports with packets.</summary>
    public int TouchedCount { get; private set; }

    public int Touched(int i) => _touched[i];

    public void ClearTouched()
    {
        for (int i = 0; i < TouchedCount; i++)
        {
            _queues[_touched[i]].IsTouched = 0;
        }

        TouchedCount = 0;
    }

    /// <summary>Adds a packet; true when the queue is full now.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Add(PacketBuffer* p, int port)
    {
        Queue* queue = _queues + port;
        int count = queue->Count++;
        queue->Packets[count] = (long)p;
        if (count == 0)
        {
            Touch(queue, port);
        }

        return count == PacketPipeline<NoTrace>.MaxBurst - 1;
    }

    /// <summary>Says that a packet which is longer than the port takes is about to be added.</summary>
    public void MarkLong(int port) => _queues[port].HasLong = 1;

    /// <summary>True when such a packet was added since the last call.</summary>
    public bool TakeLong(int port)
    {
        bool hasLong = _queues[port].HasLong != 0;
        _queues[port].HasLong = 0;
        return hasLong;
    }

    public PacketBuffer** Packets(int port, out int count)
    {
        count = _queues[port].Count;
        return (PacketBuffer**)_queues[port].Packets;
    }

    public void Clear(int port) => _queues[port].Count = 0;

    /// <summary>A queue that was full and went out at once is touched already.</summary>
    private void Touch(Queue* queue, int port)
    {
        if (queue->IsTouched == 0)
        {
            queue->IsTouched = 1;
            _touched[TouchedCount++] = (ushort)port;
        }
    }

    public void Dispose() => _memory.Dispose();
}
