using VSwitch.Bench.Throughput;

if (args is ["throughput", ..])
{
    return ThroughputCommand.Run(args);
}

Console.Error.WriteLine("usage: VSwitch.Bench throughput [--quick] [--json]");
return 2;
