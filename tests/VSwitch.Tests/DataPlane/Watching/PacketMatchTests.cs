using VSwitch.ControlPlane.Filters;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Watching;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.DataPlane.Watching;

/// <summary>Which packets a filter means, on packets that really pass the switch.</summary>
public sealed class PacketMatchTests
{
    private const long StartNs = 1_000_000_000;

    /// <summary>The packets: web asks a name server outside by its EIP (1) and gets the answer (2); web sends to db, whose group does
    /// not let it in (3); web asks its router by ARP (4) and gets the answer (4'); green speaks to twin over IPv6 (5); a later fragment of
    /// nothing comes from outside (6); something that is no IP (7). 1, 2 and 5 are seen twice.</summary>
    [Theory]
    [InlineData("", "1in 1out 2in 2out 3in 4in 4'out 5in 5out 6in 7in")]
    [InlineData("dir in", "1in 2in 3in 4in 5in 6in 7in")]
    [InlineData("dir out", "1out 2out 4'out 5out")]
    [InlineData("port web", "1in 2out 3in 4in 4'out")]
    [InlineData("port internet", "1out 2in 6in")]
    [InlineData("eni web", "1in 1out 2in 2out 3in 4in 4'out")]
    [InlineData("eni db", "3in")]
    [InlineData("eni web and eni db", "3in")]
    [InlineData("eni green", "5in 5out 6in 7in")]
    [InlineData("eni twin", "5in 5out")]
    [InlineData("vpc blue", "1in 1out 2in 2out 3in 4in 4'out")]
    [InlineData("vpc green", "5in 5out 6in 7in")]
    [InlineData("vpc blue and port internet", "1out 2in")]
    [InlineData("host 203.0.113.5", "1in 1out 2in 2out 6in")]
    [InlineData("host 198.51.100.10", "1out 2in")]
    [InlineData("host 10.0.1.10 and host 203.0.113.5", "1in 2out")]
    [InlineData("host 10.0.1.1", "4in 4'out")]
    [InlineData("net 10.0.2.0/24", "3in")]
    [InlineData("net fd00:9::/48", "5in 5out")]
    [InlineData("net 0.0.0.0/0 and net ::/0", "")]
    [InlineData("udp", "1in 1out 2in 2out 5in 5out 6in")]
    [InlineData("tcp", "3in")]
    [InlineData("icmp", "")]
    [InlineData("proto 17 and port green", "5in")]
    [InlineData("sport 53", "2in 2out")]
    [InlineData("dport 53", "1in 1out")]
    [InlineData("l4port 53", "1in 1out 2in 2out")]
    [InlineData("l4port 53 and l4port 4000", "1in 1out 2in 2out")]
    [InlineData("l4port 53 and l4port 4001", "")]
    [InlineData("verdict forwarded", "1in 1out 2in 2out 5in 5out")]
    [InlineData("verdict dropped", "3in 6in 7in")]
    [InlineData("verdict answered", "4in")]
    [InlineData("verdict generated", "4'out")]
    [InlineData("verdict consumed", "")]
    [InlineData("reason security-group-ingress", "3in")]
    [InlineData("reason unsupported-ethertype", "7in")]
    [InlineData("reason no-route", "")]
    [InlineData("verdict forwarded and reason security-group-ingress", "")]
    [InlineData("verdict dropped and eni web", "3in")]
    [InlineData("eni nobody", "")]
    [InlineData("vpc nowhere", "")]
    [InlineData("port nothing", "")]
    [InlineData("eni internet", "")]
    public void Means(string words, string expected)
    {
        Assert.True(PacketFilter.TryParse(words, out PacketFilter filter, out _));
        using var sut = new RecordedSwitch(TestTopologies.Rich());
        using var tap = new PacketTap(1, 64, 2000, 1 << 16, isUnlimited: true);
        sut.Watch((tap, PacketFilterCompiler.Compile(filter, sut.Snapshot)));
        var seen = new List<string>();
        int number = 0;
        foreach ((string port, byte[] frame) in Packets(sut))
        {
            number++;
            sut.Receive(port, frame, StartNs + (number * 1_000_000));
            seen.AddRange(TapReader.Take(tap).Select(e => $"{number}{(e.Verdict == PacketVerdict.Generated ? "'" : "")}{(e.Direction == PacketDirection.In ? "in" : "out")}"));
        }

        Assert.Equal(expected, string.Join(' ', seen.Order(StringComparer.Ordinal)));
    }

    [Fact]
    public void Names_that_are_not_there_are_named()
    {
        using var sut = new RecordedSwitch(TestTopologies.Small());
        Assert.Equal("there is no ENI 'x'", Unknown("eni a and eni x"));
        Assert.Equal("there is no ENI 'internet'", Unknown("eni internet"));
        Assert.Equal("there is no port 'y'", Unknown("port y"));
        Assert.Equal("there is no VPC 'z'", Unknown("vpc z"));
        Assert.Null(Unknown("eni a and port b and vpc blue"));
        Assert.Contains("'state' is for connections", PacketFilterCompiler.WhyNotForPackets(Parse("state established")), StringComparison.Ordinal);
        Assert.Null(PacketFilterCompiler.WhyNotForPackets(Parse("verdict dropped")));

        string? Unknown(string words) => PacketFilterCompiler.UnknownName(Parse(words), sut.Snapshot);
    }

    [Theory]
    [InlineData("")]
    [InlineData("00")]
    [InlineData("020000000001020000000002")]
    [InlineData("0200000000010200000000020800")]
    [InlineData("02000000000102000000000208004500")]
    [InlineData("02000000000102000000000286dd60000000")]
    [InlineData("0200000000010200000000020800FF00FFFF00000000401100000A00010A0A00010B")]
    public unsafe void Any_bytes_can_be_looked_at(string hex)
    {
        byte[] bytes = Convert.FromHexString(hex);
        fixed (byte* at = bytes.Length == 0 ? new byte[1] : bytes)
        {
            PacketTuple tuple = PacketTuple.Read(at, bytes.Length);
            Assert.Equal(PacketTuple.None, tuple.SourcePort);
            Assert.Equal(PacketTuple.None, tuple.DestinationPort);
        }
    }

    private static PacketFilter Parse(string words)
    {
        Assert.True(PacketFilter.TryParse(words, out PacketFilter filter, out string? error), error);
        return filter;
    }

    private static IEnumerable<(string Port, byte[] Frame)> Packets(RecordedSwitch sut)
    {
        FrameAddresses away = PacketTapTests.OutOfWeb(sut.Config);
        var enis = sut.Config.Enis.ToDictionary(e => e.Name);
        yield return ("web", Frames.Udp(away, 4000, 53));
        var back = new FrameAddresses(TestTopologies.GatewayNeighbor, sut.Config.Internet!.Mac, away.Destination, TestTopologies.Ip("198.51.100.10"));
        yield return ("internet", Frames.Udp(back, 53, 4000));
        yield return ("web", Frames.Tcp(away with { Destination = enis["db"].PrivateIps[0] }, 1, 9, TcpBits.Syn));
        yield return ("web", Frames.ArpRequest(enis["web"].Mac, enis["web"].PrivateIps[0], TestTopologies.Ip("10.0.1.1")));
        yield return ("green", Frames.Udp(
            new FrameAddresses(enis["green"].Mac, enis["twin"].Mac, enis["green"].PrivateIps[1], enis["twin"].PrivateIps[1]), 7, 8));
        byte[] later = Frames.Fragments(Frames.Udp(back with { Destination = TestTopologies.Ip("198.51.100.20") }, 1, 2, 100), 64, 77)[1];
        yield return ("internet", later);
        byte[] other = Frames.Udp(new FrameAddresses(enis["green"].Mac, enis["twin"].Mac, enis["green"].PrivateIps[0], enis["twin"].PrivateIps[0]), 7, 8);
        (other[12], other[13]) = (0x88, 0xCC);
        yield return ("green", other);
    }
}
