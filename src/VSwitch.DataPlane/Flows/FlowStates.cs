namespace VSwitch.DataPlane.Flows;

/// <summary>The states of a connection by the names that people and programs write: conntrack's, in lower case with hyphens.</summary>
public static class FlowStates
{
    private static readonly string[] Names =
    [
        "free", "syn-sent", "syn-recv", "established", "fin-wait", "close-wait", "last-ack", "time-wait", "close", "syn-sent2", "udp",
        "udp-stream", "icmp", "other",
    ];

    /// <summary>The names of all states that a connection can be in.</summary>
    public static ReadOnlySpan<string> All => Names.AsSpan(1);

    /// <summary>The name of a state.</summary>
    public static string Name(this FlowState state) => Names[(int)state];

    /// <summary>Finds a state by its name; false when no connection can be in one of that name.</summary>
    public static bool TryParse(string name, out FlowState state)
    {
        int i = Array.IndexOf(Names, name);
        state = i > 0 ? (FlowState)i : FlowState.Free;
        return i > 0;
    }
}
