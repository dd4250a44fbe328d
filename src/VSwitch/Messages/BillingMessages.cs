using Microsoft.Extensions.Logging;

namespace VSwitch.Messages;

/// <summary>What is said of the usage ledger. Events 1300 to 1309.</summary>
internal static partial class BillingMessages
{
    [LoggerMessage(1300, LogLevel.Warning, "usage: {Message}")]
    public static partial void UsageSays(this ILogger log, string message);
}
