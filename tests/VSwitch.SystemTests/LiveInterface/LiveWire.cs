using System.Diagnostics;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Live;
using VSwitch.Lab;
using VSwitch.SystemTests.BlackBox;

namespace VSwitch.SystemTests.LiveInterface;

/// <summary>A veth pair between two namespaces of its own, in which no kernel says anything by itself: live devices on
/// either end, raw sockets that know nothing of them, and buffers.</summary>
internal sealed unsafe class LiveWire : IDisposable
{
    public const string NearNamespace = "vlw-near";
    public const string FarNamespace = "vlw-far";
    public const string Near = "near0";
    public const string Far = "far0";
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private readonly List<IDisposable> _open = [];
    private readonly PacketPool _pool = new(0, 8192, 256);

    public LiveWire(int mtuBytes = 1500)
    {
        Remove();
        foreach (string ns in (string[])[NearNamespace, FarNamespace])
        {
            LabProcess.Ip("netns", "add", ns);
            foreach (string of in (string[])["all", "default"])
            {
                _ = NamespaceThread.Run(ns, () =>
                {
                    File.WriteAllText($"/proc/sys/net/ipv6/conf/{of}/disable_ipv6", "1");
                    return true;
                });
            }
        }

        MakeWire(mtuBytes);
    }

    /// <summary>Makes the pair, anew when a test removed it.</summary>
    public static void MakeWire(int mtuBytes)
    {
        string mtu = $"{mtuBytes}";
        LabProcess.Ip(
            "-n", NearNamespace, "link", "add", Near, "mtu", mtu, "type", "veth",
            "peer", "name", Far, "mtu", mtu, "netns", FarNamespace);
        Set(NearNamespace, Near, "up");
        Set(FarNamespace, Far, "up");
    }

    public static void Set(string ns, string device, string state) =>
        LabProcess.Ip("-n", ns, "link", "set", "dev", device, state);

    /// <summary>Runs a program in a namespace; it must succeed.</summary>
    public static void Run(string ns, params string[] command)
    {
        var start = new ProcessStartInfo("ip", ["netns", "exec", ns, .. command]) { RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{string.Join(' ', command)}: {error}");
        }
    }

    /// <summary>A live device on an interface of a namespace.</summary>
    public PacketSocketDevice Open(string ns, string device, int queues = 1) =>
        Open(ns, () => new PacketSocketDevice(device, queues));

    /// <summary>Any device that is opened in a namespace.</summary>
    public T Open<T>(string ns, Func<T> open)
        where T : IDisposable => Keep(NamespaceThread.Run(ns, open));

    /// <summary>A raw socket on an interface of a namespace.</summary>
    public PacketSocket OpenSocket(string ns, string device) => Keep(new PacketSocket(ns, device));

    /// <summary>Offers frames to a device as one burst, in buffers that are given back.</summary>
    /// <returns>How many it took.</returns>
    public int Offer(IPacketDevice device, params ReadOnlySpan<LiveFrame> frames)
    {
        PacketBuffer** packets = stackalloc PacketBuffer*[frames.Length];
        for (int i = 0; i < frames.Length; i++)
        {
            packets[i] = _pool.Rent(frames[i].Bytes.Length);
            frames[i].Bytes.CopyTo(new Span<byte>(packets[i]->Data, packets[i]->CapacityBytes));
            packets[i]->Length = frames[i].Bytes.Length;
            packets[i]->Offload = frames[i].Offload;
        }

        int taken = device.Transmit(0, packets, frames.Length);
        for (int i = 0; i < frames.Length; i++)
        {
            _pool.Return(packets[i]);
        }

        return taken;
    }

    /// <summary>What waits at a queue of a device now.</summary>
    public List<LiveFrame> Take(IPacketDevice device, int queue = 0, int maxCount = 64)
    {
        PacketBuffer** packets = stackalloc PacketBuffer*[maxCount];
        int count = device.Receive(queue, _pool, packets, maxCount);
        var frames = new List<LiveFrame>(count);
        for (int i = 0; i < count; i++)
        {
            byte[] bytes = new ReadOnlySpan<byte>(packets[i]->Data, packets[i]->Length).ToArray();
            frames.Add(new LiveFrame(bytes, packets[i]->Offload));
            _pool.Return(packets[i]);
        }

        return frames;
    }

    /// <summary>Waits for so many frames at a queue of a device.</summary>
    public List<LiveFrame> Await(IPacketDevice device, int count, int queue = 0)
    {
        var frames = new List<LiveFrame>();
        bool came = SpinWait.SpinUntil(
            () =>
            {
                frames.AddRange(Take(device, queue));
                return frames.Count >= count;
            }, Limit);
        return came ? frames
            : throw new InvalidOperationException($"{frames.Count} frames of {count} came to {device.Name}");
    }

    /// <summary>Waits for so many frames at a raw socket.</summary>
    public static List<byte[]> Await(PacketSocket socket, int count)
    {
        byte[] buffer = new byte[128 << 10];
        var frames = new List<byte[]>();
        bool came = SpinWait.SpinUntil(
            () =>
            {
                for (int length = socket.Receive(buffer); length > 0; length = socket.Receive(buffer))
                {
                    frames.Add(buffer[..length]);
                }

                return frames.Count >= count;
            }, Limit);
        return came ? frames
            : throw new InvalidOperationException($"{frames.Count} frames of {count} came to the socket");
    }

    /// <summary>Buffers that are not given back.</summary>
    public int MissingBuffers => _pool.SmallCount - _pool.SmallFreeCount + _pool.LargeCount - _pool.LargeFreeCount;

    public void Dispose()
    {
        _open.ForEach(o => o.Dispose());
        _pool.Dispose();
        Remove();
    }

    private static void Remove()
    {
        LabProcess.TryIp("netns", "delete", NearNamespace);
        LabProcess.TryIp("netns", "delete", FarNamespace);
    }

    private T Keep<T>(T opened)
        where T : IDisposable
    {
        _open.Add(opened);
        return opened;
    }
}

/// <summary>A frame with what its virtio header says.</summary>
internal sealed record LiveFrame(byte[] Bytes, VirtioNetHeader Offload)
{
    public LiveFrame(byte[] bytes)
        : this(bytes, default)
    {
    }
}
