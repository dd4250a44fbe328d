using System.Globalization;
using VSwitch.DataPlane.Policy;

namespace VSwitch.Bench.Throughput;

/// <summary>What new connections cost.</summary>
/// <param name="Scenario">sg, eip or hairpin (<see cref="NewConnectionLab"/>), with the row's name before it.</param>
/// <param name="Rules">Rules of the group, in each direction.</param>
/// <param name="TableSize">Connections in the table beside the new ones.</param>
/// <param name="ClocksPerConnection">All packets and the expiry that the row counts.</param>
/// <param name="ExpiryClocks">The expiry's part of it.</param>
internal sealed record NewConnectionCell(
    string Scenario, int Rules, int TableSize, double ClocksPerConnection, double ExpiryClocks);

/// <summary>The rows of performance.md, "new connections, one core". Time is the thread's own processor time; what making the
/// packets costs is measured apart and left out.</summary>
internal static class NewConnections
{
    private const int PerEni = 4096;
    private const int WavePerEni = 512;
    private const int Runs = 7;
    private const double WarmUpNs = 2e9;
    private const int TimeWaitMs = 121_000;
    private const int SynSentMs = 61_000;

    /// <summary>All rows, printed as they come.</summary>
    public static IReadOnlyList<NewConnectionCell> All(double clocksPerNs, Action<NewConnectionCell> seen)
    {
        var cells = new List<NewConnectionCell>();
        void Add(NewConnectionCell cell)
        {
            cells.Add(cell);
            seen(cell);
        }

        foreach (string scenario in (string[])["sg", "eip", "hairpin"])
        {
            Add(FirstPacket(scenario, 50, 0, clocksPerNs));
            Add(FirstPacket(scenario, 10_000, 0, clocksPerNs));
            Add(FirstPacket(scenario, 50, 1_000_000, clocksPerNs));
            Add(TcpLife(scenario, 50, 1_000_000, clocksPerNs));
        }

        return cells;
    }

    public static string Text(NewConnectionCell cell) => string.Create(CultureInfo.InvariantCulture,
        $"{cell.Scenario,-14} {cell.Rules,6} rules, {cell.TableSize,9} others: {cell.ClocksPerConnection,7:0} clocks a connection (expiry {cell.ExpiryClocks:0})");

    /// <summary>The SYN of a connection that the switch has not seen: checked, classified, tracked both ways, its timer armed,
    /// forwarded.</summary>
    public static NewConnectionCell FirstPacket(string scenario, int rules, int tableSize, double clocksPerNs)
    {
        using NewConnectionLab lab = LabWith(scenario, rules, tableSize);
        int next = tableSize / NewConnectionLab.Enis;
        double ns = Median(() =>
        {
            int first = Place(ref next);
            double making = Time(() => lab.MakeOnly(0, first, PerEni));
            double sending = Sending(lab, 1, () => lab.Send(0, first, PerEni));
            lab.Wait(SynSentMs);
            Require(lab, tableSize);
            return sending - making;
        });
        return new NewConnectionCell("first " + scenario, rules, tableSize, ns * clocksPerNs, 0);
    }

    /// <summary>The six packets of a TCP connection and the expiry of its entry. What the expiry of nothing costs (a look at each of
    /// the others) is left out: that hangs on the time that passes, not on the connections that end.</summary>
    public static NewConnectionCell TcpLife(string scenario, int rules, int tableSize, double clocksPerNs)
    {
        using NewConnectionLab lab = LabWith(scenario, rules, tableSize);
        int next = tableSize / NewConnectionLab.Enis;
        var expiries = new List<double>();
        double ns = Median(() =>
        {
            int first = Place(ref next);
            double making = 0;
            for (int step = 0; step < NewConnectionLab.Life.Length; step++)
            {
                making += Time(() => lab.MakeOnly(step, first, PerEni));
            }

            double sending = Sending(lab, NewConnectionLab.Life.Length, () => LiveWaves(lab, first, PerEni));
            double expiry = Time(() => lab.Wait(TimeWaitMs));
            expiry -= Time(() => lab.Wait(TimeWaitMs));
            Require(lab, tableSize);
            expiries.Add(expiry);
            return sending - making + expiry;
        });
        return new NewConnectionCell("life " + scenario, rules, tableSize, ns * clocksPerNs, expiries.Order().ElementAt(Runs / 2) * clocksPerNs);
    }

