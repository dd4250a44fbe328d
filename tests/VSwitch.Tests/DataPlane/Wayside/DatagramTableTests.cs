using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;
using VSwitch.Testing;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.DataPlane.Wayside;

/// <summary>What is seen of a datagram, against a plain list of fragments; and who gives way in a full set.</summary>
public class DatagramTableTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("0-8+ 8-16+ 16-20.", "Fits Fits Completes")]
    [InlineData("16-20. 8-16+ 0-8+", "Fits Fits Completes")]
    [InlineData("8-16+ 0-8+ 16-20.", "Fits Fits Completes")]
    [InlineData("0-8+ 0-8+", "Fits Repeats")]
    [InlineData("0-8+ 8-16+ 16-24+ 8-16+ 0-8+ 16-24+ 0-16+", "Fits Fits Fits Repeats Repeats Repeats Poisons")]
    [InlineData("0-16+ 0-8+", "Fits Poisons")]
    [InlineData("0-16+ 8-16+", "Fits Poisons")]
    [InlineData("8-16+ 0-24+", "Fits Poisons")]
    [InlineData("0-8+ 16-24+ 0-24+", "Fits Fits Poisons")]
    [InlineData("0-8+ 16-24+ 4-12.", "Fits Fits Poisons")]
    [InlineData("16-20. 24-32+", "Fits Poisons")]
    [InlineData("16-20. 16-20.", "Fits Repeats")]
    [InlineData("16-20. 16-24.", "Fits Poisons")]
    [InlineData("16-20. 8-12.", "Fits Poisons")]
    [InlineData("16-24+ 8-12.", "Fits Poisons")]
    [InlineData("16-24+ 24-32. 32-40+", "Fits Fits Poisons")]
    [InlineData("65528-65535. 0-65528+", "Fits Completes")]
    public void Fragments_in_a_row(string fragments, string verdicts)
    {
        Datagram datagram = default;
        Assert.Equal(verdicts.Split(' '), fragments.Split(' ').Select(text =>
        {
            string[] bounds = text[..^1].Split('-');
            return datagram.See(int.Parse(bounds[0], null), int.Parse(bounds[1], null), text[^1] == '.').ToString();
        }));
    }

    [Fact]
    public void Thirty_two_separate_ranges_are_kept_and_one_more_is_too_many()
    {
        Datagram datagram = default;
        for (int i = 0; i < Datagram.MaxRanges; i++)
        {
            Assert.Equal(FragmentVerdict.Fits, datagram.See(16 * i, (16 * i) + 8, isLast: false));
        }

        Assert.Equal(Datagram.MaxRanges, datagram.RangeCount);
        Datagram full = datagram;
        Assert.Equal(FragmentVerdict.Poisons, full.See(16 * 32, (16 * 32) + 8, isLast: false));
        Assert.Equal(FragmentVerdict.Fits, datagram.See(8, 16, isLast: false));
        Assert.Equal(Datagram.MaxRanges - 1, datagram.RangeCount);
        Assert.Equal(FragmentVerdict.Fits, datagram.See(16 * 32, (16 * 32) + 8, isLast: false));
        Assert.Equal(FragmentVerdict.Repeats, datagram.See(8, 16, isLast: false));
    }

    [Fact]
    public void Any_fragments_are_judged_as_a_plain_list_judges_them()
    {
        int seed = Seeded.Take("datagram", output.WriteLine);
        var random = new Random(seed);
        var seen = new HashSet<FragmentVerdict>();
        for (int round = 0; round < 20_000; round++)
        {
            Datagram datagram = default;
            var list = new PlainDatagram();
            int units = random.Next(1, 90);
            for (int i = 0; i < 120; i++)
            {
                int start = random.Next(units);
                int count = random.Next(1, random.Next(4) == 0 ? units - start + 1 : 2);
                bool isLast = random.Next(20) == 0 || (start + count == units && random.Next(2) == 0);
                int end = ((start + count) * 8) - (isLast ? random.Next(8) : 0);
                FragmentVerdict expected = list.See(start * 8, end, isLast);
                Assert.Equal(expected, datagram.See(start * 8, end, isLast));
                seen.Add(expected);
                if (expected is FragmentVerdict.Poisons or FragmentVerdict.Completes)
                {
                    break;
                }
            }
        }

        Assert.Equal(4, seen.Count);
    }

    [Fact]
    public unsafe void A_flood_of_one_port_costs_that_port_first()
    {
        using var table = new DatagramTable();
        var quiet = new FragmentKey(new RawIp6(1, 0), new RawIp6(2, 0), 7, 9, 17, 0);
        uint hash = quiet.Hash(3, 4);
        table.Begin(table.Choose(hash, 0), quiet, 0);
        for (uint i = 0; i < 200_000; i++)
        {
            var flood = new FragmentKey(new RawIp6(1, 0), new RawIp6(2, 0), i, 5, 17, 0);
            uint floodHash = flood.Hash(3, 4);
            Assert.Equal(-1, table.Find(flood, floodHash, 1 + i));
            int slot = table.Choose(floodHash, 1 + i);
            Assert.InRange(slot, 0, DatagramTable.Capacity - 1);
            table.Begin(slot, flood, 1 + i);
            Assert.Equal(slot, table.Find(flood, floodHash, 1 + i));
        }

        Assert.True(table.Find(quiet, hash, DatagramTable.LifetimeNs - 1) >= 0, "the quiet port's datagram is still known");
        Assert.Equal(-1, table.Find(quiet, hash, DatagramTable.LifetimeNs));
    }

    /// <summary>Every fragment as it came, and questions asked of all of them.</summary>
    private sealed class PlainDatagram
    {
        private readonly List<(int Start, int End)> _fragments = [];
        private int _end = -1;

        public FragmentVerdict See(int start, int end, bool isLast)
        {
            if (_fragments.Contains((start, end)))
            {
                return FragmentVerdict.Repeats;
            }

            bool contradicts = _fragments.Any(f => start < f.End && f.Start < end) || (_end >= 0 && end > _end) ||
                (_end >= 0 && isLast && end != _end) || (isLast && _fragments.Any(f => f.End > end));
            List<(int Start, int End)> all = [.. _fragments, (start, end)];
            int separate = all.Count(f => !all.Any(other => other.End == f.Start));
            if (contradicts || separate > 32)
            {
                return FragmentVerdict.Poisons;
            }

            _fragments.Add((start, end));
            _end = isLast ? end : _end;
            return _end >= 0 && _fragments.Sum(f => f.End - f.Start) == _end ? FragmentVerdict.Completes : FragmentVerdict.Fits;
        }
    }
}
