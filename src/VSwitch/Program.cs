using System.CommandLine;
using VSwitch.Commands;

var root = new RootCommand("A userspace virtual switch and cloud-VPC data plane: it forwards, it filters, and it says of every packet why.")
{
    CheckCommand.Create(),
    ReplayCommand.Create(),
    TraceCommand.Create(),
    RunCommand.Create(),
    LabCommand.Create(),
    DemoCommand.Create(),
    ShowCommand.Create(),
};
return CommandLine.Invoke(root, args);
