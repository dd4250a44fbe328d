using SharpPcap;
using SharpPcap.LibPcap;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.SharpPcap;

/// <summary>Writes a capture, a burst with one time of the wall clock. SharpPcap's own way to inject into a file writes no time, and
/// libpcap does not say whether the disk took it.</summary>
internal sealed unsafe class CaptureFileSink : IFrameSink
{
    private readonly CaptureFileWriterDevice _file;
    private readonly SendingSide _side;

    /// <summary>Takes an open file.</summary>
    public CaptureFileSink(CaptureFileWriterDevice file, SendingSide side)
    {
        _file = file;
        _side = side;
    }

    /// <inheritdoc/>
    public int Send(PacketBuffer** packets, int count)
    {
        var header = new PcapHeader(0, 0, 0, 0) { Timeval = new PosixTimeval(DateTime.UtcNow) };
        for (int i = 0; i < count; i++)
        {
            if (_side.CanCarry(packets[i]))
            {
                header.CaptureLength = header.PacketLength = (uint)packets[i]->Length;
                _file.Write(new ReadOnlySpan<byte>(packets[i]->Data, packets[i]->Length), ref header);
            }
        }

        return count;
    }
}
