using System.Text;
using System.Text.Json;
using VSwitch.ControlPlane.State;
using VSwitch.Testing;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.ControlPlane.State;

/// <summary>What the store's files look like, what it makes of damaged ones, and how long its journal gets.</summary>
public sealed class StateStoreTests(ITestOutputHelper output) : IDisposable
{
    private readonly SimulatedDisk _disk = new();

    [Fact]
    public void The_document_is_one_JSON_document_with_the_configuration_in_it_and_the_journal_is_JSON_lines()
    {
        using StateStore store = Keep(_disk, "{\n  \"enis\": []\n}", "{ \"enis\": [1] }");
        using JsonDocument current = JsonDocument.Parse(_disk.Read("current.json"));
        Assert.Equal((1, 2), (current.RootElement.GetProperty("format").GetInt32(), current.RootElement.GetProperty("revision").GetInt32()));
        Assert.Equal("{ \"enis\": [1] }", current.RootElement.GetProperty("configuration").GetRawText());
        using JsonDocument previous = JsonDocument.Parse(_disk.Read("previous.json"));
        Assert.Equal("{\n  \"enis\": []\n}", previous.RootElement.GetProperty("configuration").GetRawText());
        string[] lines = Encoding.UTF8.GetString(_disk.Read("journal.jsonl")!).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, lines.Length);
        using JsonDocument line = JsonDocument.Parse(lines[1]);
        Assert.Equal(["change 2 \u00fc \U0001F600"], line.RootElement.GetProperty("changes").EnumerateArray().Select(c => c.GetString()));
        Assert.Equal("apply", line.RootElement.GetProperty("by").GetString());
        Assert.Equal(store.Document!.Hash, line.RootElement.GetProperty("document").GetString());
        Assert.Equal(["current.json", "journal.jsonl", "previous.json"], _disk.Names.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void An_empty_folder_has_no_state_and_nothing_is_written_into_it()
    {
        using StateStore store = StateStore.Open(_disk, TimeProvider.System);
        Assert.Null(store.Document);
        Assert.Empty(store.Findings);
        Assert.Empty(_disk.Names);
    }

    [Fact]
    public void Foreign_files_stay_and_temporary_ones_of_a_crash_go()
    {
        Keep(_disk, "1").Dispose();
        _disk.Put("notes.txt", [1]);
        _disk.Put("current.json.bak", [2]);
        _disk.Put("other.tmp", [3]);
        _disk.Put("current.json.tmp", [4]);
        _disk.Put("journal.jsonl.tmp", [5]);
        using StateStore store = StateStore.Open(_disk, TimeProvider.System);
        Assert.Equal(["current.json", "current.json.bak", "journal.jsonl", "notes.txt", "other.tmp"], _disk.Names.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Any_byte_of_any_file_may_rot_and_what_is_in_force_is_known_and_said()
    {
        var random = new Random(Seeded.Take("state bit rot", output.WriteLine));
        Keep(_disk, "{ \"a\": 1 }", "{ \"a\": 2 }", "{ \"a\": 3 }").Dispose();
        foreach (string name in new[] { "current.json", "previous.json", "journal.jsonl" })
        {
            byte[] whole = _disk.Read(name)!;
            for (int at = 0; at < whole.Length; at++)
            {
                byte[] flipped = [.. whole];
                flipped[at] ^= (byte)(1 << random.Next(8));
                Judge(name, flipped, $"{name} with another byte {at}");
                Judge(name, whole[..at], $"{name} cut at {at}");
            }
        }
    }

    [Fact]
    public void A_damaged_document_falls_back_to_the_one_before_it_as_a_revision_of_its_own_and_is_kept()
    {
        Keep(_disk, "1", "2", "3").Dispose();
        byte[] damaged = [.. _disk.Read("current.json")!.Select(b => (byte)(b == (byte)'3' ? b ^ 1 : b))];
        _disk.Put("current.json", damaged);
        using (StateStore store = StateStore.Open(_disk, TimeProvider.System))
        {
            Assert.Equal((4, "2"), (store.Document!.Revision, store.Document.Text));
            string finding = Assert.Single(store.Findings);
            Assert.Contains("current.json is damaged", finding, StringComparison.Ordinal);
            Assert.Contains("IN FORCE IS REVISION 2", finding, StringComparison.Ordinal);
            Assert.Contains("NOT revision 3", finding, StringComparison.Ordinal);
            Assert.Equal(damaged, _disk.Read("current.json.damaged"));
            Assert.Equal([1, 2, 3, 4], store.History.All.Select(c => c.Revision));
            Assert.Equal(ChangeOrigin.Start, store.History.All[^1].By);
        }

        using StateStore again = StateStore.Open(_disk, TimeProvider.System);
        Assert.Equal((4, "2"), (again.Document!.Revision, again.Document.Text));
        Assert.Empty(again.Findings);
    }

    [Fact]
    public void A_missing_document_is_said_and_one_that_nothing_is_left_of_is_refused()
    {
        Keep(_disk, "1", "2").Dispose();
        _disk.Delete("current.json");
        SimulatedDisk rest = _disk.AfterKill();
        using (StateStore store = StateStore.Open(rest, TimeProvider.System))
        {
            Assert.Equal("1", store.Document!.Text);
            Assert.Contains("current.json is missing; IN FORCE IS REVISION 1", Assert.Single(store.Findings), StringComparison.Ordinal);
        }

        _disk.Delete("previous.json");
        var refusal = Assert.Throws<StateException>(() => StateStore.Open(_disk, TimeProvider.System));
        Assert.Contains("journal.jsonl goes to revision 2", refusal.Message, StringComparison.Ordinal);
        Assert.False(_disk.IsClaimed);
    }

    [Fact]
    public void Two_damaged_documents_are_refused_with_the_mend()
    {
        Keep(_disk, "1", "2").Dispose();
        _disk.Put("current.json", [1, 2]);
        _disk.Put("previous.json", [3]);
        var refusal = Assert.Throws<StateException>(() => StateStore.Open(_disk, TimeProvider.System));
        Assert.Contains("put a copy of one back", refusal.Message, StringComparison.Ordinal);
        Assert.Equal([1, 2], _disk.Read("current.json"));
    }

    [Fact]
    public void A_newer_format_is_refused_and_not_taken_for_damage()
    {
        Keep(_disk, "1").Dispose();
        const string Head = "{\"format\":2,\"revision\":1,\"time\":\"2026-11-21T14:00:00.000Z\"";
        string hash = StateText.Hash(Encoding.UTF8.GetBytes($"{Head}\n1"));
        _disk.Put("current.json", Encoding.UTF8.GetBytes($"{Head},\"sha256\":\"{hash}\",\"configuration\":\n1\n}}\n"));
        var refusal = Assert.Throws<StateException>(() => StateStore.Open(_disk, TimeProvider.System));
        Assert.Contains("newer version of vswitch (format 2; this one reads 1)", refusal.Message, StringComparison.Ordinal);

        SimulatedDisk other = new();
        const string Line = "{\"format\":3,\"kind\":\"of another shape\"";
        string check = StateText.Hash(Encoding.UTF8.GetBytes(Line))[..16];
        other.Put("journal.jsonl", Encoding.UTF8.GetBytes($"{Line},\"check\":\"{check}\"}}\n"));
        Assert.Contains("format 3", Assert.Throws<StateException>(() => StateStore.Open(other, TimeProvider.System)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_cannot_be_written_is_read_and_takes_changes_when_it_can_be()
    {
        Keep(_disk, "1", "2").Dispose();
        _disk.IsFailing = step => true;
        Assert.Contains("cannot be read", Assert.Throws<StateException>(() => StateStore.Open(_disk, TimeProvider.System)).Message, StringComparison.Ordinal);

        // The claim, which comes first, and all that comes after the reads of three files.
        int before = _disk.Steps;
        _disk.IsFailing = step => step <= before + 1 || step > before + 4;
        using StateStore store = StateStore.Open(_disk, TimeProvider.System);
        Assert.Equal("2", store.Document!.Text);
        Assert.Contains("changes are refused until it can", Assert.Single(store.Findings), StringComparison.Ordinal);
        Assert.Throws<StateException>(() => store.Keep("3", ChangeOrigin.Api, []));
        _disk.IsFailing = _ => false;
        Assert.Equal(3, store.Keep("3", ChangeOrigin.Api, []).Revision);
        using StateStore next = StateStore.Open(_disk.AfterKill(), TimeProvider.System);
        Assert.Equal("3", next.Document!.Text);
    }

    [Fact]
    public void A_folder_that_was_removed_and_made_again_is_filled_again_and_one_with_another_state_is_not()
    {
        using StateStore store = Keep(_disk, "1", "2");
        foreach (string name in _disk.Names.ToList())
        {
            _disk.Delete(name);
        }

        _disk.IsClaimed = false;
        store.Keep("3", ChangeOrigin.Api, []);
        using (StateStore next = StateStore.Open(_disk.AfterKill(), TimeProvider.System))
        {
            Assert.Equal("3", next.Document!.Text);
            Assert.Equal([1, 2, 3], next.History.All.Select(c => c.Revision));
        }

        using (StateStore other = Keep(new SimulatedDisk(), "9"))
        {
            _disk.Put("current.json", other.Document!.ToBytes());
        }

        _disk.IsClaimed = false;
        _disk.Put("current.json", new StateDocument(5, DateTimeOffset.UnixEpoch, "9").ToBytes());
        var refusal = Assert.Throws<StateException>(() => store.Keep("4", ChangeOrigin.Api, []));
        Assert.Contains("holds another state (revision 5)", refusal.Message, StringComparison.Ordinal);
        Assert.Equal("3", store.Document!.Text);
    }

    [Theory]
    [InlineData(10, 1 << 20)]
    [InlineData(1000, 4000)]
    public void The_journal_is_bounded_and_keeps_the_newest(int maxChanges, long maxBytes)
    {
        var limits = new JournalLimits(maxChanges, maxBytes);
        using StateStore store = StateStore.Open(_disk, TimeProvider.System, limits);
        for (int i = 1; i <= 200; i++)
        {
            store.Keep($"{i}", ChangeOrigin.Api, [$"change {i}"]);
            Assert.InRange(_disk.Read("journal.jsonl")!.Length, 1, maxBytes);
            Assert.InRange(store.History.All.Count, Math.Min(i, 4), maxChanges);
            Assert.Equal(i, store.History.All[^1].Revision);
        }

        using StateStore next = StateStore.Open(_disk.AfterKill(), TimeProvider.System, limits);
        Assert.Equal(store.History.All.Select(c => c.Revision), next.History.All.Select(c => c.Revision));
        Assert.Empty(next.Findings);
    }

    [Fact]
    public void A_change_of_many_and_long_lines_is_cut_and_says_so()
    {
        string[] lines = [new string('a', 299) + "\U0001F600", .. Enumerable.Range(2, 149).Select(i => $"line {i}")];
        using StateStore store = StateStore.Open(_disk, TimeProvider.System);
        store.Keep("1", ChangeOrigin.Sighup, lines);
        IReadOnlyList<string> kept = Assert.Single(store.History.All).Changes;
        Assert.Equal(101, kept.Count);
        Assert.Equal(new string('a', 299) + "…", kept[0]);
        Assert.Equal("and 50 more", kept[^1]);
        using StateStore next = StateStore.Open(_disk.AfterKill(), TimeProvider.System);
        Assert.Equal(kept, next.History.All[0].Changes);
    }

    [Fact]
    public void Half_a_surrogate_is_refused_and_changes_nothing()
    {
        using StateStore store = Keep(_disk, "1");
        Assert.Throws<StateException>(() => store.Keep("\"\ud800\"", ChangeOrigin.Api, []));
        Assert.Equal(2, store.Keep("2", ChangeOrigin.Api, ["remark \ud800 cut"]).Revision);
        using StateStore next = StateStore.Open(_disk.AfterKill(), TimeProvider.System);
        Assert.Equal("2", next.Document!.Text);
    }

    [Fact]
    public void A_history_gives_pages_newest_first()
    {
        StateChange[] changes = [.. Enumerable.Range(1, 9).Select(i => StateChange.To(new StateDocument(i, DateTimeOffset.UnixEpoch, "1"), ChangeOrigin.Api, []))];
        var history = new ChangeHistory(8, changes);
        Assert.Equal([9, 8, 7], history.Page(3, null).Select(c => c.Revision));
        Assert.Equal([6, 5, 4], history.Page(3, 7).Select(c => c.Revision));
        Assert.Equal([2], history.Page(3, 3).Select(c => c.Revision));
        Assert.Empty(history.Page(3, 1));
        history.Add(changes[0] with { Revision = 10 });
        Assert.Equal([10, 9, 8, 7, 6], history.Page(100, null).Select(c => c.Revision));
    }

    public void Dispose() => _disk.Dispose();

    private static StateStore Keep(SimulatedDisk disk, params string[] texts)
    {
        StateStore store = StateStore.Open(disk, TimeProvider.System);
        for (int i = 0; i < texts.Length; i++)
        {
            store.Keep(texts[i], ChangeOrigin.Apply, [$"change {i + 1} \u00fc \U0001F600"]);
        }

        return store;
    }

    /// <summary>Damage to what is in force goes back one, and any other damage changes nothing; both are said.</summary>
    private void Judge(string name, byte[] content, string what)
    {
        SimulatedDisk disk = _disk.AfterKill();
        disk.Put(name, content);
        using StateStore store = StateStore.Open(disk, TimeProvider.System);
        (long, string) expected = name == "current.json" ? (4, "{ \"a\": 2 }") : (3, "{ \"a\": 3 }");
        Assert.True(expected == (store.Document!.Revision, store.Document.Text), what);
        Assert.True(store.Findings.Count > 0 || (name == "journal.jsonl" && store.History.All.Count == 3), what);
        Assert.Equal(store.Document.Revision, store.Keep("5", ChangeOrigin.Api, []).Revision - 1);
    }
}
