using System.Text.Json;
using Spectre.Console;
using VSwitch.Show;
using Xunit;

namespace VSwitch.Tests.Show;

/// <summary>Documents of the API as tables that fit a terminal of 80 columns.</summary>
public sealed class ShowTableTests
{
    private const int Columns = 80;

    [Theory]
    [InlineData(0, "0 bit/s")]
    [InlineData(999, "999 bit/s")]
    [InlineData(999.96, "1.0 kbit/s")]
    [InlineData(1_234_567_890, "1.2 Gbit/s")]
    [InlineData(99_949_999, "99.9 Mbit/s")]
    [InlineData(99_960_000, "100 Mbit/s")]
    [InlineData(1e19, "10000 Pbit/s")]
    public void Rates_are_readable(double rate, string text) => Assert.Equal(text, HumanText.Rate(rate));

    [Theory]
    [InlineData(0.35, "350 ms")]
    [InlineData(12.4, "12 s")]
    [InlineData(300, "5 min")]
    [InlineData(9000, "2.5 h")]
    [InlineData(270_000, "3.1 d")]
    public void Times_are_readable(double seconds, string text) => Assert.Equal(text, HumanText.Time(seconds));

    [Fact]
    public void Ports_have_rates_once_they_are_looked_at_twice()
    {
        var time = new SteppedTime();
        var table = new ShowTable(Subject("ports"), time);
        const string Port = """
            {"ports":[{"name":"web-frontend-1-eth0","device":{"name":"web-frontend-","up":true},"counters":{"received":1000000,"sent":900000,"dropped":12,"receivedBytes":BYTES,"sentBytes":0,"drops":{"security-group-ingress":10,"no-route":2}}}]}
            """;
        string first = Render(table, Port.Replace("BYTES", "1000", StringComparison.Ordinal), isWatched: true);
        Assert.DoesNotContain("bit/s", first, StringComparison.Ordinal);
        time.Step(TimeSpan.FromSeconds(2));
        string second = Render(table, Port.Replace("BYTES", "250001000", StringComparison.Ordinal), isWatched: true);
        Assert.Contains("1.0", second, StringComparison.Ordinal);
        Assert.Contains("Gbit/s", second, StringComparison.Ordinal);
        Assert.Contains("security-group", second, StringComparison.Ordinal);
        Assert.DoesNotContain("bit/s", Render(new ShowTable(Subject("ports"), time), Port.Replace("BYTES", "1", StringComparison.Ordinal), false), StringComparison.Ordinal);
    }

