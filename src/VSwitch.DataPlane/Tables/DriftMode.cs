namespace VSwitch.DataPlane.Tables;

/// <summary>What becomes of packets from outside that belong to TCP connections which an EIP's former holder had (semantics.md
/// section 7).</summary>
public enum DriftMode : byte
{
    /// <summary>They are dropped, and the client gets a reset, so that it connects anew at once.</summary>
    Reset,

    /// <summary>They are dropped in silence: the client finds out by itself.</summary>
    Drop,

    /// <summary>They go to the new holder, as far as the rules let them, and its guest answers as it likes.</summary>
    Pass,
}
