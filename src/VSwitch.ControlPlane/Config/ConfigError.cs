namespace VSwitch.ControlPlane.Config;

/// <summary>One error of a configuration: where, what is wrong, and the mend.</summary>
public sealed record ConfigError(string File, SourcePosition Position, string Message)
{
    /// <summary>FILE:LINE:COLUMN: message.</summary>
    public override string ToString() => $"{File}:{Position.Line}:{Position.Column}: {Message}";
}

/// <summary>What reading a configuration gave: the configuration when there is no error, else all errors.</summary>
/// <param name="Config">The validated configuration; null when there are errors.</param>
/// <param name="Errors">All errors in the order of the text.</param>
public sealed record ConfigResult(SwitchConfig? Config, IReadOnlyList<ConfigError> Errors)
{
    /// <summary>True when the text is neither YAML nor JSON, so that nothing of it was understood.</summary>
    public bool IsUnreadable { get; init; }

    /// <summary>What is allowed and yet does nothing: stale rules, routes into a peering that is not active; in the order of the text.
    /// </summary>
    public IReadOnlyList<ConfigError> Warnings { get; init; } = [];
}

/// <summary>What reading a part of a configuration gave.</summary>
/// <param name="Value">The part, not yet held against the rest of the configuration; null when there are errors.</param>
/// <param name="Errors">All errors in the order of the text.</param>
/// <param name="IsUnreadable">True when the text is neither YAML nor JSON.</param>
public sealed record PartResult<T>(T? Value, IReadOnlyList<ConfigError> Errors, bool IsUnreadable)
    where T : class;
