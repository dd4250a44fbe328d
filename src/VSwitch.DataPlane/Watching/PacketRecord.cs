using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Wire;

namespace VSwitch.DataPlane.Watching;

/// <summary>A packet that was taken down, in a <see cref="RecordRing"/>; the frame's bytes follow it.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct PacketRecord
{
    private const int LeastHeaderBytes = 20;
    private const int Ip6Bytes = 40;

    /// <summary>From this record to the next one, bytes; negative = nothing but the rest of the ring.</summary>
    internal int RecordBytes;

    /// <summary>Bytes of the frame that were kept.</summary>
    public int CapturedBytes;

    /// <summary>When, in the worker's time, nanoseconds.</summary>
    public long TimeNs;

    /// <summary>Packets at the same port that were meant and not taken down since the last one that was, by this worker.</summary>
    public long LostBefore;

    /// <summary>Bytes of the frame.</summary>
    public int Length;

    /// <summary>One packet in so many is taken down at the time, on average.</summary>
    public int SampledOneIn;

    /// <summary>The port where it was seen.</summary>
    public ushort Port;

    /// <summary>Where it left, or came in; <see cref="ushort.MaxValue"/> = none.</summary>
    public ushort OtherPort;

    /// <summary>Where summing starts when the checksum was left to the device; 0 = it was not.</summary>
    public ushort ChecksumStart;

    /// <summary>Where the sum goes, from <see cref="ChecksumStart"/>.</summary>
    public ushort ChecksumOffset;

    /// <summary>Which way it went at the port.</summary>
    public PacketDirection Direction;

    /// <summary>What became of it.</summary>
    public PacketVerdict Verdict;

    /// <summary>Why it was dropped.</summary>
    public DropReason Reason;

    /// <summary>The frame's bytes of a record.</summary>
    public static byte* FrameOf(PacketRecord* record) => (byte*)(record + 1);

    /// <summary>Fills in a checksum that was left to the device, where the whole frame is there: whoever reads it would take it for
    /// wrong. The reader of the record, not the worker, pays for it.</summary>
    public static void CompleteChecksum(PacketRecord* record)
    {
        int start = record->ChecksumStart;
        byte* frame = FrameOf(record);
        if (start == 0 || record->CapturedBytes != record->Length || record->Length < ParseStage.EthernetBytes + LeastHeaderBytes)
        {
            return;
        }

        byte* ip = frame + ParseStage.EthernetBytes;
        int end = ParseStage.EthernetBytes + (*(ushort*)(frame + 12) == ParseStage.EtherTypeIp4
            ? BinaryPrimitives.ReverseEndianness(*(ushort*)(ip + 2))
            : Ip6Bytes + BinaryPrimitives.ReverseEndianness(*(ushort*)(ip + 4)));
        int at = start + record->ChecksumOffset;
        if (end > record->Length || at + sizeof(ushort) > end)
        {
            return;
        }

        ushort sum = (ushort)~InternetChecksum.SumRaw(frame + start, end - start);
        *(ushort*)(frame + at) = sum == 0 ? ushort.MaxValue : sum;
    }
}
