using System.Numerics;

namespace VSwitch.Testing.Differential;

/// <summary>Follows a TCP connection as the kernel tracks it and as the switch does. Where they differ it tells the reason: the
/// fewest variations that make the kernel do as the switch, or without which the switch does as the kernel.</summary>
internal sealed class TcpWitness
{
    // All sets of variations but the empty one, the smallest first.
    private static readonly TcpVariations[][] BySize =
        [.. Enumerable.Range(1, (int)TcpVariations.All).GroupBy(set => BitOperations.PopCount((uint)set)).OrderBy(size => size.Key)
            .Select(size => size.Select(set => (TcpVariations)set).ToArray())];

    private readonly TcpModel _kernel = new(TcpVariations.None);
    private readonly TcpModel _switch = new(TcpVariations.All);
    private readonly List<TrialStep> _steps = [];

    /// <summary>The variations that are together the reason of the last frame's difference; null where there is none.</summary>
    public TcpVariations? Reason { get; private set; }

    /// <summary>The variations that are together the reason why only one of kernel and switch has the connection; null where
    /// both are alike.</summary>
    public TcpVariations? ReasonOfPresence
    {
        get
        {
            bool isThere = _switch.State != TcpModelState.None;
            return isThere == (_kernel.State != TcpModelState.None)
                ? null
                : Find(variations => Replay(variations).IsThere, byKernel: !isThere, bySwitch: isThere);
        }
    }

    /// <summary>Takes the next frame.</summary>
    /// <returns>What was expected otherwise, in words; null when both verdicts are as expected.</returns>
    public string? Judge(TrialStep step)
    {
        (TrialSegment segment, TrialTraits traits) = (step.Frame.Segment!, step.Frame.Traits);
        bool kernel = _kernel.Judge(segment, traits, step.KernelPasses);
        bool vswitch = _switch.Judge(segment, traits, step.SwitchPasses);
        _steps.Add(step);
        Reason = step.KernelPasses == step.SwitchPasses
            ? null
            : Find(variations => Replay(variations).Passes, step.KernelPasses, step.SwitchPasses);
        return kernel != step.KernelPasses ? $"the model of the kernel {(kernel ? "passes" : "drops")} it"
            : vswitch != step.SwitchPasses ? $"the model of the switch {(vswitch ? "passes" : "drops")} it" : null;
    }

    private static TcpVariations? Find(Func<TcpVariations, bool> result, bool byKernel, bool bySwitch)
    {
        foreach (TcpVariations[] sets in BySize)
        {
            TcpVariations found = Array.Find(sets, set => result(set) == bySwitch);
            found = found != TcpVariations.None ? found : Array.Find(sets, set => result(TcpVariations.All & ~set) == byKernel);
            if (found != TcpVariations.None)
            {
                return found;
            }
        }

        return null;
    }

    /// <summary>What a tracker with some of the variations makes of all that was sent.</summary>
    private (bool Passes, bool IsThere) Replay(TcpVariations variations)
    {
        var model = new TcpModel(variations);
        bool passes = false;
        foreach (TrialStep step in _steps)
        {
            passes = model.Judge(step.Frame.Segment!, step.Frame.Traits, step.KernelPasses || step.SwitchPasses);
        }

        return (passes, model.State != TcpModelState.None);
    }
}
