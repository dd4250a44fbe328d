using System.Text.Json.Serialization;

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
    [property: JsonPropertyName("p999")] double P999);

/// <summary>One figure of the switch over TAP devices.</summary>
/// <param name="Scenario">What the traffic goes through: l2, sg or eip.</param>
/// <param name="Metric">What is measured, in words.</param>
/// <param name="Value">The figure.</param>
/// <param name="Unit">Its unit.</param>
internal sealed record TapRow(string Scenario, string Metric, double Value, string Unit);

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
}
