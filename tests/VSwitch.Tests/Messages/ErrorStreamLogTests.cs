using System.Text.Json;
using Microsoft.Extensions.Logging;
using VSwitch.Messages;
using Xunit;

namespace VSwitch.Tests.Messages;

/// <summary>Messages: one line for people, one JSON document a line for machines.</summary>
public sealed class ErrorStreamLogTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 13, 44, 11, 123, TimeSpan.Zero);

    [Fact]
    public void A_line_has_time_level_and_text_and_the_words_of_the_start_are_bare()
    {
        string[] lines = Write(asJson: false, withTraces: false);
        Assert.Equal("vswitch: running, 2 workers; end with Ctrl-C, apply changes with SIGHUP", lines[0]);
        Assert.Equal("2026-11-21T13:44:11.123Z warning: no API: why not", lines[1]);
        Assert.Equal("2026-11-21T13:44:11.123Z error: GET /x failed, which is an error of ours: two lines", lines[2]);
        Assert.Equal(3, lines.Length);
    }

    [Fact]
    public void A_trace_is_there_only_when_asked_for() =>
        Assert.Contains("System.InvalidOperationException", string.Join('\n', Write(asJson: false, withTraces: true)), StringComparison.Ordinal);

    [Fact]
    public void Json_lines_have_the_values_too()
    {
        JsonElement[] lines = [.. Write(asJson: true, withTraces: false).Select(l => JsonDocument.Parse(l).RootElement)];
        Assert.Equal(3, lines.Length);
        Assert.Equal("info", lines[0].GetProperty("level").GetString());
        Assert.Equal(1010, lines[0].GetProperty("event").GetInt32());
        Assert.Equal("Running", lines[0].GetProperty("name").GetString());
        Assert.Equal(2, lines[0].GetProperty("values").GetProperty("workers").GetInt32());
        Assert.Equal("2026-11-21T13:44:11.123Z", lines[1].GetProperty("time").GetString());
        Assert.Equal("why not", lines[1].GetProperty("values").GetProperty("reason").GetString());
        Assert.Equal("two lines", lines[2].GetProperty("error").GetString());
    }

    private static string[] Write(bool asJson, bool withTraces)
    {
        using var output = new StringWriter();
        using (ILoggerFactory logs = LoggerFactory.Create(l => l.AddProvider(new ErrorStreamLog(output, asJson, withTraces, new FixedTime()))))
        {
            logs.CreateLogger(RunMessages.Category).Running(2);
            ILogger api = logs.CreateLogger("VSwitch.Api");
            api.NoApi("why not");
            api.RequestFailed(new InvalidOperationException("two\nlines"), "GET", "/x");
        }

        return output.ToString().TrimEnd().Split(Environment.NewLine);
    }

    private sealed class FixedTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => Now;
    }
}
