using System.Text;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing.Reference;

namespace VSwitch.Testing.Differential;

/// <summary>Compares what kernel and switch did with each frame, and asks the documented differences where they do not agree.
/// After a difference of verdicts the two no longer know the same, so that the conversation is compared no further; what the
/// models of TCP foretell is.</summary>
public sealed class TrialJudge
{
    private const int ExampleCount = 12;
    private readonly Dictionary<string, int> _explained = TrialDifference.All.ToDictionary(difference => difference.Name, _ => 0);
    private readonly List<(string Kind, string Text)> _faults = [];

    /// <summary>Frames compared.</summary>
    public int JudgedCount { get; private set; }

    /// <summary>Frames of them that the switch passed.</summary>
    public int PassedCount { get; private set; }

    /// <summary>How often each documented difference occurred.</summary>
    public IReadOnlyDictionary<string, int> Explained => _explained;

    /// <summary>What nothing explains: a short word, and the whole story.</summary>
    public IReadOnlyList<(string Kind, string Text)> Faults => _faults;

    /// <summary>Takes what became of the next frame.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="kernel">What left the kernel's router for it.</param>
    /// <param name="outcome">What the switch did.</param>
    public void Judge(TrialFrame frame, IReadOnlyList<(string Port, byte[] Frame)> kernel, ReferenceOutcome outcome)
    {
        TrialConversation conversation = frame.Conversation;
        var step = new TrialStep(frame, kernel.Count > 0, outcome.Kind == OutcomeKind.Forwarded, outcome.DropReason);
        if (conversation.Witness(step) is { } surprise)
        {
            AddFault(surprise, step);
        }

        if (conversation.PartedBy is null && conversation.Subject.PartedBy is null)
        {
            JudgedCount++;
            PassedCount += step.SwitchPasses ? 1 : 0;
            if (step.KernelPasses != step.SwitchPasses)
            {
                Part(step);
            }
            else if (step.SwitchPasses && !AreSame(kernel, outcome.Sent))
            {
                AddFault($"bytes differ: the kernel sends {Text(kernel)}, the switch {Text(outcome.Sent)}", step);
            }
        }

        conversation.History.Add(step);
    }

    /// <summary>The faults: how many of each kind, and an example of the first ones.</summary>
    public string Report()
    {
        IEnumerable<string> kinds = _faults.GroupBy(fault => fault.Kind).OrderByDescending(group => group.Count())
            .Select(group => $"{group.Count(),6} {group.Key}");
        IEnumerable<string> examples = _faults.DistinctBy(fault => fault.Kind).Take(ExampleCount).Select(fault => fault.Text);
        return $"{_faults.Count} differences that are not documented\n{string.Join('\n', kinds)}\n\n{string.Join("\n\n", examples)}";
    }

    private static bool AreSame(
        IReadOnlyList<(string Port, byte[] Frame)> kernel, IReadOnlyList<(string Port, byte[] Frame)> sent) =>
        kernel.Count == 1 && sent.Count == 1 && kernel[0].Port == sent[0].Port &&
        kernel[0].Frame.AsSpan().SequenceEqual(sent[0].Frame);

    private static string Text(IEnumerable<(string Port, byte[] Frame)> sent) =>
        string.Join(", ", sent.Select(one => $"to {one.Port} {Convert.ToHexStringLower(one.Frame)}"));

    private static string Line(TrialStep step)
    {
        string kernel = step.KernelPasses ? "pass" : "drop";
        string vswitch = step.SwitchPasses ? "pass" : $"drop {step.SwitchReason.Name()}";
        string way = step.Frame.Sender == 0 ? ">" : "<";
        return $"kernel {kernel}, switch {vswitch}: {step.Frame.Segment?.ToString() ?? way} ({step.Frame.What})";
    }

    private void Part(TrialStep step)
    {
        TrialConversation conversation = step.Frame.Conversation;
        TrialDifference? difference = TrialDifference.All.FirstOrDefault(difference => difference.Explains(step));
        conversation.PartedBy = difference?.Name ?? "undocumented";
        conversation.Subject.PartedBy ??= conversation.PartedBy;
        if (difference is null)
        {
            AddFault(step.KernelPasses ? "only the kernel passes it" : "only the switch passes it", step);
        }
        else
        {
            _explained[difference.Name]++;
        }
    }

    private void AddFault(string why, TrialStep step)
    {
        var text = new StringBuilder();
        TrialFrame frame = step.Frame;
        text.AppendLine($"{why}: {Line(step)}");
        text.AppendLine($"  {Convert.ToHexStringLower(frame.Bytes)}");
        text.AppendLine($"  ends {frame.Conversation.Ends[0]}, {frame.Conversation.Ends[1]}; before it:");
        foreach (TrialStep past in frame.Conversation.Subject.History)
        {
            text.AppendLine($"    {Line(past)}");
        }

        _faults.Add(($"{why.Split(':')[0]} ({step.SwitchReason.Name()}): {frame.What.Split(" by ")[0]}", text.ToString()));
    }
}
