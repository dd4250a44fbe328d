using System.Net;
using System.Net.NetworkInformation;
using PacketDotNet;
using VSwitch.DataPlane.Buffers;
using VSwitch.Devices.Memory;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.SharpPcap.Tests.Devices;

/// <summary>Between frames of the switch and packets of PacketDotNet.</summary>
public sealed unsafe class PacketDotNetFramesTests : IDisposable
{
    private static readonly FrameAddresses Ends = new(
        new MacAddress(0x0200_0000_0001), new MacAddress(0x0200_0000_0002), IpAddress.Parse("10.0.0.1"), IpAddress.Parse("10.0.0.2"));

    private readonly PacketPool _pool = new(0, 8, 2);

    public void Dispose() => _pool.Dispose();

    [Fact]
    public void A_packet_crosses_a_device_of_the_switch_and_is_itself()
    {
        using var left = new MemoryDevice("left", null);
        using var right = new MemoryDevice("right", null);
        using var wire = new VirtualWire(left, right);
        EthernetPacket packet = Datagram(new byte[100]);
        for (int i = 0; i < 20; i++)
        {
            Assert.True(left.SendPacket(_pool, packet));
            Packet came = Assert.Single(right.ReceivePackets(_pool));
            Assert.Equal(packet.Bytes, came.Bytes);
            Assert.True(came.Extract<UdpPacket>().ValidUdpChecksum);
            Assert.True(came.Extract<IPv4Packet>().ValidIPChecksum);
            PacketAssert.IsValid(came.Bytes);
        }

        Assert.Equal((8, 2), (_pool.SmallFreeCount, _pool.LargeFreeCount));
    }

    [Fact]
    public void What_a_device_or_the_pool_cannot_take_is_said()
    {
        using var full = new MemoryDevice("full", null) { TransmitRoom = 0 };
        using var open = new MemoryDevice("open", null);
        Assert.False(full.SendPacket(_pool, Datagram(new byte[10])));
        using var small = new PacketPool(0, 1, 0);
        Assert.False(open.SendPacket(small, Datagram(new byte[5000])));
        Assert.True(open.SendPacket(small, Datagram(new byte[10])));
        Assert.Equal((8, 1), (_pool.SmallFreeCount, small.SmallFreeCount));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_checksum_that_was_left_to_the_device_is_whole_in_the_packet(bool isTcp)
    {
        byte[] whole = isTcp ? Frames.Tcp(Ends, 1000, 2000, TcpBits.Ack, payload: 301) : Frames.Udp(Ends, 1000, 2000, payload: 301);
        ushort offset = (ushort)(isTcp ? 16 : 6);
        PacketBuffer* p = _pool.Rent(whole.Length);
        whole.CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
        p->Length = whole.Length;
        ushort pseudo = InternetChecksum.Compute([.. whole[26..34], 0, whole[23], (byte)((whole.Length - 34) >> 8), (byte)(whole.Length - 34)]);
        (p->Data[34 + offset], p->Data[34 + offset + 1]) = ((byte)(~pseudo >> 8), (byte)~pseudo);
        Assert.NotEqual(whole, new ReadOnlySpan<byte>(p->Data, p->Length).ToArray());
        p->Offload = new VirtioNetHeader { Flags = VirtioNetHeader.NeedsChecksum, ChecksumStart = 34, ChecksumOffset = offset };
        PacketAssert.Equal(whole, PacketDotNetFrames.ToPacket(p).Bytes);

        // Nonsense of a far end is left as it is.
        byte[] asItIs = new ReadOnlySpan<byte>(p->Data, p->Length).ToArray();
        p->Offload.ChecksumStart = (ushort)(whole.Length - offset - 1);
        PacketAssert.Equal(asItIs, PacketDotNetFrames.ToPacket(p).Bytes);
        _pool.Return(p);
    }

    [Fact]
    public void A_frame_becomes_a_packet_of_its_own_bytes()
    {
        byte[] frame = Frames.Tcp(Ends, 4321, 80, TcpBits.Syn, payload: 0);
        Packet packet = PacketDotNetFrames.ToPacket(frame);
        byte[] before = [.. frame];
        TcpPacket tcp = packet.Extract<TcpPacket>();
        Assert.Equal((4321, 80, true), (tcp.SourcePort, tcp.DestinationPort, tcp.Synchronize));
        tcp.DestinationPort = 81;
        tcp.UpdateTcpChecksum();
        Assert.Equal(before, frame);
        PacketAssert.That(packet.Bytes, PacketAssert.Field("tcp.dst", "81"));
    }

    private static EthernetPacket Datagram(byte[] payload)
    {
        var udp = new UdpPacket(1, 2) { PayloadData = payload };
        var ip = new IPv4Packet(IPAddress.Parse("10.0.0.1"), IPAddress.Parse("10.0.0.2")) { PayloadPacket = udp, TimeToLive = 64 };
        udp.UpdateCalculatedValues();
        ip.UpdateCalculatedValues();
        udp.UpdateUdpChecksum();
        ip.UpdateIPChecksum();
        return new EthernetPacket(PhysicalAddress.Parse("02-00-00-00-00-01"), PhysicalAddress.Parse("02-00-00-00-00-02"), EthernetType.IPv4)
        {
            PayloadPacket = ip,
        };
    }
}
