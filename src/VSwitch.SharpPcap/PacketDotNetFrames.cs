using System.Buffers.Binary;
using PacketDotNet;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;
using VSwitch.Wire;

namespace VSwitch.SharpPcap;

/// <summary>Between frames of the switch and packets of PacketDotNet, for tests and tools of one's own. Everything here copies and
/// allocates; it is not for a packet's way.</summary>
public static unsafe class PacketDotNetFrames
{
    private const int UdpChecksumOffset = 6;

    /// <summary>A frame as PacketDotNet reads it, in bytes of its own.</summary>
    /// <param name="frame">From the Ethernet header on, without FCS.</param>
    /// <exception cref="Exception">What PacketDotNet throws for a frame that it cannot read.</exception>
    public static Packet ToPacket(ReadOnlySpan<byte> frame) => Packet.ParsePacket(LinkLayers.Ethernet, frame.ToArray());

    /// <summary>A buffer's frame as PacketDotNet reads it, in bytes of its own. A checksum that was left to the device (virtio 1.2,
    /// 5.1.6.2) is whole in the copy. The buffer stays the caller's.</summary>
    /// <exception cref="Exception">What PacketDotNet throws for a frame that it cannot read.</exception>
    public static Packet ToPacket(PacketBuffer* buffer)
    {
        byte[] frame = new ReadOnlySpan<byte>(buffer->Data, buffer->Length).ToArray();
        Complete(frame, buffer->Offload);
        return Packet.ParsePacket(LinkLayers.Ethernet, frame);
    }

    /// <summary>A buffer with a packet's bytes as they are: PacketDotNet fills in lengths and checksums only when asked
    /// (<c>UpdateCalculatedValues</c>, <c>UpdateIPChecksum</c>, <c>UpdateTcpChecksum</c>). Null when the pool has none for it.</summary>
    /// <param name="pool">The caller's own pool; the buffer goes back there.</param>
    /// <param name="packet">An Ethernet frame.</param>
    public static PacketBuffer* Rent(PacketPool pool, Packet packet)
    {
        ArgumentNullException.ThrowIfNull(pool);
        ArgumentNullException.ThrowIfNull(packet);
        byte[] bytes = packet.Bytes;
        PacketBuffer* p = pool.Rent(bytes.Length);
        if (p != null)
        {
            bytes.CopyTo(new Span<byte>(p->Data, p->CapacityBytes));
            p->Length = bytes.Length;
        }

        return p;
    }

    /// <summary>What waits at a device now, any device of the switch; the buffers are back in the pool.</summary>
    /// <param name="device">The device.</param>
    /// <param name="pool">The caller's own pool.</param>
    /// <param name="maxCount">At most so many.</param>
    /// <param name="queue">Queue of the device.</param>
    /// <exception cref="Exception">What PacketDotNet throws for a frame that it cannot read.</exception>
    public static IReadOnlyList<Packet> ReceivePackets(this IPacketDevice device, PacketPool pool, int maxCount = 64, int queue = 0)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(pool);
        PacketBuffer*[] buffers = new PacketBuffer*[maxCount];
        var packets = new List<Packet>();
        fixed (PacketBuffer** first = buffers)
        {
            int count = device.Receive(queue, pool, first, maxCount);
            try
            {
                for (int i = 0; i < count; i++)
                {
                    packets.Add(ToPacket(first[i]));
                }
            }
            finally
            {
                for (int i = 0; i < count; i++)
                {
                    pool.Return(first[i]);
                }
            }
        }

        return packets;
    }

    /// <summary>Sends a packet's bytes as they are by a device, any device of the switch.</summary>
    /// <param name="device">The device.</param>
    /// <param name="pool">The caller's own pool.</param>
    /// <param name="packet">An Ethernet frame.</param>
    /// <param name="queue">Queue of the device.</param>
    /// <returns>False when the device did not take it, or the pool has no buffer for it.</returns>
    public static bool SendPacket(this IPacketDevice device, PacketPool pool, Packet packet, int queue = 0)
    {
        ArgumentNullException.ThrowIfNull(device);
        PacketBuffer* p = Rent(pool, packet);
        if (p == null)
        {
            return false;
        }

        int taken = device.Transmit(queue, &p, 1);
        pool.Return(p);
        return taken == 1;
    }

    /// <summary>The field holds the sum of the pseudo header: summing from where the header says gives the whole checksum.</summary>
    private static void Complete(Span<byte> frame, VirtioNetHeader offload)
    {
        int field = offload.ChecksumStart + offload.ChecksumOffset;
        if ((offload.Flags & VirtioNetHeader.NeedsChecksum) == 0 || field + sizeof(ushort) > frame.Length)
        {
            return;
        }

        ushort checksum = InternetChecksum.Compute(frame[offload.ChecksumStart..]);
        bool isUdp = offload.ChecksumOffset == UdpChecksumOffset;
        BinaryPrimitives.WriteUInt16BigEndian(frame[field..], checksum == 0 && isUdp ? (ushort)0xFFFF : checksum);
    }
}