    /// <summary>One look-up among the rules of a direction, for addresses of the three networks that the last rules allow.</summary>
    public static NewConnectionCell Classify(int rules, double clocksPerNs)
    {
        using NewConnectionLab lab = LabWith("sg", rules, 0);
        SecurityGroupTable groups = lab.Snapshot.SecurityGroups;
        uint[] remotes = [0x0B01_000A, 0x0100_12C6, 0x0171_00CB, 0x0202_000A, 0x0300_13C6, 0x0971_00CB];
        double ns = Median(() => Time(() =>
        {
            for (int i = 0; i < PerEni * NewConnectionLab.Enis; i++)
            {
                int rule = groups.Match(0, 6, remotes[i % remotes.Length], (ushort)(1 + (i & 0x7FFF)));
                if (rule == SecurityGroupTable.NoRule)
                {
                    throw new InvalidOperationException("a packet is not allowed");
                }
            }
        }));
        return new NewConnectionCell("classify", rules, 0, ns * clocksPerNs, 0);
    }

    /// <summary>A lab with that many established connections.</summary>
    internal static NewConnectionLab LabWith(string scenario, int rules, int tableSize)
    {
        var lab = new NewConnectionLab(scenario, rules, tableSize + 262_144);
        int perEni = tableSize / NewConnectionLab.Enis;
        for (int first = 0; first < perEni; first += 64)
        {
            for (int step = 0; step < 3; step++)
            {
                lab.Send(step, first, 64);
            }
        }

        lab.NowNs += 1_000_000_000;
        return lab;
    }

    /// <summary>Whole lives, thousands at a time, so that a connection's entry is not in the first cache any more when its next
    /// packet comes.</summary>
    private static void LiveWaves(NewConnectionLab lab, int first, int count)
    {
        for (int wave = first; wave < first + count; wave += WavePerEni)
        {
            for (int step = 0; step < NewConnectionLab.Life.Length; step++)
            {
                lab.Send(step, wave, WavePerEni);
            }
        }
    }

    /// <summary>Numbers of connections that have not been there yet.</summary>
    private static int Place(ref int next)
    {
        int first = (next + 63) / 64 * 64;
        next = first + PerEni;
        return first;
    }

    private static double Sending(NewConnectionLab lab, int packets, Action send)
    {
        long before = lab.ForwardedCount();
        double ns = Time(send);
        long forwarded = lab.ForwardedCount() - before;
        long expected = (long)packets * PerEni * NewConnectionLab.Enis;
        return forwarded == expected ? ns
            : throw new InvalidOperationException($"{forwarded} of {expected} packets were forwarded");
    }

    private static void Require(NewConnectionLab lab, int tableSize)
    {
        int others = tableSize / NewConnectionLab.Enis / 64 * 64 * NewConnectionLab.Enis;
        if (Math.Abs(lab.ConnectionCount - others) > 64 * NewConnectionLab.Enis)
        {
            throw new InvalidOperationException($"{lab.ConnectionCount} connections are left, expected {others}");
        }
    }

    /// <summary>Nanoseconds a connection.</summary>
    private static double Time(Action action)
    {
        double start = ThreadClock.NowNs();
        action();
        return (ThreadClock.NowNs() - start) / (PerEni * (double)NewConnectionLab.Enis);
    }

    /// <summary>The median of some runs, after enough others that the compiler has done its work.</summary>
    private static double Median(Func<double> run)
    {
        double start = ThreadClock.NowNs();
        do
        {
            run();
        }
        while (ThreadClock.NowNs() - start < WarmUpNs);

        return Enumerable.Range(0, Runs).Select(_ => run()).Order().ElementAt(Runs / 2);
    }
}
