using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Watching;
using VSwitch.Devices.Pcap;

namespace VSwitch.Replay;

/// <summary>The clock of a replay: the trace's.</summary>
internal sealed class ReplayClock
{
    public long NowNs { get; set; }
}

/// <summary>A port that writes what it is sent to a capture, at the trace's time.</summary>
internal sealed unsafe class ReplayPort(string name, PcapWriter writer, ReplayClock clock) : IPacketDevice
{
    private const int MtuBytes = 65535;

    public string Name => name;

    public DeviceCapabilities Capabilities { get; } = new(1, MtuBytes, Offload: false);

    public DeviceStatus Status { get; } = new();

    public int Receive(int queue, PacketPool pool, PacketBuffer** packets, int maxCount) => 0;

    public int Transmit(int queue, PacketBuffer** packets, int count)
    {
        for (int i = 0; i < count; i++)
        {
            writer.Write(new ReadOnlySpan<byte>(packets[i]->Data, packets[i]->Length), clock.NowNs);
        }

        return count;
    }

    public int PollHandle(int queue) => -1;

    public void Dispose() => writer.Dispose();
}

/// <summary>Writes every dropped frame with its reason as the comment.</summary>
internal sealed unsafe class ReplayDrops(PcapngWriter writer, ReplayClock clock) : PacketWatcher, IDisposable
{
    private byte[] _frame = [];

    /// <summary>Whatever is dropped.</summary>
    public static PacketMatch Match { get; } = new() { Verdict = PacketVerdict.Dropped };

    protected override void See(int worker, in Sighting sighting)
    {
        if (_frame.Length < sighting.Length)
        {
            _frame = new byte[Math.Max(sighting.Length, CaptureReader.MaxRecordBytes)];
        }

        fixed (byte* frame = _frame)
        {
            sighting.CopyTo(frame, sighting.Length);
        }

        Write(sighting.Port, _frame.AsSpan(0, sighting.Length), sighting.Reason);
    }

    /// <summary>Writes a frame that never entered the corridor.</summary>
    public void Write(int port, ReadOnlySpan<byte> frame, DropReason reason) =>
        writer.Write(port, frame, clock.NowNs, reason.Name());

    public void Dispose() => writer.Dispose();
}
