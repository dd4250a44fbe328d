namespace VSwitch.DataPlane.Policy;

/// <summary>What becomes of live connections when a group's rules change (semantics.md decision 3).</summary>
public enum LiveMode : byte
{
    /// <summary>The rules are asked again.</summary>
    Recheck,

    /// <summary>They go on.</summary>
    Keep,

    /// <summary>They end.</summary>
    Cut,
}

/// <summary>A group as live connections see it.</summary>
/// <param name="Name">Its name; null for a number that no group has.</param>
/// <param name="Mode">What becomes of live connections.</param>
/// <param name="Since">Version of the snapshot in which the group appeared.</param>
/// <param name="ChangedIn">Version of the snapshot in which its rules became what they are.</param>
public readonly record struct SecurityGroupState(string? Name, LiveMode Mode, uint Since, uint ChangedIn);
