using System.CommandLine;
using Spectre.Console;
using VSwitch.Commands;

const int WidthOfAFile = 160;
if (Console.IsOutputRedirected)
{
    AnsiConsole.Profile.Width = WidthOfAFile;
}

var root = new RootCommand("A userspace virtual switch and cloud-VPC data plane: it forwards, it filters, and it says of every packet why.")
{
    CheckCommand.Create(),
    ReplayCommand.Create(),
    TraceCommand.Create(),
    RunCommand.Create(),
    LabCommand.Create(),
    DemoCommand.Create(),
    ShowCommand.Create(),
    ApplyCommand.Create(),
    CaptureCommand.Create(),
    TopCommand.Create(),
    BillCommand.Create(),
    BenchCommand.Create(),
};
return CommandLine.Invoke(root, args);
