using System.CommandLine;

namespace VSwitch.Commands;

internal static class RunCommand
{
    public static Command Create() => new("run", "run");
}
