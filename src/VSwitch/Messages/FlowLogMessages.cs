using Microsoft.Extensions.Logging;

namespace VSwitch.Messages;

/// <summary>What is said of flow logs. Events 1200 to 1209.</summary>
internal static partial class FlowLogMessages
{
    [LoggerMessage(1200, LogLevel.Warning, "{Message}")]
    public static partial void FlowLogSays(this ILogger log, string message);
}
