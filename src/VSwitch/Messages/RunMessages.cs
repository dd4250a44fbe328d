using Microsoft.Extensions.Logging;

namespace VSwitch.Messages;

/// <summary>What a switch says of itself when it starts, changes and ends. Events 1000 to 1099; the start-up words are always said.
/// </summary>
internal static partial class RunMessages
{
    /// <summary>What is logged here is said without being asked for, in text without time and level.</summary>
    public const string Category = "VSwitch.Run";

    [LoggerMessage(1000, LogLevel.Information, "port {Port} on {Device}, {Queues} queues{Offload}")]
    public static partial void PortOpened(this ILogger log, string port, string device, int queues, string offload);

    [LoggerMessage(1001, LogLevel.Information, "workers pinned to processors {Processors}, all else on {Others}")]
    public static partial void WorkersPinned(this ILogger log, string processors, string others);

    [LoggerMessage(1002, LogLevel.Information, "{Workers} workers, not pinned, on processors {Processors}")]
    public static partial void WorkersShare(this ILogger log, int workers, string processors);

    [LoggerMessage(1003, LogLevel.Information, "API at {Address}")]
    public static partial void ApiAt(this ILogger log, string address);

    [LoggerMessage(1004, LogLevel.Information, "state in {Folder}, revision {Revision}")]
    public static partial void StateIn(this ILogger log, string folder, long revision);

    [LoggerMessage(1005, LogLevel.Warning, "state: {Finding}")]
    public static partial void StateFinding(this ILogger log, string finding);

    [LoggerMessage(1006, LogLevel.Warning, "{Note}")]
    public static partial void FileWaits(this ILogger log, string note);

    [LoggerMessage(1010, LogLevel.Information, "running, {Workers} workers; end with Ctrl-C, apply changes with SIGHUP")]
    public static partial void Running(this ILogger log, int workers);

    [LoggerMessage(1020, LogLevel.Information, "the changed configuration is in force")]
    public static partial void Reloaded(this ILogger log);

    [LoggerMessage(1021, LogLevel.Error, "{Reason}; nothing was changed")]
    public static partial void ReloadRefused(this ILogger log, string reason);

    [LoggerMessage(1022, LogLevel.Error, "the changed configuration has errors; nothing was changed")]
    public static partial void ReloadNotRead(this ILogger log);

    [LoggerMessage(1023, LogLevel.Information, "the configuration says what is in force already; nothing was changed")]
    public static partial void ReloadedSame(this ILogger log);

    [LoggerMessage(1030, LogLevel.Critical, "a worker failed, which is an error of ours: {Reason}")]
    public static partial void WorkerFailed(this ILogger log, string reason);
}
