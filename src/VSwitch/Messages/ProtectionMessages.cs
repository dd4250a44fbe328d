using Microsoft.Extensions.Logging;

namespace VSwitch.Messages;

/// <summary>What is said of elastic IPs under attack. Events 1900 to 1909.</summary>
internal static partial class ProtectionMessages
{
    public const string Category = "VSwitch.Protection";

    [LoggerMessage(1900, LogLevel.Warning, "elastic IP {Eip} ({Address}) is under attack: over its threshold of {Trigger}; scrubbing begins (the second before: {Packets} packets, {Bits} bits, {Syns} SYNs, {NewConnections} new connections)")]
    public static partial void ScrubbingBegan(
        this ILogger log, string eip, string address, string trigger, long packets, long bits, long syns, long newConnections);

    [LoggerMessage(1901, LogLevel.Warning, "elastic IP {Eip} is calm: scrubbing ends (at its worst a second brought {Packets} packets, {Bits} bits, {Syns} SYNs, {NewConnections} new connections; {Scrubbed} packets were dropped, {Challenges} challenges sent, {Proofs} answered)")]
    public static partial void ScrubbingEnded(
        this ILogger log, string eip, long packets, long bits, long syns, long newConnections, long scrubbed, long challenges, long proofs);

    [LoggerMessage(1902, LogLevel.Warning, "elastic IP {Eip} is no longer protected: scrubbing ends")]
    public static partial void ProtectionRemoved(this ILogger log, string eip);
}
