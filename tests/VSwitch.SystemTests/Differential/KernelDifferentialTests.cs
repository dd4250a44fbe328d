using System.Diagnostics;
using System.Text;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Testing.Differential;
using VSwitch.Testing.Reference;
using VSwitch.Wire;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.SystemTests.Differential;

/// <summary>The same frames in the same order through the switch and through the kernel's router with connection tracking and
/// nftables: the same verdict for each, but for the differences that tests/README.md lists.</summary>
public class KernelDifferentialTests(ITestOutputHelper output)
{
    private const int FrameCount = 120_000;
    private const int BatchCount = 64;
    private const int FramesOfAPolicy = 8_000;
    private const long FrameNs = 1000;

    // Nothing expires while the test runs: the kernel's clock cannot be moved.
    private static readonly TimeSpan Timeout = TimeSpan.FromHours(1);

    private readonly Dictionary<string, int> _explained = TrialDifference.All.ToDictionary(difference => difference.Name, _ => 0);
    private readonly List<(string Kind, string Text)> _unexplained = [];
    private int _passed;
    private int _judged;

    [RootFact("nft")]
    public void Switch_and_kernel_give_every_frame_the_same_verdict()
    {
        var random = new Random(Seeded.Take("kernel against switch", output.WriteLine));
        int perPolicy = FramesOfAPolicy;
        for (int sent = 0; sent < FrameCount; sent += perPolicy)
        {
            RunPolicy(random, perPolicy);
        }

        output.WriteLine($"{_judged} frames judged, {_passed} of them passed");
        foreach ((string name, int count) in _explained)
        {
            output.WriteLine(count > 0 ? $"{count} times {name}" : $"never {name}: remove it from the list, or lengthen the run");
        }

        Assert.True(_unexplained.Count == 0, $"{_unexplained.Count} differences that are not documented\n{Summary()}\n{string.Join("\n\n", _unexplained.DistinctBy(one => one.Kind).Take(30).Select(one => one.Text))}");
        Assert.InRange(_passed, _judged / 4, _judged);
    }

    private void RunPolicy(Random random, int count)
    {
        SwitchConfig config = TrialPolicy.Make(random, Timeout);
        using var kernel = new KernelRouter(config, Timeout);
        using var vswitch = new SwitchUnderTest(config);
        var traffic = new TrialTraffic(config, random);
        long nowNs = 1_000_000_000;
        for (int sent = 0; sent < count; sent += BatchCount)
        {
            List<TrialFrame> frames = [.. Enumerable.Range(0, BatchCount).Select(_ => traffic.Next())];
            List<(string Port, byte[] Frame)> received = kernel.Send(frames.Select(frame => (frame.Port, frame.Bytes)));
            ILookup<uint, (string Port, byte[] Frame)> byNumber = received.Where(sent => !IsFromRouter(sent.Frame)).ToLookup(sent => Number(sent.Frame));
            foreach (TrialFrame frame in frames)
            {
                ReferenceOutcome outcome = vswitch.Receive(frame.Port, frame.Bytes, nowNs += FrameNs);
                Judge(frame, [.. byNumber[Number(frame.Bytes)]], outcome);
            }
        }
    }

    private void Judge(TrialFrame frame, IReadOnlyList<(string Port, byte[] Frame)> kernel, ReferenceOutcome outcome)
    {
        TrialConversation conversation = frame.Conversation;
        bool kernelPasses = kernel.Count > 0;
        bool switchPasses = outcome.Kind == OutcomeKind.Forwarded;
        var step = new TrialStep(frame, kernelPasses, switchPasses, outcome.DropReason);
        if (conversation.Witness(step) is { } surprise)
        {
            _unexplained.Add(($"{surprise}: {frame.What}", Describe(step, surprise)));
        }

        if (conversation.PartedBy is null && conversation.Subject.PartedBy is null)
        {
            _judged++;
            _passed += switchPasses ? 1 : 0;
            if (kernelPasses != switchPasses)
            {
                TrialDifference? difference = TrialDifference.All.FirstOrDefault(difference => difference.Explains(step));
                conversation.PartedBy = difference?.Name ?? "undocumented";
                conversation.Subject.PartedBy ??= conversation.PartedBy;
                if (difference is null)
                {
                    _unexplained.Add((Kind(step), Describe(step, "verdicts differ")));
                }
                else
                {
                    _explained[difference.Name]++;
                }
            }
            else if (switchPasses && !(kernel.Count == 1 && outcome.Sent.Count == 1 && kernel[0].Port == outcome.Sent[0].Port && kernel[0].Frame.AsSpan().SequenceEqual(outcome.Sent[0].Frame)))
            {
                _unexplained.Add(("bytes differ", Describe(step, $"bytes differ: kernel {string.Join(", ", kernel.Select(sent => $"{sent.Port} {Convert.ToHexStringLower(sent.Frame)}"))}; switch {string.Join(", ", outcome.Sent.Select(sent => $"{sent.Port} {Convert.ToHexStringLower(sent.Frame)}"))}")));
            }
        }

        conversation.History.Add(step);
    }

    private static string Kind(TrialStep step) =>
        $"{(step.KernelPasses ? "kernel passes" : "kernel drops")}, switch {(step.SwitchPasses ? "passes" : step.SwitchReason.Name())}: {step.Frame.What.Split(" of:")[0]}";

    private string Summary() => string.Join('\n', _unexplained.GroupBy(one => one.Kind).OrderByDescending(group => group.Count())
        .Select(group => $"{group.Count(),6} {group.Key}"));

    private static string Describe(TrialStep step, string why)
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

        return text.ToString();
    }

    private static string Line(TrialStep step) =>
        $"{(step.KernelPasses ? "pass" : "drop")}/{(step.SwitchPasses ? "pass" : $"drop {step.SwitchReason.Name()}")} " +
        $"{(step.Frame.Segment is { } segment ? segment.ToString() : step.Frame.Sender == 0 ? ">" : "<")} ({step.Frame.What})";

    private static bool IsV6(byte[] frame) => frame[12] == 0x86;

    private static uint Number(byte[] frame) => IsV6(frame)
        ? 0x1000_0000 | ((uint)(frame[15] & 15) << 16) | ((uint)frame[16] << 8) | frame[17]
        : ((uint)frame[18] << 8) | frame[19];

    /// <summary>The router's own: its addresses are the first of each subnet; link-local ones are its housekeeping.</summary>
    private static bool IsFromRouter(byte[] frame)
    {
        IpAddress source = IpAddress.Read(frame.AsSpan(IsV6(frame) ? 22 : 26), IsV6(frame));
        return (source.IsV6 ? (ulong)source.Bits == 1 : (byte)source.Bits == 1) || source.IsLinkLocal || source.IsUnspecified;
    }
}
