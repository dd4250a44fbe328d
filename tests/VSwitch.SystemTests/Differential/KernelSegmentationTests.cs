using VSwitch.DataPlane.Buffers;
using VSwitch.Devices.Tap;
using VSwitch.Lab;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.SystemTests.Differential;

/// <summary>The kernel as the judge of what segments look like: it routes a super-packet from a TAP with offload to one without.
/// The switch's own segments are held against the same check (OffloadTests).</summary>
public sealed unsafe class KernelSegmentationTests
{
    private const string Namespace = "vsk-cut";
    private static readonly MacAddress Sender = MacAddress.Parse("02:00:00:00:01:10");
    private static readonly MacAddress Router = MacAddress.Parse("02:00:00:00:00:01");
    private static readonly byte[] Timestamps = [1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8];

    [RootFact]
    public void The_kernel_cuts_super_packets_as_the_check_says()
    {
        LabProcess.TryIp("netns", "delete", Namespace);
        LabProcess.Ip("netns", "add", Namespace);
        try
        {
            int checkedCount = NamespaceThread.Run(Namespace, CutAll);
            Assert.Equal(16, checkedCount);
        }
        finally
        {
            LabProcess.TryIp("netns", "delete", Namespace);
        }
    }

    private static int CutAll()
    {
        using var from = new TapDevice(new TapOptions("vskc-a", 1, Offload: true));
        using var to = new TapDevice(new TapOptions("vskc-b", 1, Offload: false));
        SetUp();
        using var pool = new PacketPool(0, 256, 8);
        int checkedCount = 0;
        foreach (bool isV6 in new[] { false, true })
        {
            foreach (TcpBits? bits in new TcpBits?[] { null, TcpBits.None, TcpBits.Psh | TcpBits.Fin, TcpBits.Psh | TcpBits.Ece | TcpBits.Cwr })
            {
                foreach (int payload in new[] { 4000, 30_001 })
                {
                    byte[] whole = Whole(isV6, bits, payload);
                    int segment = 1200;
                    int count = (payload + segment - 1) / segment;
                    Write(from, pool, SuperPackets.Of(whole, segment));
                    List<byte[]> segments = Read(to, pool, isV6, count);
                    Assert.True(segments.Count == count, $"{segments.Count} of {count} segments; {from.Status.LastError}");

                    // The router's own work: MACs and TTL are the first segment's.
                    segments[0].AsSpan(0, 14).CopyTo(whole);
                    int ttl = isV6 ? 21 : 22;
                    whole[ttl] = segments[0][ttl];
                    SuperPackets.AssertCut(whole, segment, segments);
                    checkedCount++;
                }
            }
        }

        return checkedCount;
    }

    private static byte[] Whole(bool isV6, TcpBits? bits, int payload)
    {
        PacketBuilder ip = isV6
            ? PacketBuilder.Eth(Sender, Router).IPv6(IpAddress.Parse("fd00:1::10"), IpAddress.Parse("fd00:2::10"))
            : PacketBuilder.Eth(Sender, Router).IPv4(IpAddress.Parse("10.1.0.10"), IpAddress.Parse("10.2.0.10"), v4 => v4 with { Identification = 65_530 });
        return (bits is TcpBits tcp
            ? ip.Tcp(40_000, 443, TcpBits.Ack | tcp, t => t with { Sequence = uint.MaxValue - 5000, Acknowledgment = 9, Options = Timestamps })
            : ip.Udp(40_000, 443)).Payload(payload).Build();
    }

    private static void SetUp()
    {
        foreach (string name in new[] { "ipv4/ip_forward", "ipv6/conf/all/forwarding" })
        {
            File.WriteAllText("/proc/sys/net/" + name, "1\n");
        }

        foreach ((string tap, string net, string peer) in new[] { ("vskc-a", "1", "10"), ("vskc-b", "2", "10") })
        {
            LabProcess.Ip("-n", Namespace, "link", "set", tap, "address", Router.ToString());
            LabProcess.Ip("-n", Namespace, "link", "set", tap, "up");
            LabProcess.Ip("-n", Namespace, "addr", "add", $"10.{net}.0.1/24", "dev", tap);
            LabProcess.Ip("-n", Namespace, "addr", "add", $"fd00:{net}::1/64", "dev", tap, "nodad");
            LabProcess.Ip("-n", Namespace, "neigh", "replace", $"10.{net}.0.{peer}", "lladdr", Sender.ToString(), "dev", tap, "nud", "permanent");
            LabProcess.Ip("-n", Namespace, "neigh", "replace", $"fd00:{net}::{peer}", "lladdr", Sender.ToString(), "dev", tap, "nud", "permanent");
        }
    }

    private static void Write(TapDevice tap, PacketPool pool, (byte[] Frame, VirtioNetHeader Offload) super)
    {
        PacketBuffer* p = pool.Rent(super.Frame.Length);
        super.Frame.CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
        p->Length = super.Frame.Length;
        p->Offload = super.Offload;
        Assert.Equal(1, tap.Transmit(0, &p, 1));
        pool.Return(p);
    }

    /// <summary>Frames of the connection; the kernel also says who it is (neighbour discovery).</summary>
    private static List<byte[]> Read(TapDevice tap, PacketPool pool, bool isV6, int count)
    {
        PacketBuffer** packets = stackalloc PacketBuffer*[64];
        var frames = new List<byte[]>();
        var deadline = System.Diagnostics.Stopwatch.StartNew();
        while (frames.Count < count && deadline.Elapsed < TimeSpan.FromSeconds(10))
        {
            int taken = tap.Receive(0, pool, packets, 64);
            for (int i = 0; i < taken; i++)
            {
                byte[] frame = new ReadOnlySpan<byte>(packets[i]->Data, packets[i]->Length).ToArray();
                pool.Return(packets[i]);
                if (isV6 ? frame[12] == 0x86 && frame[20] is 6 or 17 : frame[12] == 8)
                {
                    frames.Add(frame);
                }
            }
        }

        return frames;
    }
}
