using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Pipeline;
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
internal sealed unsafe class ReplayDrops(PcapngWriter writer, ReplayClock clock) : IDropObserver, IDisposable
{
    public void OnDrop(PacketBuffer* packet) =>
        Write(packet->InPort, new ReadOnlySpan<byte>(packet->Data, packet->Length), packet->Reason);

    /// <summary>Writes a frame that never entered the corridor.</summary>
    public void Write(int port, ReadOnlySpan<byte> frame, DropReason reason) =>
        writer.Write(port, frame, clock.NowNs, reason.Name());

    public void Dispose() => writer.Dispose();
}
