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
public sealed record ConfigResult(SwitchConfig? Config, IReadOnlyList<ConfigError> Errors);
