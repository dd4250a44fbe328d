using System.Text;
using VSwitch.ControlPlane.FlowLogs;
using VSwitch.DataPlane.FlowLogs;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.FlowLogs;

/// <summary>What the exporter sends, read by a collector that knows only RFC 7011.</summary>
public class IpfixExporterTests
{
    private const uint Enterprise = 32473;
    private static readonly FlowLogEni Eni = new() { Name = "web", Vpc = "v", Subnet = "s", Addresses = [TestTopologies.Ip("10.0.0.1")] };

    [Fact]
    public void Fields_arrive_as_they_are()
    {
        IpfixReader reader = Export([Record(1), Record(2, "fd00::1", "fd00::2"), Record(3) with { Key = default(FlowRecordKey) with { Eni = Eni, Rule = "-", Reason = DropReason.MalformedIpv4 } }]);
        (ushort Template, Dictionary<(uint Enterprise, ushort Element), byte[]> Fields)[] flows = [.. reader.Records.Where(r => r.Template != 259)];
        Assert.Equal([256, 257, 258], flows.Select(f => (int)f.Template));
        Dictionary<(uint, ushort), byte[]> v4 = flows[0].Fields;
        Assert.Equal([10, 0, 0, 1], v4[(0, 8)]);
        Assert.Equal([10, 0, 0, 2], v4[(0, 12)]);
        Assert.Equal([198, 51, 100, 7], v4[(0, 225)]);
        Assert.Equal([10, 0, 0, 2], v4[(0, 226)]);
        foreach ((ushort element, ulong value) in new (ushort, ulong)[]
        {
            (152, 1_700_000_000_123), (153, 1_700_000_001_456), (2, 1), (1, 100), (10, 4), (14, 5), (7, 1234), (11, 80), (6, 18), (4, 6),
            (61, 1), (89, 64), (136, 3),
        })
        {
            Assert.Equal(value, IpfixReader.Number(v4[(0, element)]));
        }

        Assert.Equal("web", Encoding.UTF8.GetString(v4[(0, 82)]));
        Assert.Equal("a_rule", Encoding.UTF8.GetString(v4[(Enterprise, 2)]));
        Assert.Empty(v4[(Enterprise, 1)]);
        Assert.Equal(TestTopologies.Ip("fd00::1"), IpAddress.Read(flows[1].Fields[(0, 27)], isV6: true));
        Assert.Equal("malformed-ipv4", Encoding.UTF8.GetString(flows[2].Fields[(Enterprise, 1)]));
        Assert.Equal(128UL, IpfixReader.Number(flows[2].Fields[(0, 89)]));
        Dictionary<(uint, ushort), byte[]> lost = Assert.Single(reader.Records, r => r.Template == 259).Fields;
        Assert.Equal((7UL, 70UL, 700UL), (IpfixReader.Number(lost[(0, 166)]), IpfixReader.Number(lost[(0, 167)]), IpfixReader.Number(lost[(0, 168)])));
    }

    [Fact]
    public void Many_records_fill_messages_of_1400_bytes_at_most_with_right_sequence_numbers()
    {
        IpfixReader reader = Export([.. Enumerable.Range(1, 1000).Select(i => i % 3 == 0 ? Record(i, "fd00::1", "fd00::2") : Record(i))], times: 3);
        Assert.Equal(3 * 1001, reader.Records.Count);
        Assert.True(reader.Sequences.Count > 100, "several messages");
        Assert.All(reader.Sequences, s => Assert.Equal((uint)s.Before, s.Sequence));
        Assert.Equal(
            Enumerable.Range(1, 1000).Select(i => (ulong)i),
            reader.Records.Where(r => r.Template != 259).Take(1000).Select(r => IpfixReader.Number(r.Fields[(0, 2)])));
    }

    [Fact]
    public void Long_words_are_cut_to_whole_characters()
    {
        FlowRecord record = Record(1);
        IpfixReader reader = Export([record with { Key = record.Key with { Rule = new string('é', 400) } }]);
        Assert.Equal(new string('é', 127), Encoding.UTF8.GetString(reader.Records[^1].Fields[(Enterprise, 2)]));
    }

    private static IpfixReader Export(IReadOnlyList<FlowRecord> records, int times = 1)
    {
        var exporter = new IpfixExporter(1);
        var reader = new IpfixReader();
        for (int i = 0; i < times; i++)
        {
            exporter.Export(records, 1_700_000_060, new FlowReportLoss { Reports = 7, Packets = 70, Bytes = 700 }, (message, count) =>
            {
                Assert.True(message.Length <= 1400, $"{message.Length} bytes");
                int before = reader.Records.Count;
                reader.Read(message.Span);
                Assert.Equal(count, reader.Records.Count - before);
            });
        }

        return reader;
    }

    private static FlowRecord Record(int packets, string source = "10.0.0.1", string destination = "10.0.0.2") => new(
        new FlowRecordKey
        {
            Eni = Eni,
            HasTuple = true,
            Source = TestTopologies.Ip(source),
            Destination = TestTopologies.Ip(destination),
            SourcePort = 1234,
            DestinationPort = 80,
            Protocol = (byte)IpProtocol.Tcp,
            Rule = "a_rule",
        },
        new FlowTotals
        {
            Packets = packets,
            Bytes = 100 * packets,
            StartMs = 1_700_000_000_123,
            EndMs = 1_700_000_001_456,
            TcpFlags = 18,
            EndReason = FlowEndReason.EndOfFlow,
            InPort = 4,
            OutPort = 5,
            TranslatedSource = TestTopologies.Ip("198.51.100.7"),
            TranslatedDestination = TestTopologies.Ip(destination),
        });
}
