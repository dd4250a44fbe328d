using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Plan;
using VSwitch.ControlPlane.State;

namespace VSwitch.Live;

/// <summary>With which configuration does a switch start: that of its state folder or that of a file? The state is in force as soon as
/// there is one; a file that says something else is said, and waits until it is asked for.</summary>
/// <param name="Config">The configuration.</param>
/// <param name="Note">What the user should know: the file is not in force; null when there is nothing.</param>
internal sealed record StartingConfig(SwitchConfig Config, string? Note)
{
    /// <summary>Chooses. Nothing is written yet.</summary>
    /// <param name="store">The state folder; null without one.</param>
    /// <param name="path">The configuration file; null when none was named.</param>
    /// <param name="read">Reads it, says its errors, and gives null where there are some.</param>
    /// <returns>Null when the file is needed and has errors.</returns>
    /// <exception cref="ArgumentException">There is neither a state nor a file.</exception>
    /// <exception cref="StateException">The state is whole, and no configuration that this version takes.</exception>
    public static StartingConfig? Choose(StateStore? store, string? path, Func<string, SwitchConfig?> read)
    {
        if (store?.Document is not StateDocument state)
        {
            string missing = store == null
                ? "run needs a CONFIG, or --state DIR with the state of an earlier run"
                : $"state folder {store.Folder} has no state yet: name the CONFIG that is to be its first revision";
            return path == null ? throw new ArgumentException(missing) : read(path) is SwitchConfig first ? new StartingConfig(first, null) : null;
        }

        ConfigResult result = ConfigReader.Parse($"revision {state.Revision}", state.Text);
        SwitchConfig config = result.Config ?? throw new StateException(
            $"state folder {store.Folder}: this version does not take the configuration of revision {state.Revision}: {result.Errors[0].Message}");
        return new StartingConfig(config, path == null ? null : NoteOn(state, config, path, read(path)));
    }

    private static string? NoteOn(StateDocument state, SwitchConfig inForce, string path, SwitchConfig? file)
    {
        if (file == null)
        {
            return $"{path} has errors; in force is the state, revision {state.Revision}";
        }

        int changes = ConfigDiff.Between(inForce, SystemChoices.Fill(file, inForce)).Changes.Count;
        return changes == 0 ? null
            : $"{path} is not what is in force: the state, revision {state.Revision}, differs in {changes} {(changes == 1 ? "thing" : "things")}; " +
                $"put the file in force with 'vswitch apply {path}' or SIGHUP";
    }
}
