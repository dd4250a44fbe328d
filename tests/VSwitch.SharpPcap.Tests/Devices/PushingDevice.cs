using System.Net.NetworkInformation;
using PacketDotNet;
using SharpPcap;

namespace VSwitch.SharpPcap.Tests.Devices;

/// <summary>A live device that is not libpcap's, whose thread is the test's.</summary>
internal sealed class PushingDevice : ILiveDevice
{
    public event PacketArrivalEventHandler? OnPacketArrival;

    public event CaptureStoppedEventHandler? OnCaptureStopped;

    public List<byte[]> Sent { get; } = [];

    public bool KeepsSent { get; set; } = true;

    /// <summary>Frames that it sends before it fails.</summary>
    public int FailsAfter { get; set; } = int.MaxValue;

    public int CloseCount { get; private set; }

    public string Name => "pushing";

    public string Description => "a device of a test";

    public string? LastError => "it broke";

    public string? Filter { get; set; }

    public PhysicalAddress? MacAddress => null;

    public LinkLayers LinkType { get; set; } = LinkLayers.Ethernet;

    public bool Started { get; private set; }

    public TimeSpan StopCaptureTimeout { get; set; }

    public ICaptureStatistics? Statistics => null;

    public TimestampResolution TimestampResolution => TimestampResolution.Microsecond;

    public void Push(ReadOnlySpan<byte> frame) => OnPacketArrival?.Invoke(this, new PacketCapture(this, null!, frame));

    public void StopWithError() => OnCaptureStopped?.Invoke(this, CaptureStoppedEventStatus.ErrorWhileCapturing);

    public void Open(DeviceConfiguration configuration)
    {
    }

    public void StartCapture() => Started = true;

    public void StopCapture() => Started = false;

    public void Capture() => throw new NotSupportedException();

    public GetPacketStatus GetNextPacket(out PacketCapture e) => throw new NotSupportedException();

    public void SendPacket(ReadOnlySpan<byte> p, ICaptureHeader? header = null)
    {
        if (FailsAfter-- <= 0)
        {
            throw new IOException("out of order");
        }

        if (KeepsSent)
        {
            Sent.Add(p.ToArray());
        }
    }

    public void Close() => CloseCount++;

    public void Dispose() => Close();
}
