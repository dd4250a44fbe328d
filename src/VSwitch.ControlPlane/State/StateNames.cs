namespace VSwitch.ControlPlane.State;

/// <summary>What the store's files are called. Any other file of the folder is somebody else's.</summary>
internal static class StateNames
{
    /// <summary>The wanted state.</summary>
    public const string Current = "current.json";

    /// <summary>The wanted state before the last change.</summary>
    public const string Previous = "previous.json";

    /// <summary>What changed, a line a change.</summary>
    public const string Journal = "journal.jsonl";

    /// <summary>A wanted state that did not fit its checksum, kept to be looked at.</summary>
    public const string Damaged = "current.json.damaged";

    /// <summary>Whoever has a lock on it has the folder.</summary>
    public const string Lock = "lock";

    private const string Temporary = ".tmp";

    /// <summary>Where a file is written before it takes its name.</summary>
    public static string TemporaryOf(string name) => name + Temporary;
}
