using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Pipeline;

namespace VSwitch.DataPlane.Watching;

/// <summary>What the pipeline may change in a frame, as it came in: MAC addresses, the fixed IPv4 header (or the beginning of IPv6's), the
/// transport checksum, a checksum left to the device, what an ICMP error quotes, length and offload. It lies in the buffer before
/// the frame, so it goes with the packet wherever that is handed over or held. Written only while somebody watches.</summary>
[StructLayout(LayoutKind.Explicit, Size = SizeBytes)]
internal unsafe struct ReceivedFrame
{
    /// <summary>To where devices put a virtio header before the frame; a house test holds it.</summary>
    public const int SizeBytes = PacketBuffer.DataOffsetBytes - VirtioBytes - PacketBuffer.SavedOffsetBytes;

    private const int VirtioBytes = 10;
    private const int HeadBytes = 34;
    private const int QuoteBytes = 10;
    private const int QuotedAddressesAt = 10;
    private const int Ip4Bytes = 20;
    private const int IcmpHeaderBytes = 8;

    /// <summary>When it came in, in the worker's time, nanoseconds.</summary>
    [FieldOffset(0)] public long TimeNs;

    /// <summary>One bit for each watcher, by its slot, that it is for.</summary>
    [FieldOffset(8)] public uint Watchers;

    /// <summary>Version of the <see cref="WatchSet"/> that the bits are of.</summary>
    [FieldOffset(12)] public uint SetVersion;

    /// <summary>Bytes, padding included.</summary>
    [FieldOffset(16)] public int Length;

    /// <summary>As the device gave it.</summary>
    [FieldOffset(20)] public VirtioNetHeader Offload;

    [FieldOffset(30)] private ushort _sumAt;
    [FieldOffset(32)] private ushort _sum;
    [FieldOffset(34)] private ushort _leftSum;
    [FieldOffset(36)] private ushort _quoteAt;
    [FieldOffset(38)] private ushort _quotedSumAt;
    [FieldOffset(40)] private ushort _quotedSum;
    [FieldOffset(42)] private fixed byte _quote[QuoteBytes];
    [FieldOffset(52)] private fixed byte _head[HeadBytes];

    /// <summary>Where a buffer keeps it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ReceivedFrame* Of(PacketBuffer* p) => (ReceivedFrame*)((byte*)p + PacketBuffer.SavedOffsetBytes);

    /// <summary>Saves a frame that just came in, before anything looked at it: it may be of any form.</summary>
    public void Save(PacketBuffer* p, long nowNs, uint watchers, uint setVersion)
    {
        byte* frame = p->Data;
        TimeNs = nowNs;
        Watchers = watchers;
        SetVersion = setVersion;
        Length = p->Length;
        Offload = p->Offload;
        fixed (byte* head = _head)
        {
            Unsafe.CopyBlockUnaligned(head, frame, HeadBytes);
        }

        _sumAt = 0;
        _quoteAt = 0;
        _quotedSumAt = 0;
        if (ParseStage.EtherType(p) == ParseStage.EtherTypeIp4 && Length >= HeadBytes)
        {
            SaveTransport(frame);
        }

        if ((Offload.Flags & VirtioNetHeader.NeedsChecksum) != 0)
        {
            int at = Offload.ChecksumStart + Offload.ChecksumOffset;
            _leftSum = IsInside(at) ? *(ushort*)(frame + at) : (ushort)0;
        }

        p->Flags |= PacketFlags.Saved;
    }

    /// <summary>Makes a copy of the frame as it is now into one of the frame as it came in.</summary>
    /// <param name="copy">The copy.</param>
    /// <param name="bytes">How much of the frame it has.</param>
    public readonly void Restore(byte* copy, int bytes)
    {
        fixed (byte* head = _head)
        {
            Unsafe.CopyBlockUnaligned(copy, head, (uint)Math.Min(bytes, HeadBytes));
        }

        PutBack(copy, bytes, _sumAt, _sum);
        if ((Offload.Flags & VirtioNetHeader.NeedsChecksum) != 0)
        {
            int at = Offload.ChecksumStart + Offload.ChecksumOffset;
            if (IsInside(at))
            {
                PutBack(copy, bytes, at, _leftSum);
            }
        }

        if (_quoteAt != 0 && _quoteAt < bytes)
        {
            fixed (byte* quote = _quote)
            {
                Unsafe.CopyBlockUnaligned(copy + _quoteAt, quote, (uint)Math.Min(bytes - _quoteAt, QuoteBytes));
            }
        }

        PutBack(copy, bytes, _quotedSumAt, _quotedSum);
    }

    private readonly bool IsInside(int at) => at + sizeof(ushort) <= Length;

    private static void PutBack(byte* copy, int bytes, int at, ushort sum)
    {
        if (at == 0 || at >= bytes)
        {
            return;
        }

        copy[at] = (byte)sum;
        if (at + 1 < bytes)
        {
            copy[at + 1] = (byte)(sum >> 8);
        }
    }

    private void SaveTransport(byte* frame)
    {
        byte* ip = frame + ParseStage.EthernetBytes;
        int l4 = ParseStage.EthernetBytes + ((*ip & 15) * 4);
        int at = l4 + SumOffset(ip[9]);
        if (at == l4 || !IsInside(at))
        {
            return;
        }

        _sumAt = (ushort)at;
        _sum = *(ushort*)(frame + at);
        if (ip[9] == ParseStage.Icmp && l4 + IcmpHeaderBytes + Ip4Bytes <= Length)
        {
            SaveQuote(frame, l4 + IcmpHeaderBytes);
        }
    }

    private void SaveQuote(byte* frame, int quoted)
    {
        _quoteAt = (ushort)(quoted + QuotedAddressesAt);
        fixed (byte* quote = _quote)
        {
            Unsafe.CopyBlockUnaligned(quote, frame + _quoteAt, QuoteBytes);
        }

        int l4 = quoted + ((frame[quoted] & 15) * 4);
        int at = l4 + SumOffset(frame[quoted + 9]);
        if (at != l4 && IsInside(at))
        {
            _quotedSumAt = (ushort)at;
            _quotedSum = *(ushort*)(frame + at);
        }
    }

    private static int SumOffset(byte protocol) => protocol switch
    {
        ParseStage.Tcp => Local.SuperPacket.TcpChecksumOffset,
        ParseStage.Udp => Local.SuperPacket.UdpChecksumOffset,
        ParseStage.Icmp => 2,
        _ => 0,
    };
}
