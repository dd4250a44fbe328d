namespace VSwitch.Live;

/// <summary>Why a change was not put in force. In every case nothing changed.</summary>
internal enum ChangeRefusal
{
    /// <summary>Other changes took too long to wait for.</summary>
    Busy,

    /// <summary>Another revision is in force than the one that the change was made for.</summary>
    OtherRevision,

    /// <summary>It does not go with the switch as it runs: what cannot change, or more than it was started for.</summary>
    Conflict,

    /// <summary>It cannot be carried out now: a device that cannot be opened, a state folder that cannot be written.</summary>
    Unavailable,
}

/// <summary>A change was refused, and nothing changed.</summary>
internal sealed class ChangeRefusedException(ChangeRefusal refusal, string message, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>Why.</summary>
    public ChangeRefusal Refusal { get; } = refusal;
}
