using System.Buffers.Binary;
using System.Text;
using VSwitch.Devices.Pcap;
using Xunit;
using static VSwitch.Tests.Devices.CaptureImages;

namespace VSwitch.Tests.Devices;

/// <summary>Corners of the two formats, in files made by hand: byte orders, magics, clocks, sections, damaged blocks.</summary>
public class CaptureFormatTests
{
    private const string Damage = "the file is damaged here";
    private static readonly byte[] Bytes = [1, 2, 3, 4, 5];

    [Theory]
    [InlineData(0xA1B2C3D4, false, 5_000_007_000)]
    [InlineData(0xA1B2C3D4, true, 5_000_007_000)]
    [InlineData(0xA1B23C4D, false, 5_000_000_007)]
    [InlineData(0xA1B23C4D, true, 5_000_000_007)]
    public void Pcap_is_read_in_both_orders_and_units(uint magic, bool isBig, long timestampNs)
    {
        byte[] record = PcapRecord(isBig, 5, 7, Bytes, 9);
        Seen seen = Assert.Single(Read(out string? error, PcapHeader(magic, isBig, linkType: 101), record));
        Assert.Null(error);
        Assert.Equal((Convert.ToHexString(Bytes), timestampNs, 9L, 101, 0), (seen.Hex, seen.TimestampNs, seen.Original, seen.LinkType, seen.Id));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Records_of_Kuznetzovs_pcap_have_eight_bytes_more(bool isBig)
    {
        byte[] plain = PcapRecord(isBig, 5, 7, Bytes, 5);
        byte[] record = [.. plain[..16], .. new byte[8], .. Bytes];
        List<Seen> seen = Read(out string? error, PcapHeader(0xA1B2CD34, isBig), record, record);
        Assert.Null(error);
        Assert.Equal([Convert.ToHexString(Bytes), Convert.ToHexString(Bytes)], seen.Select(s => s.Hex));
        Assert.All(seen, s => Assert.Equal(5_000_007_000, s.TimestampNs));
    }

    [Fact]
    public void Bits_about_check_sequences_are_no_part_of_a_link_type()
    {
        Seen seen = Assert.Single(Read(out _, PcapHeader(0xA1B2C3D4, false, linkType: 0x5400_0001), PcapRecord(false, 1, 0, Bytes, 5)));
        Assert.Equal(CaptureReader.LinkTypeEthernet, seen.LinkType);
    }

    [Theory]
    [InlineData(0xA1B2C3D4, 999_999, 999_999_000)]
    [InlineData(0xA1B2C3D4, 1_000_000, 999_999_000)]
    [InlineData(0xA1B2C3D4, uint.MaxValue, 999_999_000)]
    [InlineData(0xA1B23C4D, 999_999_999, 999_999_999)]
    [InlineData(0xA1B23C4D, uint.MaxValue, 999_999_999)]
    public void A_fraction_of_a_second_and_more_is_the_last_of_its_second(uint magic, uint fraction, long fractionNs)
    {
        Seen seen = Assert.Single(Read(out _, PcapHeader(magic, false), PcapRecord(false, uint.MaxValue, fraction, Bytes, 5)));
        Assert.Equal((uint.MaxValue * 1_000_000_000L) + fractionNs, seen.TimestampNs);
    }

    [Fact]
    public void A_record_that_claims_too_much_is_refused_at_its_offset()
    {
        byte[] record = PcapRecord(false, 1, 0, Bytes, 5);
        byte[] huge = [.. new byte[8], .. U32(CaptureReader.MaxRecordBytes + 1, false), .. new byte[4]];
        Assert.Single(Read(out string? error, PcapHeader(0xA1B2C3D4, false), record, huge, new byte[300_000]));
        Assert.StartsWith($"{Name}: at byte {24 + record.Length}: a record claims 262145 captured bytes", error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_largest_record_that_is_believed_is_read_and_written()
    {
        var stream = new MemoryStream();
        byte[] frame = new byte[CaptureReader.MaxRecordBytes + 5];
        using (var writer = new PcapWriter(Name, stream))
        {
            writer.Write(frame, long.MaxValue);
            writer.Write(Bytes, -1);
        }

        List<Seen> seen = Read(out string? error, stream.ToArray());
        Assert.Null(error);
        Assert.Equal([(CaptureReader.MaxRecordBytes, (long)frame.Length), (5, 5)], seen.Select(s => (s.Hex.Length / 2, s.Original)));
        Assert.Equal([(uint.MaxValue * 1_000_000_000L) + 999_999_999, 0], seen.Select(s => s.TimestampNs));
    }

    [Theory]
    [InlineData(6, 0, 3_000_000UL, 3_000_000_000)]
    [InlineData(9, 0, 3UL, 3)]
    [InlineData(0, 0, 3UL, 3_000_000_000)]
    [InlineData(12, 0, 3999UL, 3)]
    [InlineData(38, 0, ulong.MaxValue, 0)]
    [InlineData(127, 0, ulong.MaxValue, 0)]
    [InlineData(0x80 | 32, 0, (1UL << 32) + (1UL << 31), 1_500_000_000)]
    [InlineData(0x80 | 10, 0, 1025UL, 1_000_976_562)]
    [InlineData(0x80 | 127, 0, ulong.MaxValue, 0)]
    [InlineData(6, 10, 1UL, 10_000_001_000)]
    [InlineData(6, -10, 11_000_000UL, 1_000_000_000)]
    [InlineData(6, -10, 1UL, 0)]
    [InlineData(0, 0, ulong.MaxValue, long.MaxValue)]
    [InlineData(0, long.MaxValue, ulong.MaxValue, long.MaxValue)]
    public void Resolution_and_offset_of_an_interface_make_the_time(int resolution, long offset, ulong units, long timestampNs)
    {
        foreach (bool isBig in (ReadOnlySpan<bool>)[false, true])
        {
            byte[] from = Interface(isBig, 1, 0, Option(isBig, 9, (byte)resolution), Option(isBig, 14, U64((ulong)offset, isBig)));
            Seen seen = Assert.Single(Read(out string? error, Section(isBig), from, Packet(isBig, 0, units, Bytes, 5)));
            Assert.Null(error);
            Assert.Equal(timestampNs, seen.TimestampNs);
        }
    }

    [Fact]
    public void Each_section_has_its_own_order_and_interfaces_and_a_simple_packet_the_time_before_it()
    {
        byte[] simple = Block(true, 3, U32(9, true), Bytes);
        byte[] obsolete = Block(true, 2, U16(0, true), U16(3, true), U32(0, true), U32(8, true), U32(5, true), U32(5, true), Bytes);
        List<Seen> seen = Read(
            out string? error, Section(false), Interface(false, 1, 0), Interface(false, 101, 0), Packet(false, 1, 7, Bytes, 5),
            Section(true), Interface(true, 113, 5), simple, obsolete, Section(false), Interface(false, 1, 0), Packet(false, 0, 9, [], 0));
        Assert.Null(error);
        Assert.Equal([(101, 1, 7000L, 5L), (113, 0, 7000, 9), (113, 0, 8000, 5), (1, 0, 9000, 0)], seen.Select(s => (s.LinkType, s.Id, s.TimestampNs, s.Original)));
        Assert.Equal([5, 5, 5, 0], seen.Select(s => s.Hex.Length / 2));
    }

    [Fact]
    public void Blocks_of_other_types_are_passed_over_however_long()
    {
        byte[] custom = Block(false, 0xBAD, new byte[20 << 20]);
        Seen seen = Assert.Single(Read(out string? error, Section(false), custom, Interface(false, 1, 0), Packet(false, 0, 1, Bytes, 5)));
        Assert.Null(error);
        Assert.Equal(Convert.ToHexString(Bytes), seen.Hex);
    }

    public static TheoryData<string, byte[], string> DamagedBlocks()
    {
        byte[] packet = Packet(false, 0, 1, Bytes, 5);
        return new TheoryData<string, byte[], string>
        {
            { "trailer", [.. packet[..^4], .. U32(99, false)], Damage },
            { "trailer of an unknown block", [.. Block(false, 77, Bytes)[..^4], .. U32(99, false)], Damage },
            { "length below a block's", [.. U32(6, false), .. U32(8, false), .. new byte[40]], Damage },
            { "length that is no multiple of 4", [.. U32(6, false), .. U32(33, false), .. new byte[40]], Damage },
            { "packet of 32 MiB", [.. U32(6, false), .. U32(32 << 20, false), .. new byte[40]], "at most 16777216 are believed" },
            { "packet of an absent interface", Packet(false, 5, 1, Bytes, 5), "a packet names interface 5, and there are 1" },
            { "captured beyond the block", Block(false, 6, new byte[12], U32(99, false), U32(99, false), Bytes), "claims 99 captured bytes and has 8" },
            { "simple beyond the block", Block(false, 3, U32(99, false), Bytes), "claims 99 captured bytes and has 8" },
            { "short packet", Block(false, 6, new byte[8]), "too short" },
            { "short interface", Block(false, 1, new byte[4]), "too short" },
            { "option beyond the interface", Interface(false, 1, 0, [2, 0, 0xFF, 0, 1, 2, 3, 4]), "an option 2 claims 255 bytes and its block has 4 left" },
            { "option beyond the section", Block(false, 0x0A0D0D0A, U32(0x1A2B3C4D, false), U16(1, false), new byte[10], [1, 0, 9, 0]), "an option 1 claims 9 bytes" },
            { "section of another version", Block(false, 0x0A0D0D0A, U32(0x1A2B3C4D, false), U16(9, false), new byte[10]), "pcapng version 9 is unknown" },
            { "short section", Block(false, 0x0A0D0D0A, U32(0x1A2B3C4D, false)), Damage },
            { "section without byte order", Block(false, 0x0A0D0D0A, new byte[16]), "no byte-order mark" },
        };
    }

    [Theory]
    [MemberData(nameof(DamagedBlocks))]
    public void A_damaged_block_ends_the_file_after_what_stands_before_it(string what, byte[] damaged, string error)
    {
        byte[] before = [.. Section(false), .. Interface(false, 1, 0), .. Packet(false, 0, 1, Bytes, 5)];
        Assert.Single(Read(out string? got, before, damaged, Packet(false, 0, 2, Bytes, 5)));
        Assert.True(got?.StartsWith($"{Name}: at byte {before.Length}: ", StringComparison.Ordinal), $"{what}: {got}");
        Assert.Contains(error, got, StringComparison.Ordinal);
    }

    [Fact]
    public void A_section_may_have_only_so_many_interfaces()
    {
        byte[] many = [.. Enumerable.Repeat(Interface(false, 1, 0), (1 << 16) + 1).SelectMany(b => b)];
        Assert.Empty(Read(out string? error, Section(false), many));
        Assert.Contains("more than 65536 interfaces", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Pcapng_is_written_byte_for_byte()
    {
        var stream = new MemoryStream();
        using (var writer = new PcapngWriter(Name, stream, ["vm1"]))
        {
            writer.Write(0, Bytes, 0x1_0000_0002, "why", CaptureDirection.Outbound, originalLength: 9);
            writer.Write(0, Bytes, 3, comment: null, CaptureDirection.Unknown);
        }

        byte[] expected =
        [
            .. Section(false),
            .. Interface(false, 1, CaptureReader.MaxRecordBytes, Option(false, 2, "vm1"u8.ToArray()), Option(false, 9, 9), new byte[4]),
            .. Block(
                false, 6, U32(0, false), U32(1, false), U32(2, false), U32(5, false), U32(9, false), [.. Bytes, 0, 0, 0],
                Option(false, 1, "why"u8.ToArray()), Option(false, 2, 2, 0, 0, 0), new byte[4]),
            .. Packet(false, 0, 3, Bytes, 5),
        ];
        Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString(stream.ToArray()));
    }

    [Theory]
    [InlineData(65_532, "x", 65_532)]
    [InlineData(70_000, "x", 65_532)]
    [InlineData(65_531, "€", 65_531)]
    [InlineData(65_530, "€", 65_530)]
    public void A_comment_beyond_its_length_field_is_cut_at_a_whole_character(int plain, string last, int kept)
    {
        string comment = new string('c', plain) + last;
        var stream = new MemoryStream();
        using (var writer = new PcapngWriter(Name, stream, ["vm1"]))
        {
            writer.Write(0, Bytes, 1, comment, CaptureDirection.Unknown);
            writer.Write(0, Bytes, 2, "after");
        }

        byte[] image = stream.ToArray();
        Assert.Equal(2, Read(out string? error, image).Count);
        Assert.Null(error);
        int option = image.AsSpan().IndexOf("cccccccc"u8) - 4;
        Assert.Equal(kept, BinaryPrimitives.ReadUInt16LittleEndian(image.AsSpan(option + 2)));
        Assert.Equal(new string('c', kept), Encoding.UTF8.GetString(image, option + 4, kept));
        Assert.Equal(0U, BinaryPrimitives.ReadUInt32LittleEndian(image.AsSpan(option + 4 + ((kept + 3) & ~3))));
    }

    [Fact]
    public void A_packet_of_an_unnamed_interface_is_not_written()
    {
        using var writer = new PcapngWriter(Name, new MemoryStream(), ["vm1"]);
        Assert.Throws<ArgumentOutOfRangeException>(() => writer.Write(1, Bytes, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => writer.Write(-1, Bytes, 0));
        Assert.Equal(0, writer.Count);
    }

    private static List<Seen> Read(out string? error, params byte[][] parts)
    {
        using CaptureReader reader = Open([.. parts.SelectMany(p => p)]);
        var seen = new List<Seen>();
        while (reader.TryReadNext(out CaptureRecord record))
        {
            seen.Add(new Seen(
                Convert.ToHexString(record.Bytes), record.TimestampNs, record.OriginalLength, record.LinkType, record.InterfaceId));
        }

        error = reader.Error;
        return seen;
    }

    private sealed record Seen(string Hex, long TimestampNs, long Original, int LinkType, int Id);
}
