namespace VSwitch.Bench;

/// <summary>What a measured packet goes through.</summary>
internal enum BenchScenario
{
    /// <summary>Between two ENIs of one subnet, with a group that allows everything.</summary>
    L2,

    /// <summary>Between two subnets, with security groups at both ends.</summary>
    Sg,

    /// <summary>Between an ENI and the internet side: security groups at the ENI and the 1:1 NAT of an elastic IP.</summary>
    Eip,

    /// <summary>The same as <see cref="Sg"/>, but the receiver's rules allow none of it.</summary>
    Denied,
}

/// <summary>In which order the packets of the flows come.</summary>
internal enum BenchOrder
{
    /// <summary>A random permutation of all flows, again and again.</summary>
    Random,

    /// <summary>Flow after flow.</summary>
    Sequential,
}

/// <summary>One cell of the throughput grid: what is sent.</summary>
/// <param name="Scenario">What the packets go through.</param>
/// <param name="Flows">Established connections.</param>
/// <param name="Rules">Rules of the security group, in each direction.</param>
/// <param name="FrameBytes">Bytes of each frame, without FCS; from 64 to 1514.</param>
/// <param name="Order">Order of the flows.</param>
/// <param name="Workers">Worker threads.</param>
internal sealed record BenchCase(
    BenchScenario Scenario, int Flows, int Rules = 50, int FrameBytes = 64, BenchOrder Order = BenchOrder.Random, int Workers = 1);

/// <summary>One measured cell. Clocks are TSC clocks a packet.</summary>
/// <param name="Scenario">What the packets went through.</param>
/// <param name="Flows">Established connections.</param>
/// <param name="Rules">Rules of the security group, in each direction.</param>
/// <param name="FrameBytes">Bytes of each frame.</param>
/// <param name="Order">Order of the flows.</param>
/// <param name="Workers">Worker threads.</param>
/// <param name="ClocksPerPacket">Processor time of all workers, without the generator's.</param>
/// <param name="GeneratorClocks">The traffic generator's share, measured apart.</param>
/// <param name="YardstickClocks">M(n): one prefetched random cache line in a footprint of n flows.</param>
/// <param name="Mpps">Million packets a second: by processor time without the generator for one worker, by the clock on the
/// wall with the generator for more.</param>
/// <param name="P50">Median over bursts, clocks a packet of the burst, by the clock on the wall.</param>
/// <param name="P99">99th percentile of the same.</param>
/// <param name="P999">99.9th percentile of the same.</param>
internal sealed record BenchCell(
    BenchScenario Scenario, int Flows, int Rules, int FrameBytes, BenchOrder Order, int Workers, double ClocksPerPacket,
    double GeneratorClocks, double YardstickClocks, double Mpps, double P50, double P99,
    double P999);

/// <summary>One figure of the switch over TAP devices.</summary>
/// <param name="Scenario">What the traffic goes through: l2, sg or eip.</param>
/// <param name="Metric">What is measured, in words.</param>
/// <param name="Value">The figure.</param>
/// <param name="Unit">Its unit.</param>
internal sealed record TapRow(string Scenario, string Metric, double Value, string Unit);

/// <summary>What a new connection costs, TSC clocks by processor time, without the generator.</summary>
/// <param name="Scenario">What its packets go through and which of them are counted.</param>
/// <param name="Rules">Rules of the security group, in each direction.</param>
/// <param name="TableSize">Other connections in the table.</param>
/// <param name="ClocksPerConnection">The figure.</param>
internal sealed record NewConnectionRow(string Scenario, int Rules, int TableSize, double ClocksPerConnection);

/// <summary>Drops of a flow whose first packets were denied, beside what a forwarded packet of the same scenario costs.</summary>
/// <param name="Flows">Denied flows.</param>
/// <param name="Rules">Rules of the security group at the receiver; none matches.</param>
/// <param name="ClocksPerPacket">Clocks a dropped packet, without the generator.</param>
/// <param name="ForwardedClocks">Clocks a packet of as many established connections.</param>
internal sealed record DropRow(int Flows, int Rules, double ClocksPerPacket, double ForwardedClocks);

