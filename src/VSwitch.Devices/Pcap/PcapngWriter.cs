using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace VSwitch.Devices.Pcap;

/// <summary>Writes pcapng: one section, named Ethernet interfaces (more may come while packets are written), nanoseconds; each packet
/// may carry a comment, its direction and how many were lost before it; statistics tell the same at any time
/// (draft-ietf-opsawg-pcapng).</summary>
public sealed class PcapngWriter : CaptureWriter
{
    private const uint SectionBlock = 0x0A0D0D0A;
    private const uint InterfaceBlock = 1;
    private const uint StatisticsBlock = 5;
    private const uint EnhancedPacketBlock = 6;
    private const int SectionHeaderBytes = 24;
    private const int StatisticsHeaderBytes = 20;
    private const int InterfaceHeaderBytes = 16;
    private const int PacketHeaderBytes = 28;
    private const int TrailerBytes = 4;
    private const int OptionHeaderBytes = 4;
    private const int OptionComment = 1;
    private const int OptionInterfaceName = 2;
    private const int OptionInterfaceDescription = 3;
    private const int OptionHardware = 2;
    private const int OptionSystem = 3;
    private const int OptionApplication = 4;
    private const int OptionPacketFlags = 2;
    private const int OptionPacketsLost = 4;
    private const int OptionReceived = 4;
    private const int OptionInterfaceDrops = 5;
    private const int OptionSystemDrops = 7;
    private const int OptionDelivered = 8;
    private const int OptionTimeResolution = 9;
    private const byte Nanoseconds = 9;

    /// <summary>Where a text is cut. An option's length field reaches to 65 535; three bytes less, a character of up to four bytes
    /// that falls on the cut leaves the padded length as it is.</summary>
    private const int MaxTextBytes = 65_532;
    private int _interfaceCount;

    /// <summary>Creates the file ("-" = standard output) with one interface a name.</summary>
    /// <exception cref="IOException">The file cannot be created; the message is for the user.</exception>
    public PcapngWriter(string path, IReadOnlyList<string> interfaces)
        : this(NameOf(path), CaptureFile.OpenToWrite(path), interfaces)
    {
    }

    /// <summary>Writes to a stream, which the writer closes.</summary>
    /// <param name="name">Name for messages.</param>
    /// <param name="stream">Where the bytes go.</param>
    /// <param name="interfaces">Names; a packet's interface is an index here.</param>
    /// <param name="origin">Who writes; null = not told.</param>
    public PcapngWriter(string name, Stream stream, IReadOnlyList<string> interfaces, PcapngOrigin? origin = null)
        : base(name, stream)
    {
        WriteSection(origin);
        foreach (string label in interfaces)
        {
            AddInterface(label);
        }
    }

    /// <summary>Adds an interface; packets may have been written before.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="description">What it is; null = not told.</param>
    /// <param name="snapLength">Bytes of a frame that are kept at most.</param>
    /// <returns>Its index.</returns>
    public int AddInterface(string name, string? description = null, int snapLength = CaptureReader.MaxRecordBytes)
    {
        int texts = TextOptionBytes(name) + (description == null ? 0 : TextOptionBytes(description));
        Span<byte> block = Reserve(InterfaceHeaderBytes + texts + (2 * OptionHeaderBytes) + 4 + TrailerBytes);
        block.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(block[8..], CaptureReader.LinkTypeEthernet);
        BinaryPrimitives.WriteInt32LittleEndian(block[12..], snapLength);
        Span<byte> rest = WriteTextOption(block[InterfaceHeaderBytes..], OptionInterfaceName, name);
        rest = description == null ? rest : WriteTextOption(rest, OptionInterfaceDescription, description);
        BinaryPrimitives.WriteUInt16LittleEndian(rest, OptionTimeResolution);
        BinaryPrimitives.WriteUInt16LittleEndian(rest[2..], 1);
        rest[4] = Nanoseconds;
        CommitBlock(InterfaceBlock, block);
        return _interfaceCount++;
    }

