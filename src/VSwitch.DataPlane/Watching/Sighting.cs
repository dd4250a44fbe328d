using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Pipeline;

namespace VSwitch.DataPlane.Watching;

/// <summary>A packet as a <see cref="PacketWatcher"/> sees it: a received one at its end, as it came in, or one that a device took, as
/// it was sent. Valid during the call.</summary>
public readonly unsafe struct Sighting
{
    /// <summary>No other port.</summary>
    public const int NoPort = -1;

    private readonly PacketBuffer* _packet;
    private readonly bool _isReceived;

    /// <summary>A packet whose end has come, as it came in.</summary>
    internal Sighting(PacketBuffer* received, PacketVerdict verdict, DropReason reason, int outPort)
    {
        ReceivedFrame* saved = ReceivedFrame.Of(received);
        _packet = received;
        _isReceived = true;
        Port = received->InPort;
        OtherPort = outPort;
        Direction = PacketDirection.In;
        Verdict = verdict;
        Reason = reason;
        TimeNs = saved->TimeNs;
        Length = saved->Length;
    }

    /// <summary>A packet that a device took, as it is.</summary>
    internal Sighting(PacketBuffer* sent, PacketVerdict verdict, int port, int inPort, long nowNs)
    {
        _packet = sent;
        Port = port;
        OtherPort = inPort;
        Direction = PacketDirection.Out;
        Verdict = verdict;
        TimeNs = nowNs;
        Length = sent->Length;
    }

    /// <summary>The port where it is seen.</summary>
    public int Port { get; }

    /// <summary>Of a forwarded packet, where it left, or, seen as it leaves, where it came in; else <see cref="NoPort"/>.</summary>
    public int OtherPort { get; }

    /// <summary>Which way it went there.</summary>
    public PacketDirection Direction { get; }

    /// <summary>What became of it.</summary>
    public PacketVerdict Verdict { get; }

    /// <summary>Why it was dropped.</summary>
    public DropReason Reason { get; }

    /// <summary>When it came in, or was sent, in the worker's time, nanoseconds.</summary>
    public long TimeNs { get; }

    /// <summary>Bytes of the frame.</summary>
    public int Length { get; }

    /// <summary>What was left to the device.</summary>
    public VirtioNetHeader Offload => _isReceived ? ReceivedFrame.Of(_packet)->Offload : _packet->Offload;

    /// <summary>Copies the beginning of the frame.</summary>
    /// <param name="copy">Where to.</param>
    /// <param name="bytes">How much, at most <see cref="Length"/>.</param>
    public void CopyTo(byte* copy, int bytes)
    {
        Unsafe.CopyBlockUnaligned(copy, _packet->Data, (uint)bytes);
        if (_isReceived)
        {
            ReceivedFrame.Of(_packet)->Restore(copy, bytes);
        }
    }

    /// <summary>A copy of the frame; allocates, so for tests and replays.</summary>
    public byte[] ToArray()
    {
        byte[] frame = new byte[Length];
        fixed (byte* to = frame)
        {
            CopyTo(to, Length);
        }

        return frame;
    }
}
