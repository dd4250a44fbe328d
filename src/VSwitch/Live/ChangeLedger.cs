using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Plan;
using VSwitch.ControlPlane.State;

namespace VSwitch.Live;

/// <summary>Where the changes of a switch are written down: in a state folder, where they survive, or in memory since the start.</summary>
internal sealed class ChangeLedger
{
    private const int InMemory = 1000;
    private const int ItemsOfAList = 20;
    private readonly TimeProvider _time;

    /// <summary>Begins with the configuration that a switch has just put in force. In a folder without a state it is revision 1.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="store">The folder; null = none.</param>
    /// <param name="origin">Where the configuration is from, for the first line.</param>
    /// <param name="time">The clock; null = the system's.</param>
    /// <exception cref="StateException">The first revision cannot be kept.</exception>
    public ChangeLedger(SwitchConfig config, StateStore? store = null, string? origin = null, TimeProvider? time = null)
    {
        _time = time ?? TimeProvider.System;
        Store = store;
        string[] first = [origin == null ? "the first configuration" : $"the first configuration, {origin}"];
        if (store == null)
        {
            Revision = 1;
            History = new ChangeHistory(InMemory, [StateChange.To(Revision, _time.GetUtcNow(), ChangeOrigin.Start, first)]);
        }
        else
        {
            StateDocument document = store.Document ?? store.Keep(TextOf(config), ChangeOrigin.Start, first);
            (Revision, History) = (document.Revision, store.History);
        }
    }

    /// <summary>The state folder; null when nothing survives the switch.</summary>
    public StateStore? Store { get; }

    /// <summary>The changes made.</summary>
    public ChangeHistory History { get; }

    /// <summary>The revision that was kept last.</summary>
    public long Revision { get; private set; }

    /// <summary>Writes a change down. When it returns, the change survives; one caller at a time.</summary>
    /// <exception cref="StateException">It cannot be kept; then it must not be put in force.</exception>
    public long Keep(SwitchConfig config, ChangeOrigin by, IReadOnlyList<ConfigChange> changes)
    {
        string[] lines = [.. PlanText.Lines(changes, ItemsOfAList).Select(l => l.Text)];
        if (Store == null)
        {
            Revision++;
            History.Add(StateChange.To(Revision, _time.GetUtcNow(), by, lines));
        }
        else
        {
            Revision = Store.Keep(TextOf(config), by, lines).Revision;
        }

        return Revision;
    }

    /// <summary>A configuration as a state folder holds it.</summary>
    public static string TextOf(SwitchConfig config) => ConfigWriter.ToJson(config).TrimEnd('\n');
}
