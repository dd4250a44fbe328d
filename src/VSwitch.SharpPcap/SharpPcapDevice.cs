using PacketDotNet;
using SharpPcap;
using SharpPcap.LibPcap;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;

namespace VSwitch.SharpPcap;

/// <summary>Any device of SharpPcap as a port of the switch: libpcap's interfaces, its capture files, and every other
/// <see cref="ILiveDevice"/>. One queue each way; it sends plain frames, one by one. From a device of libpcap a
/// worker takes the frames itself, with one copy into a buffer of its pool and without allocating; every other device has a thread of
/// SharpPcap's that brings them. One handle of libpcap is for one thread at a time (pcap(3PCAP)), so a lock is around each burst.
/// </summary>
public sealed unsafe class SharpPcapDevice : IPacketDevice
{
    private const int CaptureFileMtuBytes = 65535;
    private readonly Lock _gate = new();
    private readonly ICaptureDevice? _capture;
    private readonly IInjectionDevice? _injection;
    private readonly IFrameSource? _source;
    private readonly IFrameSink? _sink;
    private bool _isClosed;

    /// <summary>A live device in both directions; it is opened if it is not open yet, and belongs to this object from now on. Of
    /// libpcap's devices only frames that come in are received, not those that the switch sends.</summary>
    /// <exception cref="DeviceException">It cannot be opened, or has no Ethernet frames.</exception>
    public SharpPcapDevice(ILiveDevice device, SharpPcapOptions? options = null)
        : this(device, device, options)
    {
    }

    /// <summary>Frames from one device, to another or the same; either may be null. They are opened if they are not open yet, and belong
    /// to this object from now on.</summary>
    /// <exception cref="DeviceException">One cannot be opened, or has no Ethernet frames.</exception>
    public SharpPcapDevice(ICaptureDevice? capture, IInjectionDevice? injection, SharpPcapOptions? options = null)
    {
        options ??= new SharpPcapOptions();
        (_capture, _injection) = (capture, injection);
        Name = NameOf(capture, injection);
        bool isFile = capture is null or CaptureReaderDevice && injection is null or CaptureFileWriterDevice;
        int mtuBytes = options.MtuBytes ?? (isFile ? CaptureFileMtuBytes : CaptureDevices.MtuOf((IPcapDevice?)capture ?? injection!));
        Capabilities = new DeviceCapabilities(1, mtuBytes, Offload: false);
        try
        {
            if (capture != null)
            {
                CaptureDevices.Open(capture, options, mtuBytes);
                _source = capture is PcapDevice polled
                    ? new PolledSource(polled, Status, mtuBytes)
                    : new PushedSource(capture, Status, mtuBytes, options.BufferBytes);
            }

            if (injection != null)
            {
                if (!ReferenceEquals(capture, injection))
                {
                    CaptureDevices.Open(injection, options, mtuBytes);
                }

                _sink = SinkOf(injection, new SendingSide(Status, mtuBytes), options);
            }
        }
        catch
        {
            Close();
            throw;
        }
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public DeviceCapabilities Capabilities { get; }

    /// <inheritdoc/>
    public DeviceStatus Status { get; } = new();

    /// <summary>Opens a live device by what SharpPcap calls it: its name, its description or its friendly name.</summary>
    /// <exception cref="DeviceException">There is none, or it cannot be opened; the message has the mend.</exception>
    public static SharpPcapDevice Open(string name, SharpPcapOptions? options = null) => new(CaptureDevices.Find(name), options);

    /// <summary>Reads a capture once, as fast as it is asked, and writes what it is sent to another, with the time of the wall clock.
    /// Either may be null. The formats are libpcap's.</summary>
    /// <exception cref="DeviceException">A file cannot be opened, is no capture of Ethernet frames, or is both.</exception>
    public static SharpPcapDevice OpenFiles(string? input, string? output)
    {
        if (input != null && output != null && PathOf(input) == PathOf(output))
        {
            throw new DeviceException($"{output}: is the input of the same port: writing it would destroy what is to be read");
        }

        return new SharpPcapDevice(
            input == null ? null : new CaptureFileReaderDevice(input), output == null ? null : new CaptureFileWriterDevice(output));
    }

    /// <inheritdoc/>
    public int PollHandle(int queue) => _source?.PollHandle ?? -1;

    /// <inheritdoc/>
    public int Receive(int queue, PacketPool pool, PacketBuffer** packets, int maxCount)
    {
        lock (_gate)
        {
            return _isClosed || _source == null ? 0 : _source.Receive(pool, packets, maxCount);
        }
    }

    /// <inheritdoc/>
    public int Transmit(int queue, PacketBuffer** packets, int count)
    {
        lock (_gate)
        {
            return _isClosed ? 0 : _sink?.Send(packets, count) ?? count;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            if (!_isClosed)
            {
                _isClosed = true;
                Close();
            }
        }
    }

    private static string PathOf(string file) => File.Exists(file) && File.ResolveLinkTarget(file, returnFinalTarget: true) is FileSystemInfo target
        ? target.FullName : Path.GetFullPath(file);

    private void Close()
    {
        _capture?.Dispose();
        if (!ReferenceEquals(_capture, _injection))
        {
            _injection?.Dispose();
        }

        _source?.Dispose();
    }

    private static IFrameSink SinkOf(IInjectionDevice device, SendingSide side, SharpPcapOptions options) => device switch
    {
        CaptureFileWriterDevice file => new CaptureFileSink(file, side),
        PcapDevice pcap when options.UseSendQueue => new SendQueueSink(pcap, side),
        _ => new SingleFrameSink(device, side),
    };

    private static string NameOf(ICaptureDevice? capture, IInjectionDevice? injection) => ReferenceEquals(capture, injection)
        ? $"sharppcap {capture?.Name ?? "nothing"}"
        : $"sharppcap {capture?.Name ?? "nothing"} > {injection?.Name ?? "nothing"}";
}
