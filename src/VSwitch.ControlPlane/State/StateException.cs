namespace VSwitch.ControlPlane.State;

/// <summary>The state cannot be read or kept; the message is one sentence for the user: where, why, and the mend.</summary>
public sealed class StateException : Exception
{
    /// <summary>Makes an error without words.</summary>
    public StateException()
    {
    }

    /// <summary>Makes an error.</summary>
    public StateException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an error with its cause.</summary>
    public StateException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
