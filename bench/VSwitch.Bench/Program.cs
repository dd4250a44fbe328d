using VSwitch.Bench.Throughput;
using VSwitch.Devices.Linux;

if (args is ["throughput", ..])
{
    return ThroughputCommand.Run(args);
}

if (args is ["newconn", ..])
{
    CpuAffinity.Pin(CpuAffinity.Allowed()[^1]);
    foreach (string scenario in args[1..])
    {
        string[] parts = scenario.Split(',');
        if (parts[0] == "swap")
        {
            Console.WriteLine(GroupSwaps.Text(GroupSwaps.Swap(parts[1], int.Parse(parts[2]))));
            continue;
        }

        if (parts[0] == "pause")
        {
            CpuAffinity.Pin(CpuAffinity.Allowed()[0]);
            Console.WriteLine(GroupSwaps.Text(GroupSwaps.Pause(int.Parse(parts[1]), int.Parse(parts[2]))));
            continue;
        }

        if (parts[0] == "classify")
        {
            Console.WriteLine(NewConnections.Text(NewConnections.Classify(int.Parse(parts[1]), 2.596)));
            continue;
        }

        int rules = int.Parse(parts[2]);
        int size = int.Parse(parts[3]);
        Console.WriteLine(NewConnections.Text(parts[0] == "first" ? NewConnections.FirstPacket(parts[1], rules, size, 2.596) : NewConnections.TcpLife(parts[1], rules, size, 2.596)));
    }

    return 0;
}

Console.Error.WriteLine("usage: VSwitch.Bench throughput [--quick] [--json]");
return 2;
