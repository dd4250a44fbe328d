using System.Buffers.Binary;
using VSwitch.DataPlane.Buffers;
using VSwitch.Wire;

namespace VSwitch.Testing;

/// <summary>What a guest with offload hands to its device: frames whose checksum, or cutting, is left to it.</summary>
public static class SuperPackets
{
    private const int Ethernet = 14;

    /// <summary>Turns a right frame of TCP or UDP (IPv4, or IPv6 without extension headers) into one whose checksum field holds
    /// the sum of the pseudo header, as virtio 1.2, 5.1.6.2 has it.</summary>
    /// <param name="frame">The frame; stays as it is.</param>
    /// <param name="segment">Bytes of payload each segment has; 0 for a frame that is sent whole.</param>
    public static (byte[] Frame, VirtioNetHeader Offload) Of(byte[] frame, int segment = 0)
    {
        (int l4, bool isTcp) = Transport(frame);
        byte[] partial = [.. frame];
        int at = isTcp ? 16 : 6;
        bool isV6 = frame[12] == 0x86;
        ReadOnlySpan<byte> addresses = isV6 ? frame.AsSpan(Ethernet + 8, 32) : frame.AsSpan(Ethernet + 12, 8);
        ulong sum = OnesComplement.Sum(addresses) + (ulong)(isTcp ? 6 : 17) + (ulong)(frame.Length - l4);
        BinaryPrimitives.WriteUInt16BigEndian(partial.AsSpan(l4 + at), OnesComplement.Fold(sum));
        var offload = new VirtioNetHeader
        {
            Flags = VirtioNetHeader.NeedsChecksum,
            ChecksumStart = (ushort)l4,
            ChecksumOffset = (ushort)at,
        };
        if (segment > 0)
        {
            offload.GsoType = !isTcp ? VirtioNetHeader.UdpDatagrams : isV6 ? VirtioNetHeader.Tcp6 : VirtioNetHeader.Tcp4;
            offload.GsoSize = (ushort)segment;
            offload.HeaderLength = (ushort)HeaderBytes(frame);
        }

        return (partial, offload);
    }

    /// <summary>Bytes before the payload.</summary>
    public static int HeaderBytes(byte[] frame)
    {
        (int l4, bool isTcp) = Transport(frame);
        return l4 + (isTcp ? (frame[l4 + 12] >> 4) * 4 : 8);
    }

    /// <summary>Checks that frames are what a device makes of a super-packet: each is right, they carry its payload in order, and
    /// identification, sequence number and flags are as they must be.</summary>
    /// <param name="whole">The super-packet as its receiver would see it whole, with a right checksum.</param>
    /// <param name="segment">Bytes of payload each but the last must have.</param>
    /// <param name="segments">The frames.</param>
    public static void AssertCut(byte[] whole, int segment, IReadOnlyList<byte[]> segments)
    {
        int header = HeaderBytes(whole);
        (int l4, bool isTcp) = Transport(whole);
        int count = (whole.Length - header + segment - 1) / segment;
        Require(segments.Count == count, $"{segments.Count} segments, not {count}");
        for (int i = 0; i < count; i++)
        {
            byte[] expected = [.. whole[..header], .. whole.AsSpan(header + (i * segment), Math.Min(segment, whole.Length - header - (i * segment)))];
            SetLengths(expected, l4, isTcp, i);
            if (isTcp)
            {
                uint sequence = BinaryPrimitives.ReadUInt32BigEndian(whole.AsSpan(l4 + 4));
                BinaryPrimitives.WriteUInt32BigEndian(expected.AsSpan(l4 + 4), sequence + (uint)(i * segment));
                byte kept = (byte)(0xFF & ~(i > 0 ? 0x80 : 0) & ~(i < count - 1 ? 0x09 : 0));
                expected[l4 + 13] &= kept;
            }

            PacketAssert.IsValid(segments[i]);
            PacketAssert.Equal(WithoutChecksum(expected, l4, isTcp), WithoutChecksum(segments[i], l4, isTcp));
        }
    }

    private static byte[] WithoutChecksum(byte[] frame, int l4, bool isTcp)
    {
        byte[] copy = [.. frame];
        copy.AsSpan(l4 + (isTcp ? 16 : 6), 2).Clear();
        return copy;
    }

    private static void SetLengths(byte[] frame, int l4, bool isTcp, int index)
    {
        if (!isTcp)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(l4 + 4), (ushort)(frame.Length - l4));
        }

        if (frame[12] == 0x86)
        {
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(18), (ushort)(frame.Length - Ethernet - 40));
            return;
        }

        ushort id = BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(18));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(16), (ushort)(frame.Length - Ethernet));
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(18), (ushort)(id + index));
        frame.AsSpan(24, 2).Clear();
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(24), OnesComplement.Checksum(frame.AsSpan(Ethernet, l4 - Ethernet)));
    }

    private static (int L4, bool IsTcp) Transport(byte[] frame) => frame[12] == 0x86
        ? (Ethernet + 40, frame[20] == 6) : (Ethernet + ((frame[14] & 15) * 4), frame[23] == 6);

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new PacketAssertException(otherwise);
        }
    }
}
