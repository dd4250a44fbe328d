using Microsoft.Extensions.Logging;

namespace VSwitch.Messages;

/// <summary>What the API's server says. Events 2000 to 2099.</summary>
internal static partial class ApiMessages
{
    [LoggerMessage(2000, LogLevel.Error, "{Method} {Path} failed, which is an error of ours")]
    public static partial void RequestFailed(this ILogger log, Exception error, string method, string path);

    [LoggerMessage(2001, LogLevel.Warning, "no API: {Reason}")]
    public static partial void NoApi(this ILogger log, string reason);
}
