namespace VSwitch.DataPlane.Pipeline;

/// <summary>The stages that a trace names.</summary>
public enum PipelineStage
{
    /// <summary>Headers.</summary>
    Parse,
    /// <summary>Port, source, addresses.</summary>
    Ingress,
    /// <summary>Where to.</summary>
    Route,
    /// <summary>Known or new.</summary>
    Connection,
    /// <summary>Egress rules of the sender.</summary>
    SecurityGroupEgress,
    /// <summary>Ingress rules of the receiver.</summary>
    SecurityGroupIngress,
    /// <summary>Network ACLs of the sender's and of the receiver's subnet.</summary>
    NetworkAcl,
    /// <summary>Address translation.</summary>
    Translate,
    /// <summary>Leaving.</summary>
    Egress,
    /// <summary>What the switch says itself.</summary>
    Local,
    /// <summary>The end.</summary>
    Verdict,
}

/// <summary>The seam of explanation: the pipeline is compiled once with <see cref="NoTrace"/>, whose calls vanish, and once
/// with <see cref="RecordingTracer"/>. It is the same code, so the explanation cannot drift from what happens.</summary>
public interface IPipelineTracer
{
    /// <summary>False for the tracer that vanishes: callers ask before they make words.</summary>
    bool IsEnabled { get; }

    /// <summary>Notes what a stage found.</summary>
    void Note(PipelineStage stage, string text);
}

/// <summary>Traces nothing and costs nothing.</summary>
public readonly struct NoTrace : IPipelineTracer
{
    /// <inheritdoc/>
    public bool IsEnabled => false;

    /// <inheritdoc/>
    public void Note(PipelineStage stage, string text)
    {
    }
}

/// <summary>Keeps what each stage said.</summary>
public readonly struct RecordingTracer(List<TraceStep> steps) : IPipelineTracer
{
    /// <inheritdoc/>
    public bool IsEnabled => true;

    /// <inheritdoc/>
    public void Note(PipelineStage stage, string text) => steps.Add(new TraceStep(stage, text));
}

/// <summary>What a stage said.</summary>
public sealed record TraceStep(PipelineStage Stage, string Text);
