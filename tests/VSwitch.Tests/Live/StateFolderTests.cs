using System.Diagnostics.CodeAnalysis;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.State;
using VSwitch.Live;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.Tests.Live;

/// <summary>A state folder on a real disk, and what a switch makes of it.</summary>
public sealed class StateFolderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-state-").FullName;

    private string State => Path.Combine(_folder, "a", "state");

    [Fact]
    [SuppressMessage("Interoperability", "CA1416", Justification = "The program runs on Linux only.")]
    public void A_folder_is_made_for_its_owner_alone_and_what_is_kept_in_it_is_read_again()
    {
        using (StateStore store = Open())
        {
            Assert.Null(store.Document);
            store.Keep("1", ChangeOrigin.Start, ["one"]);
            store.Keep("2", ChangeOrigin.Api, ["two"]);
            store.Keep("3", ChangeOrigin.Api, ["three"]);
        }

        Assert.Equal(["current.json", "journal.jsonl", "lock", "previous.json"], Directory.GetFiles(State).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        const UnixFileMode Others = ~(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(State) & Others);
        Assert.All(Directory.GetFiles(State), f => Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(f) & Others));
        using StateStore again = Open();
        Assert.Equal((3, "3"), (again.Document!.Revision, again.Document.Text));
        Assert.Equal(["one", "two", "three"], again.History.All.Select(c => Assert.Single(c.Changes)));
        Assert.Empty(again.Findings);
    }

    [Fact]
    public void A_second_switch_is_refused_as_long_as_the_first_one_has_the_folder()
    {
        using (StateStore first = Open())
        {
            first.Keep("1", ChangeOrigin.Start, []);
            var refusal = Assert.Throws<StateException>(() => Open());
            Assert.Contains($"state folder {State} is in use by another vswitch run", refusal.Message, StringComparison.Ordinal);
            Assert.Equal(2, first.Keep("2", ChangeOrigin.Api, []).Revision);
        }

        using StateStore second = Open();
        Assert.Equal("2", second.Document!.Text);
    }

    [Fact]
    public void A_folder_that_vanishes_refuses_changes_until_it_is_back_or_an_empty_one_is()
    {
        using StateStore store = Open();
        store.Keep("1", ChangeOrigin.Start, []);
        Directory.Move(State, State + "-moved");
        Assert.Contains("is gone", Assert.Throws<StateException>(() => store.Keep("2", ChangeOrigin.Api, [])).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(State), "it is not made behind the back of whoever removed it");
        Directory.Move(State + "-moved", State);
        Assert.Equal(2, store.Keep("3", ChangeOrigin.Api, []).Revision);

        Directory.Delete(State, recursive: true);
        Assert.Throws<StateException>(() => store.Keep("4", ChangeOrigin.Api, []));
        Directory.CreateDirectory(State);
        Assert.Equal(3, store.Keep("5", ChangeOrigin.Api, []).Revision);
        Assert.Equal(2, store.Refused);
        Assert.Throws<StateException>(() => Open());
        store.Dispose();
        using StateStore again = Open();
        Assert.Equal((3, "5"), (again.Document!.Revision, again.Document.Text));
        Assert.Equal([1, 2, 3], again.History.All.Select(c => c.Revision));
    }

    [Fact]
    public void What_is_no_folder_is_said()
    {
        string file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");
        var refusal = Assert.Throws<StateException>(() =>
        {
            using StateStore store = StateStore.Open(new StateFolder(file), TimeProvider.System);
            store.Keep("1", ChangeOrigin.Start, []);
        });
        Assert.Contains(file, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_switch_starts_with_its_state_and_says_what_its_file_says_else()
    {
        SwitchConfig small = TestTopologies.Small();
        SwitchConfig other = small with { Enis = [.. small.Enis.Skip(1)] };
        using StateStore store = Open();
        Assert.Throws<ArgumentException>(() => StartingConfig.Choose(null, null, _ => small));
        Assert.Contains("has no state yet", Assert.Throws<ArgumentException>(() => StartingConfig.Choose(store, null, _ => small)).Message, StringComparison.Ordinal);
        Assert.Null(StartingConfig.Choose(store, "c.yaml", _ => null));
        Assert.Same(small, StartingConfig.Choose(store, "c.yaml", _ => small)!.Config);
        Assert.Null(store.Document);

        var ledger = new ChangeLedger(small, store, "from c.yaml");
        Assert.Equal(1, ledger.Revision);
        Assert.Equal(["the first configuration, from c.yaml"], Assert.Single(ledger.History.All).Changes);
        StartingConfig same = StartingConfig.Choose(store, "c.yaml", _ => small)!;
        Assert.Null(same.Note);
        Assert.Equal(ConfigWriter.ToJson(small), ConfigWriter.ToJson(same.Config));
        Assert.Null(StartingConfig.Choose(store, null, _ => null)!.Note);
        string note = StartingConfig.Choose(store, "c.yaml", _ => other)!.Note!;
        Assert.Contains("revision 1, differs in 1 thing", note, StringComparison.Ordinal);
        Assert.Contains("'vswitch apply c.yaml' or SIGHUP", note, StringComparison.Ordinal);
        Assert.Contains("c.yaml has errors", StartingConfig.Choose(store, "c.yaml", _ => null)!.Note, StringComparison.Ordinal);
        Assert.Equal(1, new ChangeLedger(other, store).Revision);

        store.Keep("{ \"enis\": 5 }", ChangeOrigin.Api, []);
        Assert.Contains("does not take the configuration of revision 2",
            Assert.Throws<StateException>(() => StartingConfig.Choose(store, null, _ => null)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_kept_is_not_put_in_force()
    {
        SwitchConfig small = TestTopologies.Small();
        using var host = new SwitchHost(small, 1);
        using StateStore store = Open();
        var control = new SwitchControl(host, new ChangeLedger(small, store));
        SwitchConfig other = small with { Enis = [.. small.Enis.Skip(1)] };
        Directory.Move(State, State + "-moved");
        Assert.ThrowsAny<Exception>(() => control.Apply(other, ChangeOrigin.Sighup));
        Assert.Same(small, host.Config);
        Assert.Equal((1, 1), (control.Revision, store.Refused));
        Directory.Move(State + "-moved", State);
        control.Apply(other, ChangeOrigin.Sighup);
        Assert.Equal(2, control.Revision);
        Assert.Equal(small.Enis.Count - 1, host.Config.Enis.Count);
        Assert.Equal(ConfigWriter.ToJson(host.Config).TrimEnd('\n'), store.Document!.Text);
        Assert.Equal(ChangeOrigin.Sighup, store.History.All[^1].By);
        Assert.Contains(store.History.All[^1].Changes, line => line.Contains(small.Enis[0].Name, StringComparison.Ordinal));
        host.Free();
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private StateStore Open() => StateStore.Open(new StateFolder(State), TimeProvider.System);
}
