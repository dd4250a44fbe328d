using System.Text;
using VSwitch.Top;
using Xunit;

namespace VSwitch.Tests.Top;

/// <summary>Keys of top: what bytes mean, and what a key does.</summary>
public class TopStateTests
{
    private static readonly TopExtent Extent = new(Rows: 30, Visible: 10);

    [Theory]
    [InlineData("q", true)]
    [InlineData("?q", true)]
    [InlineData("/q", false)]
    [InlineData("s", false)]
    public void Q_quits_but_where_it_is_typed(string keys, bool isOver) => Assert.Equal(isOver, After(keys).IsOver);

    [Fact]
    public void S_goes_round_the_orders()
    {
        Assert.Equal(["traffic", "packets", "drops", "name", "traffic"], new[] { "", "s", "ss", "sss", "ssss" }.Select(k => After(k).Sort.Word));
    }

    [Fact]
    public void P_and_space_stop_the_picture()
    {
        Assert.True(After("p").IsPaused);
        Assert.False(After("p ").IsPaused);
    }

    [Fact]
    public void A_number_shows_one_section_and_again_all()
    {
        TopState alone = After("3");
        Assert.Equal((TopSection.Drops, true), (alone.Focus, alone.IsZoomed));
        Assert.False(After("33").IsZoomed);
        Assert.Equal((TopSection.Connections, true), (After("34").Focus, After("34").IsZoomed));
        Assert.False(After("3\e").IsZoomed);
        Assert.Equal(TopSection.Workers, After("\t").Focus);
        Assert.Equal(TopSection.Connections, After("\e[Z").Focus);
    }

    [Theory]
    [InlineData("\e[A", 0)]
    [InlineData("\e[B", 1)]
    [InlineData("\eOB\e[B\e[A", 1)]
    [InlineData("\e[6~", 10)]
    [InlineData("\e[6~\e[6~\e[6~\e[6~", 20)]
    [InlineData("\e[F", 20)]
    [InlineData("\e[F\e[5~", 10)]
    [InlineData("\e[4~\e[1~", 0)]
    [InlineData("jjk", 1)]
    public void Arrows_and_pages_scroll_within_bounds(string keys, int first) => Assert.Equal(first, After(keys).First);

    [Fact]
    public void A_filter_is_typed_and_taken_by_enter()
    {
        TopState state = After("/tcp and port vm1x\u007f\r");
        Assert.Null(state.Typed);
        Assert.Equal("port vm1 and proto 6", state.Filter.ToString());
        Assert.Equal("port vm1 and proto 6", state.After(new TopKey(TopKeyKind.Character, 'f'), Extent).Typed);
        Assert.True(After("/tcp\r\e").Filter.IsAll);
    }

    [Fact]
    public void What_is_no_filter_is_said_and_can_be_mended()
    {
        TopState state = After("/bogus\r");
        Assert.Contains("'bogus' is no word of a filter", state.FilterError, StringComparison.Ordinal);
        Assert.Equal("bogus", state.Typed);
        TopState mended = After("/bogus\r\u0015udp\r");
        Assert.Null(mended.FilterError);
        Assert.Equal("proto 17", mended.Filter.ToString());
        Assert.Null(After("/udp\e").Typed);
    }

    [Fact]
    public void A_filter_ends_somewhere()
    {
        TopState state = After("/" + new string('x', 1000));
        Assert.Equal(TopState.LongestFilter, state.Typed?.Length);
    }

    [Fact]
    public void Any_bytes_are_keys()
    {
        var random = new Random(7);
        byte[] bytes = new byte[40];
        var state = new TopState();
        for (int i = 0; i < 20_000; i++)
        {
            random.NextBytes(bytes);
            foreach (TopKey key in TopKey.Decode(bytes.AsSpan(0, random.Next(bytes.Length))))
            {
                state = state.After(key, Extent);
            }

            Assert.InRange(state.First, 0, Extent.LastFirst);
        }
    }

    /// <summary>Escape sequences come in one read each, as from a terminal.</summary>
    private static TopState After(string keys)
    {
        var state = new TopState();
        foreach (TopKey key in TopKey.Decode(Encoding.UTF8.GetBytes(keys)))
        {
            state = state.After(key, Extent);
        }

        return state;
    }
}
