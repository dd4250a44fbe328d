using System.CommandLine;

namespace VSwitch.Commands;

internal static class LabCommand
{
    public static Command Create() => new("lab", "lab");
}