/// <summary>Two workers beside one, with the generator.</summary>
/// <param name="Scenario">What the packets go through.</param>
/// <param name="Flows">Established connections.</param>
/// <param name="Sources">Which worker packets come in on.</param>
/// <param name="MppsOne">One worker by the clock on the wall.</param>
/// <param name="MppsTwo">Two workers by the clock on the wall.</param>
/// <param name="Ratio">The second to the first.</param>
/// <param name="ClocksOne">Clocks a packet of one worker by processor time.</param>
/// <param name="ClocksTwo">Clocks a packet of both workers together by processor time.</param>
internal sealed record ScalingRow(
    BenchScenario Scenario, int Flows, SourceSplit Sources, double MppsOne, double MppsTwo, double Ratio, double ClocksOne,
    double ClocksTwo);

/// <summary>Latency added in memory at half of the highest rate, microseconds, beside the same loop without the pipeline.</summary>
internal sealed record LatencyRow(
    BenchScenario Scenario, int Flows, double LoadMpps, double P50, double P99, double P999,
    double IdleP50, double IdleP99, double IdleP999);

/// <summary>How long a change of rules takes until it is in force.</summary>
/// <param name="Change">What changes.</param>
/// <param name="Rules">Rules of the group in each direction.</param>
/// <param name="Ms">Milliseconds by the clock on the wall.</param>
internal sealed record PolicyRow(string Change, int Rules, double Ms);

/// <summary>The longest burst of a worker, microseconds by the clock on the wall.</summary>
/// <param name="Rules">Rules of the group that is replaced meanwhile.</param>
/// <param name="LongestUs">While it is replaced.</param>
/// <param name="QuietUs">Without.</param>
internal sealed record PauseRow(int Rules, double LongestUs, double QuietUs);

/// <summary>All that a run measured; the shape of <c>--json</c>.</summary>
internal sealed record BenchReport
{
    /// <summary>Commit that was built.</summary>
    public required string Commit { get; init; }

    /// <summary>Model name of the processor.</summary>
    public required string Processor { get; init; }

    /// <summary>Frequency of the time stamp counter.</summary>
    public double TscMhz { get; init; }

    /// <summary>Release of the kernel.</summary>
    public required string Kernel { get; init; }

    /// <summary>The throughput grid; null when it was not asked for.</summary>
    public IReadOnlyList<BenchCell>? Cells { get; init; }

    /// <summary>New connections.</summary>
    public IReadOnlyList<NewConnectionRow>? NewConnections { get; init; }

    /// <summary>Bytes a connection takes in a full table, index included.</summary>
    public double? BytesPerConnection { get; init; }

    /// <summary>Bytes allocated while packets of the grid were timed.</summary>
    public long? AllocatedBytes { get; init; }

    /// <summary>Collections meanwhile.</summary>
    public int? Collections { get; init; }

    /// <summary>Dropped packets.</summary>
    public IReadOnlyList<DropRow>? Drops { get; init; }

    /// <summary>Two workers.</summary>
    public IReadOnlyList<ScalingRow>? Scaling { get; init; }

    /// <summary>Latency in memory.</summary>
    public IReadOnlyList<LatencyRow>? Latency { get; init; }

    /// <summary>Changes of rules.</summary>
    public IReadOnlyList<PolicyRow>? Policy { get; init; }

    /// <summary>What changes of rules do to a worker.</summary>
    public PauseRow? Pause { get; init; }

    /// <summary>The switch over TAP devices.</summary>
    public IReadOnlyList<TapRow>? Tap { get; init; }

    /// <summary>A report that has no figures yet, of this build on this machine.</summary>
    public static BenchReport OfThisMachine() => new()
    {
        Commit = BenchMachine.Commit,
        Processor = BenchMachine.Processor,
        TscMhz = BenchMachine.TscMhz,
        Kernel = BenchMachine.Kernel,
    };
}
