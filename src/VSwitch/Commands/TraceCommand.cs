using System.CommandLine;

namespace VSwitch.Commands;

internal static class TraceCommand
{
    public static Command Create() => new("trace", "trace");
}
