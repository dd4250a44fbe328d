using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using Xunit;

namespace VSwitch.Tests.Testing;

/// <summary>The reference switch against a table of packets that was written by hand from the order of checks.</summary>
public sealed class ReferenceSwitchTests
{
    internal static readonly IReadOnlyList<ReferenceRow> Rows = [.. ReferenceLocalRows.All(), .. ReferenceFlowRows.All(), .. ReferenceTcpRows.All(), .. ReferenceWaitingRows.All(), .. ReferenceStrayRows.All()];

    public static TheoryData<string> Descriptions() => [.. Rows.Select(row => row.Description)];

    [Theory]
    [MemberData(nameof(Descriptions))]
    public void Does_what_the_row_says(string description)
    {
        ReferenceRow row = Rows.Single(row => row.Description == description);
        var twin = new ReferenceSwitch(row.Config);
        for (int i = 0; i < row.Steps.Length; i++)
        {
            if (row.Then is { } then && row.ThenAt == i)
            {
                twin.Reconfigure(then);
            }

            RowStep step = row.Steps[i];
            ReferenceOutcome outcome = twin.Receive(step.Port, step.Frame, step.AtMs * 1_000_000);
            Assert.True(step.Verdict == RowWords.VerdictOf(outcome), $"step {i}: expected {step.Verdict}, got {RowWords.VerdictOf(outcome)}");
            foreach (PacketCheck check in step.Checks)
            {
                PacketAssert.That(outcome.Sent[0].Frame, check);
            }

            if (step.Exactly is { } frame)
            {
                PacketAssert.Equal(frame, outcome.Sent[0].Frame);
            }
        }
    }

    [Fact]
    public void Has_at_least_eighty_rows_with_different_descriptions()
    {
        Assert.True(Rows.Count >= 80, $"{Rows.Count} rows");
        Assert.Equal(Rows.Count, Rows.Select(row => row.Description).Distinct().Count());
    }

    [Fact]
    public void Rows_reach_every_reason_that_needs_no_device()
    {
        DropReason[] elsewhere =
        [
            DropReason.None, DropReason.UnsupportedLinkType, DropReason.NetworkAcl, DropReason.PortDown, DropReason.QueueFull, DropReason.WireLoss,

            // What takes a gateway, a balancer or a rate to reach has tables of its own.
            DropReason.UnknownVlan, DropReason.MalformedTunnel, DropReason.TunnelFragment, DropReason.UnknownTunnelRemote, DropReason.UnknownTunnelId,
            DropReason.NoListener, DropReason.NoHealthyBackend, DropReason.NatUnsolicited, DropReason.NatPortsExhausted, DropReason.NatConnectionsExhausted,
            DropReason.EniBandwidth, DropReason.EniPacketRate, DropReason.ScrubbingSyn, DropReason.ScrubbingRate,
            DropReason.BufferExhausted,
        ];
        var reached = Rows.SelectMany(row => row.Steps).Select(step => step.Verdict.Split(' '))
            .Where(words => words[0] == "dropped").Select(words => words[1]).ToHashSet();
        Assert.Equal([], DropReasons.All.ToArray().Except(elsewhere).Select(DropReasons.Name).Except(reached));
    }

    [Fact]
    public void Counts_live_connections_and_forgets_idle_ones()
    {
        var twin = new ReferenceSwitch(TestTopologies.Small());
        FrameAddresses ends = RowWords.Switched("a", "b", "10.0.1.10", "10.0.1.11");
        twin.Receive("a", Frames.Udp(ends, 1, 2), 0);
        twin.Receive("a", Frames.Udp(ends, 1, 3), 0);
        Assert.Equal(2, twin.ConnectionCount);
        twin.Expire(29_999 * 1_000_000L);
        Assert.Equal(2, twin.ConnectionCount);
        twin.Expire(30_000 * 1_000_000L);
        Assert.Equal(0, twin.ConnectionCount);
    }

    [Fact]
    public void Tcp_table_is_that_of_the_shared_vectors()
    {
        if (TsvFile.FindShared("vectors/linux_nf_conntrack_tcp.tsv") is not { } path)
        {
            Console.WriteLine("skipped: ../shared/vectors/linux_nf_conntrack_tcp.tsv is not here");
            return;
        }

        IReadOnlyList<TsvRow> rows = TsvFile.Read(path).Rows;
        Assert.Equal(120, rows.Count);
        foreach (TsvRow row in rows)
        {
            bool original = row["direction"] == "original";
            ReferenceTcpClass kind = Parse<ReferenceTcpClass>(row["packet"]);
            ReferenceTcpState next = ReferenceTcp.Next(original, kind, Parse<ReferenceTcpState>(row["current_state"]));
            Assert.True(Parse<ReferenceTcpState>(row["next"]) == next, row.ToString());
        }
    }

    private static T Parse<T>(string name)
        where T : struct, Enum =>
        Enum.Parse<T>(name.Replace("_", "", StringComparison.Ordinal), ignoreCase: true);
}
