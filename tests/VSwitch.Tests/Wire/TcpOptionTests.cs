using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.Wire;

/// <summary>What <see cref="TcpView"/> reads out of option lists, good and bad.</summary>
public class TcpOptionTests
{
    [Fact]
    public void All_options_of_a_usual_syn_are_read()
    {
        Assert.True(TcpView.TryParse(Segment("020405b4010303070402080a0000000100000002"), out TcpView tcp));
        Assert.Equal(((ushort?)1460, (byte?)7, true), (tcp.MaximumSegmentSize, tcp.WindowScale, tcp.IsSackPermitted));
        Assert.True(tcp.TryGetTimestamps(out uint value, out uint echo));
        Assert.Equal((1u, 2u), (value, echo));
    }

    /// <summary>Columns: options, then the MSS, scale, SACK-permitted and timestamp that are seen.</summary>
    [Theory]
    [InlineData("", null, null, false, false)]
    [InlineData("01010101", null, null, false, false)]
    [InlineData("0002040578030307", null, null, false, false)]
    [InlineData("0303ff00", null, 14, false, false)]
    [InlineData("030301030305", null, 5, false, false)]
    [InlineData("0402020405b4", 1460, null, true, false)]
    [InlineData("020305b4", null, null, false, false)]
    [InlineData("0402080a0000", null, null, true, false)]
    [InlineData("0500040201", null, null, false, false)]
    [InlineData("0501040201", null, null, false, false)]
    [InlineData("fd04abcd0402", null, null, true, false)]
    [InlineData("01010103", null, null, false, false)]
    [InlineData("01080a0000000100000002", null, null, false, true)]
    public void Tcp_options_end_where_they_stop_making_sense(string options, int? mss, int? scale, bool sack, bool timestamps)
    {
        Assert.True(TcpView.TryParse(Segment(options), out TcpView tcp));
        Assert.Equal(
            (mss, scale, sack, timestamps),
            ((int?)tcp.MaximumSegmentSize, (int?)tcp.WindowScale, tcp.IsSackPermitted, tcp.TryGetTimestamps(out _, out _)));
    }

    [Fact]
    public void Any_option_bytes_are_read_or_refused()
    {
        var random = new Random(Seeded.Take("TCP options"));
        byte[] segment = PacketBuilder.Bare().Tcp(1, 2, TcpBits.Syn, t => t with { Options = new byte[40] }).Build();
        int found = 0;
        for (int i = 0; i < 100_000; i++)
        {
            for (int at = 20; at < segment.Length; at++)
            {
                // Small numbers are kinds and lengths.
                segment[at] = (byte)random.Next(random.Next(4) == 0 ? 256 : 12);
            }

            Assert.True(TcpView.TryParse(segment, out TcpView tcp));
            Assert.InRange(tcp.WindowScale ?? 0, 0, TcpView.MaxWindowScale);
            found += tcp.MaximumSegmentSize != null || tcp.IsSackPermitted || tcp.TryGetTimestamps(out _, out _) ? 1 : 0;
        }

        Assert.InRange(found, 1, 99_999);
    }

    private static byte[] Segment(string options) => PacketBuilder.Bare()
        .Tcp(1, 2, TcpBits.Syn, t => t with { Options = Convert.FromHexString(options) }).Build();
}
