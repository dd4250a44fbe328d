using VSwitch.ControlPlane.State;
using VSwitch.Testing;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.ControlPlane.State;

/// <summary>The power goes at every single step of keeping a change, of rotating the journal, of recovering and of taking back; and
/// every single step fails. What was acknowledged is there afterwards; what was in flight is there or not; nothing is unreadable.</summary>
public class StateCrashTests(ITestOutputHelper output)
{
    private const int Changes = 7;
    private static readonly JournalLimits ShortJournal = new(MaxChanges: 4);

    [Fact]
    public void A_power_cut_at_any_step_leaves_the_acknowledged_state_or_the_one_in_flight()
    {
        var random = new Random(Seeded.Take("state power cuts", output.WriteLine));
        int outcomes = 0;
        int powerCuts = 0;
        for (int step = 1; Run(step, out SimulatedDisk disk, out Wanted wanted); step++)
        {
            powerCuts++;
            foreach (SimulatedDisk after in disk.AfterPowerCut(random).Prepend(disk.AfterKill()))
            {
                outcomes++;
                JudgeAndGoOn(after, wanted, random, again: random.Next(8) == 0);
            }
        }

        output.WriteLine($"{powerCuts} power cuts, {outcomes} outcomes");
        Assert.True(powerCuts > 100 && outcomes > 1_000, "next to nothing was open at a power cut, so it showed nothing");
    }

    [Fact]
    public void A_step_that_fails_refuses_the_change_and_only_it()
    {
        var random = new Random(Seeded.Take("state faults", output.WriteLine));
        int refused = 0;
        // The first change, one that adds to the journal, one that rotates it; one step that fails, and more of them.
        foreach (int before in new[] { 0, 1, 4 })
        {
            foreach (int length in new[] { 1, 2, 3, 5, 1000 })
            {
                for (int first = 1; RunFailing(before, first, length, random, ref refused); first++)
                {
                }
            }
        }

        output.WriteLine($"{refused} changes refused");
        Assert.True(refused > 200, "next to nothing failed, so it showed nothing");
    }

    /// <summary>The store as a switch uses it, until the power goes. False when it ended before that.</summary>
    private static bool Run(int powerCutAt, out SimulatedDisk disk, out Wanted wanted)
    {
        disk = new SimulatedDisk { PowerCutAt = powerCutAt };
        wanted = new Wanted(0, null, null);
        try
        {
            using StateStore store = StateStore.Open(disk, TimeProvider.System, ShortJournal);
            for (int i = 1; i <= Changes; i++)
            {
                wanted = wanted with { InFlight = Text(i) };
                store.Keep(Text(i), ChangeOrigin.Api, [$"change {i}"]);
                wanted = new Wanted(i, Text(i), null);
            }

            return false;
        }
        catch (PowerCutException)
        {
            return true;
        }
    }

    /// <summary>Steps of a change fail, then no more. False when the first failing step is behind the end of the change.</summary>
    private static bool RunFailing(int changes, int first, int length, Random random, ref int refused)
    {
        var disk = new SimulatedDisk();
        using StateStore store = StateStore.Open(disk, TimeProvider.System, ShortJournal);
        for (int i = 1; i <= changes; i++)
        {
            store.Keep(Text(i), ChangeOrigin.Api, []);
        }

        StateDocument? before = store.Document;
        int from = disk.Steps + first;
        disk.IsFailing = step => step >= from && step < from + length;
        try
        {
            store.Keep(Text(changes + 1), ChangeOrigin.Api, []);
            return false;
        }
        catch (StateException e)
        {
            refused++;
            Assert.Contains("Input/output error", e.Message, StringComparison.Ordinal);
        }

        Assert.Same(before, store.Document);
        Assert.Equal(changes, store.History.All.Count == 0 ? 0 : store.History.All[^1].Revision);
        Assert.Equal(1, store.Refused);
        Assert.NotNull(store.LastRefusal);
        disk.IsFailing = _ => false;

        // One error is taken back, so the refused change is nowhere; with more of them the disk decides.
        var wanted = new Wanted(changes, before?.Text, length == 1 ? null : Text(changes + 1));
        foreach (SimulatedDisk after in disk.AfterPowerCut(random))
        {
            JudgeAndGoOn(after, wanted, random, again: false);
        }

        Assert.Equal(changes + 1, store.Keep(Text(changes + 2), ChangeOrigin.Api, []).Revision);
        Assert.Null(store.LastRefusal);
        foreach (SimulatedDisk after in disk.AfterPowerCut(random))
        {
            JudgeAndGoOn(after, new Wanted(changes + 1, Text(changes + 2), null), random, again: false);
        }

        return true;
    }