    /// <summary>Writes what happened to the packets of an interface so far; a later block takes the place of an earlier one.</summary>
    /// <param name="interfaceId">Index of the interface.</param>
    /// <param name="timestampNs">When, nanoseconds since 1970, UTC.</param>
    /// <param name="statistics">What happened.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such interface.</exception>
    /// <exception cref="IOException">It cannot be written; the message is for the user.</exception>
    public void WriteStatistics(int interfaceId, long timestampNs, in PcapngStatistics statistics)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)interfaceId, (uint)_interfaceCount, nameof(interfaceId));
        const int NumberBytes = OptionHeaderBytes + sizeof(long);
        Span<byte> block = Reserve(StatisticsHeaderBytes + (4 * NumberBytes) + OptionHeaderBytes + TrailerBytes);
        block.Clear();
        BinaryPrimitives.WriteInt32LittleEndian(block[8..], interfaceId);
        WriteTime(block[12..], timestampNs);
        Span<byte> rest = WriteNumberOption(block[StatisticsHeaderBytes..], OptionReceived, statistics.Received);
        rest = WriteNumberOption(rest, OptionInterfaceDrops, statistics.DroppedAtInterface);
        rest = WriteNumberOption(rest, OptionSystemDrops, statistics.DroppedBySystem);
        WriteNumberOption(rest, OptionDelivered, statistics.Delivered);
        CommitBlock(StatisticsBlock, block);
    }

    /// <summary>Writes a frame; of one longer than <see cref="CaptureReader.MaxRecordBytes"/> the beginning.</summary>
    /// <param name="interfaceId">Index of its interface in the names.</param>
    /// <param name="frame">Captured bytes.</param>
    /// <param name="timestampNs">Nanoseconds since 1970, UTC; an earlier time is written as 0.</param>
    /// <param name="comment">A comment, null for none; beyond 65 532 bytes of UTF-8 it is cut.</param>
    /// <param name="direction">Which way the frame went.</param>
    /// <param name="originalLength">Bytes on the wire where <paramref name="frame"/> is only their beginning; null = all.</param>
    /// <param name="lostBefore">Packets of the interface that were lost since the one before.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such interface.</exception>
    /// <exception cref="IOException">The disk is full or the file cannot be written; the message is for the user.</exception>
    public void Write(
        int interfaceId, ReadOnlySpan<byte> frame, long timestampNs, string? comment = null,
        CaptureDirection direction = CaptureDirection.Inbound, long? originalLength = null, long lostBefore = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)interfaceId, (uint)_interfaceCount, nameof(interfaceId));
        ReadOnlySpan<byte> captured = Snap(frame);
        int padded = Pad(captured.Length);
        int options = (comment == null ? 0 : TextOptionBytes(comment))
            + (direction == CaptureDirection.Unknown ? 0 : OptionHeaderBytes + 4)
            + (lostBefore == 0 ? 0 : OptionHeaderBytes + sizeof(long));
        int end = options == 0 ? 0 : OptionHeaderBytes;
        Span<byte> block = Reserve(PacketHeaderBytes + padded + options + end + TrailerBytes);
        block.Clear();
        BinaryPrimitives.WriteInt32LittleEndian(block[8..], interfaceId);
        WriteTime(block[12..], timestampNs);
        BinaryPrimitives.WriteInt32LittleEndian(block[20..], captured.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(block[24..], Original(frame, originalLength));
        captured.CopyTo(block[PacketHeaderBytes..]);
        Span<byte> rest = block[(PacketHeaderBytes + padded)..];
        rest = comment == null ? rest : WriteTextOption(rest, OptionComment, comment);
        if (direction != CaptureDirection.Unknown)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(rest, OptionPacketFlags);
            BinaryPrimitives.WriteUInt16LittleEndian(rest[2..], 4);
            BinaryPrimitives.WriteUInt32LittleEndian(rest[4..], (uint)direction);
            rest = rest[(OptionHeaderBytes + 4)..];
        }

        if (lostBefore != 0)
        {
            WriteNumberOption(rest, OptionPacketsLost, lostBefore);
        }

        CommitBlock(EnhancedPacketBlock, block);
        Count++;
    }

    private static int Pad(int bytes) => (bytes + 3) & ~3;

    private static int TextOptionBytes(string text) =>
        OptionHeaderBytes + Pad(Math.Min(Encoding.UTF8.GetByteCount(text), MaxTextBytes));

    /// <summary>Writes an option's text, cut at a whole character.</summary>
    /// <returns>What follows the option.</returns>
    private static Span<byte> WriteTextOption(Span<byte> option, int code, string text)
    {
        int room = Math.Min(Encoding.UTF8.GetByteCount(text), MaxTextBytes);
        Utf8.FromUtf16(text, option.Slice(OptionHeaderBytes, room), out _, out int written);
        BinaryPrimitives.WriteUInt16LittleEndian(option, (ushort)code);
        BinaryPrimitives.WriteUInt16LittleEndian(option[2..], (ushort)written);
        return option[(OptionHeaderBytes + Pad(written))..];
    }

    private static Span<byte> WriteNumberOption(Span<byte> option, int code, long number)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(option, (ushort)code);
        BinaryPrimitives.WriteUInt16LittleEndian(option[2..], sizeof(long));
        BinaryPrimitives.WriteInt64LittleEndian(option[OptionHeaderBytes..], number);
        return option[(OptionHeaderBytes + sizeof(long))..];
    }

    private static void WriteTime(Span<byte> block, long timestampNs)
    {
        ulong ns = (ulong)Math.Max(0, timestampNs);
        BinaryPrimitives.WriteUInt32LittleEndian(block, (uint)(ns >> 32));
        BinaryPrimitives.WriteUInt32LittleEndian(block[4..], (uint)ns);
    }

    private void WriteSection(PcapngOrigin? origin)
    {
        int options = origin == null ? 0
            : TextOptionBytes(origin.Hardware) + TextOptionBytes(origin.System) + TextOptionBytes(origin.Application) + OptionHeaderBytes;
        Span<byte> section = Reserve(SectionHeaderBytes + options + TrailerBytes);
        section.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(section[8..], 0x1A2B3C4D);
        BinaryPrimitives.WriteUInt16LittleEndian(section[12..], 1);
        BinaryPrimitives.WriteInt64LittleEndian(section[16..], -1);
        if (origin != null)
        {
            Span<byte> rest = WriteTextOption(section[SectionHeaderBytes..], OptionHardware, origin.Hardware);
            rest = WriteTextOption(rest, OptionSystem, origin.System);
            WriteTextOption(rest, OptionApplication, origin.Application);
        }

        CommitBlock(SectionBlock, section);
    }

    /// <summary>Writes type and both lengths around a block that is otherwise ready.</summary>
    private void CommitBlock(uint type, Span<byte> block)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(block, type);
        BinaryPrimitives.WriteInt32LittleEndian(block[4..], block.Length);
        BinaryPrimitives.WriteInt32LittleEndian(block[^TrailerBytes..], block.Length);
        Commit(block.Length);
    }
}
