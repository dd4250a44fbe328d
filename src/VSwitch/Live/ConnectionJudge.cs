using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;

namespace VSwitch.Live;

/// <summary>Asks a policy that is not in force what it would do to live connections: puts a copy into a pipeline of its own and sends
/// in what an end would send next. Owner: one thread.</summary>
internal sealed class ConnectionJudge : IDisposable
{
    /// <summary>One is asked at a time, and may begin another.</summary>
    private const int Room = 64;

    private const string GoneWords = "an ENI at one of its ends is gone";
    private const uint LongMs = 3_600_000;
    private readonly ShadowSwitch<NoTrace> _now;
    private readonly ShadowSwitch<NoTrace> _then;
    private readonly ShadowSwitch<RecordingTracer> _explaining;
    private readonly List<TraceStep> _steps = [];
    private readonly long _nowNs;

    /// <summary>Makes one.</summary>
    /// <param name="live">What the workers of the switch share.</param>
    /// <param name="next">The policy.</param>
    /// <param name="nowNs">The time, nanoseconds.</param>
    public ConnectionJudge(SwitchShared live, ForwardingSnapshot next, long nowNs)
    {
        _nowNs = nowNs;
        _now = new ShadowSwitch<NoTrace>(live, live.Snapshot, Room, default, nowNs);
        _then = new ShadowSwitch<NoTrace>(live, next, Room, default, nowNs);
        _explaining = new ShadowSwitch<RecordingTracer>(live, next, Room, new RecordingTracer(_steps), nowNs);
    }

    /// <summary>What becomes of a connection: what the next packet of its opener meets; when that goes on as before, what the next
    /// reply meets.</summary>
    /// <returns>Null when it is over already under the policy in force, and no packet has come since that would have met that.</returns>
    public ConnectionVerdict? Ask(in ConnectionRecord record)
    {
        ConnectionVerdict verdict = Ask(_then, record);
        bool isOverAlready = verdict.Fate != ConnectionFate.Kept && Ask(_now, record).Fate is ConnectionFate.Lost or ConnectionFate.Reopened;
        return isOverAlready ? null : verdict;
    }

    /// <summary>What the next packet of one end meets.</summary>
    public ConnectionVerdict Ask(in ConnectionRecord record, bool isReply) => Ask(_then, record, isReply);

    /// <summary>Why, in the words of the stage that decided.</summary>
    public string Explain(in ConnectionRecord record, bool isReply)
    {
        _steps.Clear();
        Send(_explaining, record, isReply);
        TraceStep? decisive = _steps.FindLast(step => step.Stage is PipelineStage.Connection or PipelineStage.SecurityGroupEgress
            or PipelineStage.SecurityGroupIngress or PipelineStage.NetworkAcl ||
            (step.Stage == PipelineStage.Route && step.Text.StartsWith("peering ", StringComparison.Ordinal)));
        TraceStep? over = _steps.Find(step => step.Stage == PipelineStage.Connection && step.Text.Contains("is over", StringComparison.Ordinal));
        return (over ?? decisive ?? _steps.LastOrDefault())?.Text ?? GoneWords;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _now.Dispose();
        _then.Dispose();
        _explaining.Dispose();
    }

    private ConnectionVerdict Ask(ShadowSwitch<NoTrace> shadow, in ConnectionRecord record)
    {
        ConnectionVerdict opener = Ask(shadow, record, isReply: false);
        return opener.Fate != ConnectionFate.Kept ? opener : Ask(shadow, record, isReply: true);
    }

    private ConnectionVerdict Ask(ShadowSwitch<NoTrace> shadow, in ConnectionRecord record, bool isReply)
    {
        ShadowOutcome outcome = Send(shadow, record, isReply);
        int outPort = isReply ? record.OpenerPort : record.OtherPort;
        ConnectionFate fate = outcome.OutPort < 0 && !outcome.IsHeld ? ConnectionFate.Lost
            : outcome.HasEnded ? ConnectionFate.Reopened
            : outcome.OutPort != outPort && !outcome.IsHeld ? ConnectionFate.Rerouted
            : ConnectionFate.Kept;
        return new ConnectionVerdict(fate, fate == ConnectionFate.Lost ? outcome.Dropped : DropReason.None, isReply);
    }

    private ShadowOutcome Send<TTracer>(ShadowSwitch<TTracer> shadow, in ConnectionRecord record, bool isReply)
        where TTracer : struct, IPipelineTracer
    {
        // The policy knows nothing of sequence numbers and timers, so they are set aside: a connection that takes any packet.
        ConnectionRecord copy = record;
        copy.Entry.State = FlowState.Other;
        copy.Entry.Flags |= FlowFlags.Answered;
        copy.Entry.DeadlineMs = (uint)(_nowNs / 1_000_000) + LongMs;
        if (!shadow.TryImport(copy))
        {
            return new ShadowOutcome(DropReason.UnknownPort, OutPort: -1, IsHeld: false, HasEnded: true);
        }

        Span<byte> frame = stackalloc byte[NextPacket.MaxBytes];
        int bytes = NextPacket.Write(record, isReply, frame);
        int port = isReply ? record.OtherPort : record.OpenerPort;
        ShadowOutcome outcome = shadow.Send(frame[..bytes], port, _nowNs);
        shadow.Clear();
        return outcome;
    }
}
