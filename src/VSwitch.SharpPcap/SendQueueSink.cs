using System.Runtime.InteropServices;
using SharpPcap;
using SharpPcap.LibPcap;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.SharpPcap;

/// <summary>Sends a burst as one send queue (pcap_sendqueue_transmit): one call into Npcap's driver for all of its frames.</summary>
internal sealed unsafe class SendQueueSink : IFrameSink
{
    /// <summary>At least what a queue keeps beside a frame: struct pcap_pkthdr.</summary>
    private const int HeaderBytes = 32;
    private readonly PcapDevice _device;
    private readonly SendingSide _side;
    private byte[] _frame = new byte[2048];

    /// <summary>Takes an open device.</summary>
    public SendQueueSink(PcapDevice device, SendingSide side)
    {
        _device = device;
        _side = side;
    }

    /// <inheritdoc/>
    public int Send(PacketBuffer** packets, int count)
    {
        if (_side.IsResting)
        {
            return 0;
        }

        // A queue cannot be emptied: each burst has its own.
        using var queue = new SendQueue(RoomFor(packets, count));
        Span<int> ends = stackalloc int[count];
        for (int i = 0; i < count; i++)
        {
            if (_side.CanCarry(packets[i]))
            {
                Add(queue, packets[i]);
            }

            ends[i] = queue.CurrentLength;
        }

        int sentBytes = queue.Transmit(_device, SendQueueTransmitModes.Normal);
        if (sentBytes == queue.CurrentLength)
        {
            _side.NoteSent();
            return count;
        }

        _side.NoteFailure($"{_device.Name}: {_device.LastError}");
        int taken = 0;
        while (taken < count && ends[taken] <= sentBytes)
        {
            taken++;
        }

        return taken;
    }

    private static int RoomFor(PacketBuffer** packets, int count)
    {
        int bytes = 0;
        for (int i = 0; i < count; i++)
        {
            bytes += packets[i]->Length + HeaderBytes;
        }

        return bytes;
    }

    private void Add(SendQueue queue, PacketBuffer* p)
    {
        if (_frame.Length < p->Length)
        {
            _frame = new byte[p->Length];
        }

        Marshal.Copy((nint)p->Data, _frame, 0, p->Length);
        _ = queue.Add(new PcapHeader(0, 0, (uint)p->Length, (uint)p->Length), _frame);
    }
}
