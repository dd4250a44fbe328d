namespace VSwitch.Api;

/// <summary>What one client may cost. Beyond it a request is refused or its connection closed; the workers have threads of their own
/// and notice nothing.</summary>
internal sealed record ApiLimits
{
    /// <summary>Connections at once; further ones are closed at once.</summary>
    public int MaxConnections { get; init; } = 256;

    /// <summary>Bytes of a body, as large as a configuration may be.</summary>
    public long MaxBodyBytes { get; init; } = 64 << 20;

    /// <summary>Bytes of the first line of a request.</summary>
    public int MaxRequestLineBytes { get; init; } = 8 << 10;

    /// <summary>Bytes of all headers.</summary>
    public int MaxHeaderBytes { get; init; } = 16 << 10;

    /// <summary>Headers.</summary>
    public int MaxHeaderCount { get; init; } = 64;

    /// <summary>From the first byte of a request to the end of its headers.</summary>
    public TimeSpan HeaderTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A connection without a request.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Bytes per second that a body must come with, and an answer be read with, on average.</summary>
    public double MinBytesPerSecond { get; init; } = 1024;

    /// <summary>How long a client may be slower than that at first.</summary>
    public TimeSpan SlowGrace { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long requests that are under way may take to end when the switch ends.</summary>
    public TimeSpan StopGrace { get; init; } = TimeSpan.FromSeconds(2);
}
