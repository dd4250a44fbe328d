using System.CommandLine;

namespace VSwitch.Commands;

internal static class DemoCommand
{
    public static Command Create() => new("demo", "demo");
}
