using Microsoft.Extensions.Logging;

namespace VSwitch.Messages;

/// <summary>What is said of elastic IPs. Events 1200 to 1209.</summary>
internal static partial class ElasticIpMessages
{
    /// <summary>Category of the service that moves them.</summary>
    public const string Category = "VSwitch.ElasticIps";

    [LoggerMessage(1200, LogLevel.Warning, "elastic IP {Eip} ({Address}) moved from {From} to {To}: {Reason}")]
    public static partial void EipMoved(this ILogger log, string eip, string address, string from, string to, string reason);

    [LoggerMessage(1201, LogLevel.Warning, "elastic IP {Eip} stays at {Holder}, which fails its health check: no standby is healthy")]
    public static partial void EipStranded(this ILogger log, string eip, string holder);

    [LoggerMessage(1202, LogLevel.Error, "elastic IP {Eip} could not be moved: {Reason}; it is tried again")]
    public static partial void EipNotMoved(this ILogger log, string eip, string reason);
}
