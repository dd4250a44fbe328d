namespace VSwitch.Testing.Differential;

/// <summary>Follows a TCP connection as the kernel tracks it, as the switch does, and as the kernel would with one variation of
/// the switch, or the switch without one: so it can tell which variation is the reason of a difference.</summary>
internal sealed class TcpWitness
{
    private static readonly TcpVariations[] Each =
        [.. Enum.GetValues<TcpVariations>().Where(variation => variation is not (TcpVariations.None or TcpVariations.All))];

    private readonly TcpModel _kernel = new(TcpVariations.None);
    private readonly TcpModel _switch = new(TcpVariations.All);
    private readonly TcpModel[] _with = [.. Each.Select(variation => new TcpModel(variation))];
    private readonly TcpModel[] _without = [.. Each.Select(variation => new TcpModel(TcpVariations.All & ~variation))];

    /// <summary>The variation that is the reason of the last frame's difference; null where there is none.</summary>
    public TcpVariations? Reason { get; private set; }

    /// <summary>The variation that is the reason why only one of kernel and switch has the connection; null where both are alike.</summary>
    public TcpVariations? ReasonOfPresence
    {
        get
        {
            bool isThere = _switch.State != TcpModelState.None;
            if (isThere == (_kernel.State != TcpModelState.None))
            {
                return null;
            }

            int found = Array.FindIndex(_with, model => model.State != TcpModelState.None == isThere);
            found = found >= 0 ? found : Array.FindIndex(_without, model => model.State != TcpModelState.None != isThere);
            return found >= 0 ? Each[found] : null;
        }
    }

    /// <summary>Takes the next frame.</summary>
    /// <returns>What was expected otherwise, in words; null when both verdicts are as expected.</returns>
    public string? Judge(TrialStep step)
    {
        (TrialSegment segment, TrialTraits traits) = (step.Frame.Segment!, step.Frame.Traits);
        bool kernel = _kernel.Judge(segment, traits, step.KernelPasses);
        bool vswitch = _switch.Judge(segment, traits, step.SwitchPasses);
        bool isAllowed = step.KernelPasses || step.SwitchPasses;
        bool[] with = [.. _with.Select(model => model.Judge(segment, traits, isAllowed))];
        bool[] without = [.. _without.Select(model => model.Judge(segment, traits, isAllowed))];

        // One that alone makes the kernel do as the switch does; else one without which the switch does as the kernel.
        int found = Array.IndexOf(with, step.SwitchPasses);
        found = found >= 0 ? found : Array.IndexOf(without, step.KernelPasses);
        Reason = step.KernelPasses != step.SwitchPasses && found >= 0 ? Each[found] : null;
        return kernel != step.KernelPasses ? $"the model of the kernel {(kernel ? "passes" : "drops")} it"
            : vswitch != step.SwitchPasses ? $"the model of the switch {(vswitch ? "passes" : "drops")} it" : null;
    }
}
