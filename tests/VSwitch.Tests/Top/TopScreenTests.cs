using VSwitch.Api;
using VSwitch.ControlPlane.Filters;
using VSwitch.Live;
using VSwitch.Testing;
using VSwitch.Top;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.Top;

/// <summary>The screen of top without a terminal: rates between two snapshots, and lines of exactly the width.</summary>
public class TopScreenTests(ITestOutputHelper output)
{
    private static readonly DateTime Start = new(2026, 11, 21, 12, 0, 0, DateTimeKind.Utc);

    [Fact]
    public void The_picture_of_80_by_24()
    {
        TopPicture picture = TopScreen.Draw(Model(), new TopState(), null, 80, 24);
        string[] expected =
        [
            "vswitch 1.2.3  10.0k pps  80.0M bit/s  5.0 drops/s  2 connections  up 2.8 h     ",
            "",
            "1 PORTS            in pps  in bit/s   out pps out bit/s   drops/s   dropped link",
            "vm1                 10.0k     80.0M       500      4.0M       5.0       105 up  ",
            "internet                0         0         0         0         0         0 none",
            "2 WORKERS      load             burst       pps  handed/s   conns buffers   held",
            "worker 0       50 % █████░░░░░   10.0     10.0k       100       2    75 %      1",
            "3 DROPS                   count  per s last packet                              ",
            "security-group-ingress      105    5.0 tcp 10.0.1.10:40000 > 10.0.2.20:443 syn  ",
            "4 CONNECTIONS                                              pps     bit/s   bytes",
            "tcp 10.0.1.10:40000 > 10.0.2.20:443                        100     80.0k   20.0k",
            "udp [fd00::a]:53 > [fd00::b]:5353                            -         -    1.0k",
        ];
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i].PadRight(80), picture.Lines[i].Text);
        }

        Assert.Equal(24, picture.Lines.Count);
        Assert.StartsWith("q quit  s sort: traffic", picture.Lines[^1].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_picture_of_120_by_40_has_more_columns()
    {
        TopPicture picture = TopScreen.Draw(Model(), new TopState(), null, 120, 40);
        string[] text = [.. picture.Lines.Select(l => l.Text)];
        Assert.Equal(40, text.Length);
        Assert.Contains(text, line => line.StartsWith("3 DROPS", StringComparison.Ordinal) && line.Contains("by port", StringComparison.Ordinal));
        Assert.Contains(text, line => line.StartsWith("tcp ", StringComparison.Ordinal) && line.Contains("established", StringComparison.Ordinal) &&
            line.Contains("vm1", StringComparison.Ordinal));
    }

    [Fact]
    public void Every_line_has_exactly_the_width_whatever_the_size_and_the_names()
    {
        int seed = Seeded.Take("top screen", output.WriteLine);
        var random = new Random(seed);
        string[] names = ["vm1", "東京のとても長い名前のネットワーク", new string('x', 300), "e\u0301vil\e[2J\r\n", "👩‍💻🚀", "\ud800"];
        for (int i = 0; i < 3000; i++)
        {
            TopModel model = Model(name: names[random.Next(names.Length)], copies: random.Next(1, 40));
            var state = new TopState
            {
                Focus = (TopSection)random.Next(4),
                IsZoomed = random.Next(2) == 0,
                ShowsHelp = random.Next(10) == 0,
                IsPaused = random.Next(2) == 0,
                First = random.Next(60),
                Typed = random.Next(4) == 0 ? names[random.Next(names.Length)] : null,
            };
            (int cells, int rows) = (random.Next(1, 200), random.Next(1, 60));
            TopPicture picture = TopScreen.Draw(random.Next(20) == 0 ? null : model, state, random.Next(4) == 0 ? "no switch answers" : null, cells, rows);
            Assert.Equal(rows, picture.Lines.Count);
            Assert.All(picture.Lines, line =>
            {
                Assert.Equal(cells, line.Width);
                Assert.DoesNotContain(line.Text, char.IsControl);
            });
        }
    }

    [Fact]
    public void Counters_that_went_backwards_give_no_rate()
    {
        TopModel model = TopModel.Of(Samples(backwards: true), PacketFilter.All, default);
        TopPort port = model.Ports.Single(p => p.Name == "vm1");
        Assert.Null(port.InPacketsPerSecond);
        Assert.Null(port.DropsPerSecond);
        Assert.Null(model.Workers[0].PacketsPerSecond);
        Assert.Null(model.Workers[0].Load);
        Assert.Null(model.Drops[0].PerSecond);
    }

    [Fact]
    public void A_switch_that_was_started_anew_begins_anew()
    {
        TopSamples samples = Samples();
        TopSnapshot anew = samples.Now with { Status = samples.Now.Status with { StartedAt = Start.AddHours(1) }, AtSeconds = 200 };
        var next = TopSamples.Next(samples, anew);
        Assert.Null(next.Before);
        Assert.Null(TopModel.Of(next, PacketFilter.All, default).PacketsPerSecond);
    }

    [Fact]
    public void A_connection_that_is_younger_than_the_last_look_has_a_rate_at_once()
    {
        TopSamples samples = Samples();
        LiveConnection young = samples.Now.Connections[1] with { AgeSeconds = 0.5, BytesOut = 500, BytesIn = 500 };
        TopSnapshot now = samples.Now with { Connections = [young] };
        Assert.Equal(4000, TopModel.Of(samples with { Now = now }, PacketFilter.All, default).Connections[0].BitsPerSecond);
    }

    [Theory]
    [InlineData("port vm1", 1, 1)]
    [InlineData("eni internet", 1, 0)]
    [InlineData("reason no-route", 2, 0)]
    [InlineData("reason security-group-ingress", 2, 1)]
    public void A_filter_chooses_ports_and_drops(string words, int ports, int drops)
    {
        Assert.True(PacketFilter.TryParse(words, out PacketFilter filter, out _));
        TopModel model = TopModel.Of(Samples(), filter, default);
        Assert.Equal((ports, drops), (model.Ports.Count, model.Drops.Count));
    }

    private static TopModel Model(string name = "vm1", int copies = 1) => TopModel.Of(Samples(name: name, copies: copies), PacketFilter.All, default);

    private static TopSamples Samples(bool backwards = false, string name = "vm1", int copies = 1)
    {
        TopSnapshot before = Snapshot(100, 0, name, copies);
        TopSnapshot now = Snapshot(102, backwards ? -1 : 1, name, copies);
        return TopSamples.Next(TopSamples.Next(null, before), now);
    }

    private static TopSnapshot Snapshot(double atSeconds, int step, string name, int copies) => new()
    {
        AtSeconds = atSeconds,
        ConnectionsAtSeconds = atSeconds,
        Status = new StatusDocument("1.2.3", Start, 10_000 + step, 7, 1, 2, 2, null),
        Ports =
        [
            .. Enumerable.Range(0, copies).Select(i => new PortDocument(
                i == 0 ? name : name + i, new DeviceDocument("tap", "tap", 1, true, 1500, true, 0, 0, 0, null),
                Counters(step, i == 0))),
            new PortDocument("internet", null, new CountersDocument(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, new Dictionary<string, long>())),
        ],
        Workers =
        [
            new WorkerDocument(
                0, null, 2, 4, 128, 2, 5000 + (step * 2000), 50_000 + (step * 20_000), 10, 1000 + (step * 200), 0, 0, 0, 0, 1, new BuffersDocument(75, 100),
                new BuffersDocument(1, 1), 10 + step, new LatelyDocument(1, 0.5, 0.000001, 0.00002)),
        ],
        Drops = [.. Enumerable.Range(0, copies).Select(i => new DropDocument(
            i == 0 ? "security-group-ingress" : $"reason-{i}", "No ingress rule allows it.", 95 + (step * 10), new Dictionary<string, long> { [name] = 95 + (step * 10) },
            new LastDropDocument(Start, name, 60, "tcp 10.0.1.10:40000 > 10.0.2.20:443 syn", "00")))],
        Connections =
        [
            .. Enumerable.Range(0, copies).Select(i => Connection("tcp", "10.0.1.10", 40_000 + i, "10.0.2.20", 443, "established", name, 200 * step, 20_000 * step)),
            .. step > 0 ? [Connection("udp", "fd00::a", 53, "fd00::b", 5353, "udp", name, 1, 1000)] : (LiveConnection[])[],
        ],
    };

    private static CountersDocument Counters(int step, bool isFirst)
    {
        int n = isFirst ? step : 0;
        return new CountersDocument(
            100_000 + (n * 20_000), 5000 + (n * 1000), 0, 0, 0, 95 + (n * 10), 0, 0, 50_000_000 + (n * 20_000_000), 1_000_000 + (n * 1_000_000),
            new Dictionary<string, long>());
    }

    private static LiveConnection Connection(
        string protocol, string source, int sourcePort, string destination, int destinationPort, string state, string port, long packets, long bytes) => new()
        {
            Vpc = "blue",
            Protocol = protocol,
            Source = source,
            SourcePort = sourcePort,
            Destination = destination,
            DestinationPort = destinationPort,
            State = state,
            OpenerPort = port,
            OtherPort = "internet",
            PacketsOut = packets,
            BytesOut = bytes,
            AgeSeconds = 60,
        };
}
