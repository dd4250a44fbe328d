using System.ComponentModel;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Plan;
using VSwitch.ControlPlane.State;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Linux;

namespace VSwitch.Live;

/// <summary>The one way to change a running switch: SIGHUP and API come here, one change at a time, in their order. A change is compared
/// with what is in force, prepared, kept, and only then put in force; what fails before that has changed nothing.</summary>
#pragma warning disable CA1001 // A semaphore whose wait handle nobody asks for holds nothing to dispose of.
internal sealed class SwitchControl
#pragma warning restore CA1001
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private NumberedConfig _current;

    /// <summary>Takes charge of a switch.</summary>
    /// <param name="host">The switch.</param>
    /// <param name="ledger">Where its changes are written down; null = in memory.</param>
    public SwitchControl(SwitchHost host, ChangeLedger? ledger = null)
    {
        Host = host;
        Ledger = ledger ?? new ChangeLedger(host.Config);
        _current = new NumberedConfig(Ledger.Revision, host.Config);
    }

    /// <summary>The switch.</summary>
    public SwitchHost Host { get; }

    /// <summary>Where its changes are written down.</summary>
    public ChangeLedger Ledger { get; }

    /// <summary>The metering of its EIPs; null where nothing is metered.</summary>
    public UsageService? Usage { get; init; }

    /// <summary>How long a change waits for its turn before it is refused.</summary>
    public TimeSpan WaitLimit { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The configuration in force with its revision.</summary>
    public NumberedConfig Current => Volatile.Read(ref _current);

    /// <summary>Grows by one with each change that was put in force; 1 at the start, or what the state folder says.</summary>
    public long Revision => Current.Revision;

    /// <summary>Puts a configuration in force, or changes nothing.</summary>
    /// <exception cref="ChangeRefusedException">It is refused.</exception>
    public ChangeOutcome Apply(SwitchConfig config, ChangeOrigin by) =>
        ChangeAsync(new ChangeRequest(_ => config) { By = by }).GetAwaiter().GetResult();

    /// <summary>Carries out a change, or nothing of it. One that says what is in force already leaves snapshot and revision alone.</summary>
    /// <param name="request">The change.</param>
    /// <param name="cancel">Ends the waiting, and a rehearsal; a change whose turn has come is carried through.</param>
    /// <exception cref="ChangeRefusedException">It is refused.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public async Task<ChangeOutcome> ChangeAsync(ChangeRequest request, CancellationToken cancel = default)
    {
        if (!await _turn.WaitAsync(WaitLimit, cancel).ConfigureAwait(false))
        {
            throw new ChangeRefusedException(
                ChangeRefusal.Busy, $"other changes have been under way for {WaitLimit.TotalSeconds:0} seconds; nothing was changed, try again");
        }

        ChangeOutcome outcome;
        PreparedChange? rehearsal = null;
        try
        {
            outcome = TakeTurn(request, out rehearsal);
        }
        catch (InvalidOperationException e)
        {
            throw new ChangeRefusedException(ChangeRefusal.Conflict, e.Message, e);
        }
        catch (Exception e) when (e is StateException or DeviceException or IOException or UnauthorizedAccessException or Win32Exception or InsufficientMemoryException)
        {
            throw new ChangeRefusedException(ChangeRefusal.Unavailable, e.Message, e);
        }
        finally
        {
            _turn.Release();
        }

        return rehearsal == null ? outcome : Judge(outcome, rehearsal, cancel);
    }

    private ChangeOutcome TakeTurn(ChangeRequest request, out PreparedChange? rehearsal)
    {
        rehearsal = null;
        NumberedConfig current = Current;
        if (request.IsFor?.Invoke(current.Revision) == false)
        {
            throw new ChangeRefusedException(ChangeRefusal.OtherRevision, $"revision {current.Revision} is in force, another than the change was made for");
        }

        ConfigDiff diff = ConfigDiff.Between(current.Config, SystemChoices.Fill(request.Edit(current.Config), current.Config));
        if (diff.IsEmpty || request.IsRehearsal)
        {
            rehearsal = request.IsRehearsal ? Host.Rehearse(diff.Config) : null;
            return new ChangeOutcome(current.Revision, false, diff.Changes);
        }

        // Prepare is the last that may fail but for keeping it, which stands between the two: what was acknowledged is kept, and what
        // cannot be kept is not put in force.
        using PreparedChange change = Host.Prepare(diff.Config);
        long revision = Ledger.Keep(diff.Config, request.By, diff.Changes);
        Host.Commit(change);
        Volatile.Write(ref _current, new NumberedConfig(revision, diff.Config));
        return new ChangeOutcome(revision, true, diff.Changes);
    }

    /// <summary>Asks the live connections, which may be many, while the next change goes on.</summary>
    private ChangeOutcome Judge(ChangeOutcome outcome, PreparedChange rehearsal, CancellationToken cancel)
    {
        try
        {
            return outcome with { Impact = FlowImpact.Judge(Host, rehearsal.Snapshot, cancel: cancel) };
        }
        catch (WorkerUnavailableException e)
        {
            throw new ChangeRefusedException(ChangeRefusal.Unavailable, e.Message, e);
        }
    }
}
