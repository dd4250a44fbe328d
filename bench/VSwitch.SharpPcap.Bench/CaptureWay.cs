using SharpPcap;
using SharpPcap.LibPcap;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Live;
using VSwitch.Lab;

namespace VSwitch.SharpPcap.Bench;

/// <summary>A way to take waiting frames from an interface: takes exactly so many, each copied once.</summary>
internal sealed class CaptureWay : IDisposable
{
    private readonly IDisposable _device;

    private CaptureWay(string name, IDisposable device, Action<FrameStore, int> take)
    {
        Name = name;
        _device = device;
        Take = take;
    }

    /// <summary>What it is called in the table.</summary>
    public string Name { get; }

    /// <summary>Takes so many frames that wait.</summary>
    public Action<FrameStore, int> Take { get; }

    /// <summary>The same with a device of the switch.</summary>
    public IPacketDevice? Port => _device as IPacketDevice;

    /// <summary>All ways, open on the near end; the first is what the others are compared with.</summary>
    public static List<CaptureWay> OpenAll() =>
    [
        OfPort("AF_PACKET: `interface`", () => new PacketSocketDevice(BenchWire.Near, 1)),
        OfPort("libpcap: `sharppcap`", () => SharpPcapDevice.Open(BenchWire.Near, new SharpPcapOptions { MtuBytes = 1500 })),
        Loop(),
        NextPacket(),
    ];

    /// <inheritdoc/>
    public void Dispose() => _device.Dispose();

    private static CaptureWay OfPort(string name, Func<IPacketDevice> open)
    {
        IPacketDevice port = NamespaceThread.Run(BenchWire.NearNamespace, open);
        return new CaptureWay(name, port, (store, count) =>
        {
            for (int got = 0; got < count; got += store.Receive(port))
            {
            }
        });
    }

    /// <summary>SharpPcap's own loop, which calls back with a span a frame.</summary>
    private static CaptureWay Loop()
    {
        LibPcapLiveDevice device = OpenPlain();
        byte[] copy = new byte[2048];
        device.OnPacketArrival += (_, capture) => capture.Data.CopyTo(copy);
        return new CaptureWay("SharpPcap's loop (`OnPacketArrival`)", device, (_, count) => device.Capture(count));
    }

    /// <summary>SharpPcap's own question for the next frame.</summary>
    private static CaptureWay NextPacket()
    {
        LibPcapLiveDevice device = OpenPlain();
        byte[] copy = new byte[2048];
        return new CaptureWay("SharpPcap's `GetNextPacket`", device, (_, count) =>
        {
            for (int got = 0; got < count;)
            {
                if (device.GetNextPacket(out PacketCapture capture) == GetPacketStatus.PacketRead)
                {
                    capture.Data.CopyTo(copy);
                    got++;
                }
            }
        });
    }

    private static LibPcapLiveDevice OpenPlain() => NamespaceThread.Run(BenchWire.NearNamespace, () =>
    {
        var device = (LibPcapLiveDevice)CaptureDeviceList.New().First(d => d.Name == BenchWire.Near);
        device.Open(new DeviceConfiguration { Mode = DeviceModes.Promiscuous, Immediate = true, Snaplen = 1522, BufferSize = 8 << 20, ReadTimeout = 1 });
        return device;
    });
}