    [Fact]
    public void Flows_show_both_ends_and_that_there_are_more()
    {
        string text = Render(new ShowTable(Subject("flows"), TimeProvider.System), """
            {"connections":[{"protocol":"tcp","source":"10.0.1.10","sourcePort":40000,"destination":"fd00::1","destinationPort":443,"state":"established","packetsOut":3,"packetsIn":2,"bytesOut":1200,"bytesIn":300,"ageSeconds":61}],"next":"x"}
            """);
        Assert.Contains("10.0.1.10:40000", text, StringComparison.Ordinal);
        Assert.Contains("[fd00::1]:443", text, StringComparison.Ordinal);
        Assert.Contains("1.5 kB", text, StringComparison.Ordinal);
        Assert.Contains("61 s", text, StringComparison.Ordinal);
        Assert.Contains("There are more", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Drops_show_the_last_packet_and_all_of_them_what_they_mean()
    {
        const string Drops = """
            {"drops":[{"reason":"no-route","sentence":"Nobody there.","count":3,"ports":{"one":2,"two":1},"last":{"packet":"udp 10.0.1.10:1 > 10.0.9.9:2"}}]}
            """;
        string text = Render(new ShowTable(Subject("drops"), TimeProvider.System), Drops);
        Assert.Contains("one 2 two 1", text, StringComparison.Ordinal);
        Assert.Contains("udp 10.0.1.10:1 > 10.0.9.9:2", text, StringComparison.Ordinal);
        Assert.DoesNotContain("Nobody there.", text, StringComparison.Ordinal);
        Assert.Contains("Nobody there.", Render(new ShowTable(Subject("drops").WithSentences(), TimeProvider.System), Drops), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("workers", """{"workers":[{"index":0,"ports":12,"queues":34,"rssEntries":64,"load":0.875,"connections":123456,"burstCount":1,"burstPackets":123456789,"meanBurst":12.34,"handedOver":12345678,"takenOver":12345678,"held":1,"smallBuffers":{"free":8192,"total":8192}}]}""", "88 %")]
    [InlineData("eips", """{"elasticIps":[{"name":"e1","address":"203.0.113.10","bandwidth":1500000,"billing":"traffic"}]}""", "1.5 Mbit/s")]
    [InlineData("groups", """{"securityGroups":[{"name":"web","vpc":"blue","ingress":[{}],"egress":[],"enis":["a","b"]}]}""", "1 rule")]
    [InlineData("routes", """{"routeTables":[{"name":"m","vpc":"blue","subnets":["a"],"routes":[{"destination":"0.0.0.0/0","target":"internet"}]}]}""", "0.0.0.0/0 internet")]
    [InlineData("changes", """{"changes":[{"revision":3,"time":"2026-11-21T13:44:11Z","by":"api","changes":["eni d attached","group web changed"]}]}""", "eni d attached")]
    [InlineData("enis", """{"enis":[]}""", "no enis")]
    [InlineData("enis", """{"enis":[{"name":"vm1-data","instance":"vm1","attachment":"secondary","deleteWithInstance":true,"vpc":"blue","subnet":"blue-a","privateIps":["10.0.1.10","10.0.1.11"],"securityGroups":["web","db"],"elasticIps":[{"address":"203.0.113.10"}]}]}""", "goes")]
    [InlineData("instances", """{"instances":[{"name":"vm1","vcpus":4,"vpc":"blue","primaryEni":"vm1-eth0","secondaryEnis":["a","b"],"mostEnis":4,"mostQueues":4}]}""", "3 of 4")]
    [InlineData("queues", """{"queues":[{"port":"vm1-eth0","queue":3,"active":true,"worker":1,"received":123456789,"sent":123456789,"rssEntries":32}]}""", "yes")]
    [InlineData("status", """{"version":"1.0.0","revision":3,"state":null}""", "revision: 3")]
    public void Subjects_fit(string subject, string document, string expected) =>
        Assert.Contains(expected, Render(new ShowTable(Subject(subject), TimeProvider.System), document), StringComparison.Ordinal);

    [Fact]
    public void One_of_a_list_is_described_whole()
    {
        string text = Render(new ShowTable(Subject("groups"), TimeProvider.System), """
            {"name":"web","ingress":[{"protocol":"tcp","ports":"80"}],"enis":["a","b"],"counters":{"drops":{}}}
            """, isOne: true);
        Assert.Equal(["name: web", "ingress:", "  - protocol tcp ports 80", "enis: a, b", "counters:", "  drops: none"],
            text.TrimEnd().Split('\n').Select(l => l.TrimEnd()));
    }

    private static ShowSubject Subject(string name) => ShowSubject.All.First(s => s.Name == name);

    private static string Render(ShowTable table, string document, bool isWatched = false, bool isOne = false)
    {
        using var output = new StringWriter();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(output) });
        console.Profile.Width = Columns;
        using var parsed = JsonDocument.Parse(document);
        console.Write(table.Render(parsed.RootElement.Clone(), isOne, isWatched));
        string text = output.ToString();
        Assert.All(text.Split('\n'), line => Assert.True(line.TrimEnd().Length <= Columns, line));
        return text;
    }

    private sealed class SteppedTime : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public void Step(TimeSpan by) => _ticks += by.Ticks;
    }
}