    /// <summary>At the end of a switch, a refused change that the disk did not let it take back is taken back.</summary>
    [Fact]
    public void What_could_not_be_taken_back_is_taken_back_at_the_end()
    {
        var random = new Random(Seeded.Take("state end", output.WriteLine));
        int ended = 0;
        for (int first = 1; ; first++)
        {
            var disk = new SimulatedDisk();
            StateStore store = StateStore.Open(disk, TimeProvider.System, ShortJournal);
            store.Keep(Text(1), ChangeOrigin.Api, []);
            int from = disk.Steps + first;
            disk.IsFailing = step => step >= from;
            if (!Fails(() => store.Keep(Text(2), ChangeOrigin.Api, [])))
            {
                break;
            }

            ended++;
            disk.IsFailing = _ => false;
            store.Dispose();
            foreach (SimulatedDisk after in disk.AfterPowerCut(random))
            {
                JudgeAndGoOn(after, new Wanted(1, Text(1), null), random, again: false);
            }
        }

        Assert.True(ended > 10, $"{ended} changes failed");
    }

    private static bool Fails(Action keep)
    {
        try
        {
            keep();
            return false;
        }
        catch (StateException)
        {
            return true;
        }
    }

    private static void JudgeAndGoOn(SimulatedDisk disk, Wanted wanted, Random random, bool again)
    {
        if (again)
        {
            CutDuringRecovery(disk, wanted, random);
        }

        using StateStore store = StateStore.Open(disk, TimeProvider.System, ShortJournal);
        Judge(store, wanted);
        Assert.DoesNotContain(disk.Names, name => name.EndsWith(".tmp", StringComparison.Ordinal));
        long revision = store.Document?.Revision ?? 0;
        store.Keep(Text(100), ChangeOrigin.Apply, []);
        using StateStore next = StateStore.Open(disk.AfterKill(), TimeProvider.System, ShortJournal);
        Assert.Equal((revision + 1, Text(100)), (next.Document!.Revision, next.Document.Text));
        Assert.Empty(next.Findings);
    }

    private static void CutDuringRecovery(SimulatedDisk disk, Wanted wanted, Random random)
    {
        for (int step = 1; ; step++)
        {
            SimulatedDisk copy = disk.AfterKill();
            copy.PowerCutAt = step;
            try
            {
                StateStore.Open(copy, TimeProvider.System, ShortJournal).Dispose();
                return;
            }
            catch (PowerCutException)
            {
                foreach (SimulatedDisk after in copy.AfterPowerCut(random))
                {
                    using StateStore store = StateStore.Open(after, TimeProvider.System, ShortJournal);
                    Judge(store, wanted);
                }
            }
        }
    }

    private static void Judge(StateStore store, Wanted wanted)
    {
        string? text = store.Document?.Text;
        Assert.True(text == wanted.Acknowledged || (wanted.InFlight != null && text == wanted.InFlight),
            $"{text ?? "nothing"} is in force; acknowledged was {wanted.Acknowledged ?? "nothing"}, in flight {wanted.InFlight ?? "nothing"}");
        IReadOnlyList<StateChange> changes = store.History.All;
        Assert.Equal(text == null, changes.Count == 0);
        if (text != null)
        {
            Assert.Equal(text == wanted.Acknowledged ? wanted.Revision : wanted.Revision + 1, store.Document!.Revision);
            Assert.Equal(store.Document.Revision, changes[^1].Revision);
            Assert.Equal(store.Document.Hash, changes[^1].Document);
            Assert.Equal(Enumerable.Range(0, changes.Count).Select(i => changes[0].Revision + i), changes.Select(c => c.Revision));
        }
    }

    private static string Text(long number) => $"{{ \"number\": {number}, \"filling\": \"{new string('x', 40)}\" }}";

    /// <summary>What was acknowledged last, and what was being made.</summary>
    private sealed record Wanted(long Revision, string? Acknowledged, string? InFlight);
}
