using Microsoft.Extensions.Logging;

namespace VSwitch.Messages;

/// <summary>What is said of mirrors. Events 1100 to 1109.</summary>
internal static partial class MirrorMessages
{
    [LoggerMessage(1100, LogLevel.Warning, "mirror {Mirror} does not write: {Problem}; its packets are counted as lost, and it tries again")]
    public static partial void MirrorStopped(this ILogger log, string mirror, string problem);

    [LoggerMessage(1101, LogLevel.Information, "mirror {Mirror} writes")]
    public static partial void MirrorWorks(this ILogger log, string mirror);
}
