namespace VSwitch.Bench.Reporting;

/// <summary>What must be reached, and what is aimed at; the smaller the figure the better.</summary>
/// <param name="Must">A figure above it is a miss.</param>
/// <param name="Target">The aim.</param>
internal sealed record Goal(double Must, double Target);

/// <summary>The figures that the specification of the project asks for.</summary>
internal static class Goals
{
    /// <summary>Rules of the groups that the grid is written for.</summary>
    public const int Rules = 50;

    /// <summary>cost(1 M) - cost(1 k) at most this many M(1 M).</summary>
    public const double MostYardsticks = 2.5;

    /// <summary>Share by which the cost with 10 000 rules may differ from the cost with 1.</summary>
    public const double RulesTolerance = 0.02;

    /// <summary>Microseconds that a worker may be held up.</summary>
    public const double PauseUs = 100;

    /// <summary>Latency added in memory at half load, microseconds.</summary>
    public static readonly (double P50, double P99, double P999) LatencyUs = (2, 5, 10);

    /// <summary>Bytes a connection.</summary>
    public static readonly Goal BytesPerConnection = new(192, 144);

    private static readonly Dictionary<int, Goal> ByFlows = new()
    {
        [1] = new Goal(60, 40),
        [1000] = new Goal(70, 50),
        [100_000] = new Goal(110, 70),
        [1_000_000] = new Goal(170, 125),
        [10_000_000] = new Goal(220, 150),
    };

    /// <summary>Clocks an established packet of 64 bytes with one worker; null where nothing is asked.</summary>
    public static Goal? ClocksPerPacket(int flows) => ByFlows.GetValueOrDefault(flows);

    /// <summary>Clocks a new connection; null where nothing is asked.</summary>
    public static Goal? ClocksPerConnection(NewConnectionRow row) => row switch
    {
        { Scenario: var s, TableSize: >= 1_000_000 } when s.Contains("life", StringComparison.Ordinal) => new Goal(1300, 800),
        { Scenario: var s } when s.Contains("life", StringComparison.Ordinal) => null,
        { Rules: <= Rules } => new Goal(600, 350),
        _ => new Goal(1500, 600),
    };

    /// <summary>Milliseconds of a change of rules.</summary>
    public static Goal Ms(PolicyRow row) =>
        row.Change.StartsWith("replace", StringComparison.Ordinal) ? new Goal(50, 10) : new Goal(1, 0.05);

    /// <summary>Two workers to one, at least.</summary>
    public static double LeastRatio(int flows) => flows <= 1000 ? 1.9 : 1.8;
}
