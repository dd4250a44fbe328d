using System.CommandLine;

namespace VSwitch.Commands;

internal static class ShowCommand
{
    public static Command Create() => new("show", "show");
}
