using SharpPcap;
using VSwitch.DataPlane.Buffers;

namespace VSwitch.SharpPcap;

/// <summary>Sends frame by frame.</summary>
internal sealed unsafe class SingleFrameSink : IFrameSink
{
    private readonly IInjectionDevice _device;
    private readonly SendingSide _side;

    /// <summary>Takes an open device.</summary>
    public SingleFrameSink(IInjectionDevice device, SendingSide side)
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

        for (int i = 0; i < count; i++)
        {
            if (!_side.CanCarry(packets[i]))
            {
                continue;
            }

            try
            {
                _device.SendPacket(new ReadOnlySpan<byte>(packets[i]->Data, packets[i]->Length));
            }
            catch (Exception e) when (SendingSide.IsFailure(e))
            {
                _side.NoteFailure($"{_device.Name}: {e.Message}");
                return i;
            }

            _side.NoteSent();
        }

        return count;
    }
}
