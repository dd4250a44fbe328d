using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using VSwitch.Api;

namespace VSwitch.Messages;

/// <summary>Messages on standard error: one line each, for people (time, level, text) or as JSON for machines. No worker writes any.
/// </summary>
internal sealed class ErrorStreamLog : ILoggerProvider
{
    private readonly TextWriter _output;
    private readonly bool _asJson;
    private readonly bool _withTraces;
    private readonly TimeProvider _time;
    private readonly Lock _writing = new();

    /// <summary>Makes the log.</summary>
    /// <param name="output">Where to; standard error.</param>
    /// <param name="asJson">JSON lines.</param>
    /// <param name="withTraces">Stack traces of our own errors too.</param>
    /// <param name="time">The clock.</param>
    public ErrorStreamLog(TextWriter output, bool asJson, bool withTraces, TimeProvider time) =>
        (_output, _asJson, _withTraces, _time) = (output, asJson, withTraces, time);

    /// <summary>The log of a command: quiet (warnings, errors, and the words of start and end) unless asked for more.</summary>
    public static ILoggerFactory Create(bool verbose, bool asJson) => LoggerFactory.Create(logging => logging
        .SetMinimumLevel(verbose ? LogLevel.Information : LogLevel.Warning)
        .AddFilter(RunMessages.Category, LogLevel.Information)
        .AddFilter("Microsoft", verbose ? LogLevel.Warning : LogLevel.Critical)
        .AddProvider(new ErrorStreamLog(Console.Error, asJson, verbose, TimeProvider.System)));

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => new CategoryLogger(this, categoryName);

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private void Write(string line)
    {
        lock (_writing)
        {
            _output.WriteLine(line);
        }
    }

    private static string WordOf(LogLevel level) => level switch
    {
        LogLevel.Information => "info",
        LogLevel.Warning => "warning",
        LogLevel.Error => "error",
        LogLevel.Critical => "critical",
        _ => "debug",
    };

    private sealed class CategoryLogger(ErrorStreamLog log, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            string text = formatter(state, exception);
            log.Write(log._asJson ? AsJson(logLevel, eventId, state, exception, text) : AsText(logLevel, exception, text));
        }

        private string AsText(LogLevel level, Exception? exception, string text)
        {
            string error = exception == null ? "" : log._withTraces ? $": {exception}" : $": {OneLine(exception.Message)}";
            return category == RunMessages.Category
                ? $"vswitch: {text}{error}"
                : $"{Time()} {WordOf(level)}: {text}{error}";
        }

        private string AsJson<TState>(LogLevel level, EventId id, TState state, Exception? exception, string text)
        {
            var buffer = new ArrayBufferWriter<byte>();
            using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = ApiJson.Compact.Encoder }))
            {
                json.WriteStartObject();
                json.WriteString("time", Time());
                json.WriteString("level", WordOf(level));
                json.WriteString("category", category);
                json.WriteNumber("event", id.Id);
                json.WriteString("name", id.Name);
                json.WriteString("message", text);
                WriteValues(json, state);
                if (exception != null)
                {
                    json.WriteString("error", log._withTraces ? exception.ToString() : OneLine(exception.Message));
                }

                json.WriteEndObject();
            }

            return Encoding.UTF8.GetString(buffer.WrittenSpan);
        }

        private static void WriteValues<TState>(Utf8JsonWriter json, TState state)
        {
            if (state is not IEnumerable<KeyValuePair<string, object?>> values)
            {
                return;
            }

            json.WriteStartObject("values");
            foreach ((string name, object? value) in values.Where(v => v.Key != "{OriginalFormat}"))
            {
                json.WritePropertyName(JsonNamingPolicy.CamelCase.ConvertName(name));
                switch (value)
                {
                    case int or long or uint:
                        json.WriteNumberValue(Convert.ToInt64(value, CultureInfo.InvariantCulture));
                        break;
                    default:
                        json.WriteStringValue(Convert.ToString(value, CultureInfo.InvariantCulture));
                        break;
                }
            }

            json.WriteEndObject();
        }

        private string Time() => log._time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

        private static string OneLine(string text) => text.ReplaceLineEndings(" ");
    }
}
