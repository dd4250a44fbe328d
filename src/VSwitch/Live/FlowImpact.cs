using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;

namespace VSwitch.Live;

/// <summary>What becomes of a live connection with a change of the policy.</summary>
internal enum ConnectionFate
{
    /// <summary>It goes on.</summary>
    Kept,

    /// <summary>It goes on, to another port of the switch: a route leads elsewhere.</summary>
    Rerouted,

    /// <summary>It is forgotten, and the next packet of its opener begins a new one, which the new policy allows.</summary>
    Reopened,

    /// <summary>Packets of it are dropped.</summary>
    Lost,
}

/// <summary>What a change of the configuration would do to the live connections: each is asked what would become of the next packet of
/// either end, by the data plane's own code, under the snapshot that is not in force yet. The live tables are only read.</summary>
/// <param name="Kept">Connections that go on.</param>
/// <param name="Rerouted">Connections that go on by another port.</param>
/// <param name="Reopened">Connections that are forgotten and may begin again.</param>
/// <param name="Lost">Connections that are over.</param>
/// <param name="LostByReason">How many of them, by the name of the reason that their next packet is dropped for.</param>
/// <param name="Affected">The first ones that are not simply kept.</param>
internal sealed record FlowImpact(
    long Kept, long Rerouted, long Reopened, long Lost, IReadOnlyDictionary<string, long> LostByReason,
    IReadOnlyList<AffectedConnection> Affected)
{
    /// <summary>How many connections are named when nobody says.</summary>
    public const int DefaultNamed = 20;

    /// <summary>Live connections that were asked; those not counted that are over already under the policy in force.</summary>
    public long Total => Kept + Rerouted + Reopened + Lost;

    /// <summary>True when no connection would notice the change.</summary>
    public bool IsNone => Kept == Total;

    /// <summary>Asks every live connection of a switch what a change would do to it. Takes some microseconds a connection of the
    /// calling thread, and of the workers what copying them out takes. Connections that come meanwhile may or may not be asked.</summary>
    /// <param name="host">The switch.</param>
    /// <param name="next">The policy that may come into force, of <see cref="PreparedChange.Snapshot"/>: compiled by the switch's own
    /// numbers.</param>
    /// <param name="named">How many affected connections to name, at most.</param>
    /// <param name="cancel">Ends it early.</param>
    /// <exception cref="WorkerUnavailableException">A worker has failed, or the switch stops.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static FlowImpact Judge(
        SwitchHost host, ForwardingSnapshot next, int named = DefaultNamed, CancellationToken cancel = default)
    {
        IEnumerable<ConnectionRecord> live = new ConnectionReader(host).Read(ConnectionFilter.All, default, cancel);
        using var judge = new ConnectionJudge(host.Workers.Shared, next, WorkerThread.NowNs());
        return Judge(live, judge, ConnectionNames.Of(host), named);
    }

    /// <summary>Asks given connections.</summary>
    internal static FlowImpact Judge(IEnumerable<ConnectionRecord> live, ConnectionJudge judge, ConnectionNames names, int named)
    {
        long[] counts = new long[Enum.GetValues<ConnectionFate>().Length];
        var lost = new SortedDictionary<string, long>(StringComparer.Ordinal);
        var affected = new List<AffectedConnection>();
        foreach (ConnectionRecord record in live)
        {
            if (judge.Ask(record) is not ConnectionVerdict verdict)
            {
                continue;
            }

            counts[(int)verdict.Fate]++;
            if (verdict.Fate == ConnectionFate.Lost)
            {
                lost[verdict.ReasonName] = lost.GetValueOrDefault(verdict.ReasonName) + 1;
            }

            if (verdict.Fate != ConnectionFate.Kept && affected.Count < named)
            {
                affected.Add(new AffectedConnection(
                    names.Describe(record), verdict.Fate, verdict.Fate == ConnectionFate.Lost ? verdict.ReasonName : null,
                    verdict.IsReply ? "in" : "out", judge.Explain(record, verdict.IsReply)));
            }
        }

        return new FlowImpact(
            counts[(int)ConnectionFate.Kept], counts[(int)ConnectionFate.Rerouted], counts[(int)ConnectionFate.Reopened],
            counts[(int)ConnectionFate.Lost], lost, affected);
    }
}

/// <summary>A connection that a change would not leave as it is.</summary>
/// <param name="Connection">The connection as it is now.</param>
/// <param name="Fate">What becomes of it.</param>
/// <param name="Reason">The drop reason's name; null when it is not lost.</param>
/// <param name="Direction">Whose packet showed it: <c>out</c> the opener's, <c>in</c> a reply.</param>
/// <param name="Why">In words: the rule that is missing, the ACL's rule that denies, the route that is gone.</param>
internal sealed record AffectedConnection(LiveConnection Connection, ConnectionFate Fate, string? Reason, string Direction, string Why);

/// <summary>What becomes of a connection, and which end's next packet shows it.</summary>
/// <param name="Fate">What becomes of it.</param>
/// <param name="Reason">Why its packet is dropped; none when it is not, or when the switch itself would answer it.</param>
/// <param name="IsReply">True when the opener's packets go on and a reply showed it.</param>
internal readonly record struct ConnectionVerdict(ConnectionFate Fate, DropReason Reason, bool IsReply)
{
    /// <summary>The name of a connection that is over because the switch would take its packets itself.</summary>
    public const string Taken = "answered";

    /// <summary>The reason's name.</summary>
    public string ReasonName => Reason == DropReason.None ? Taken : Reason.Name();
}
