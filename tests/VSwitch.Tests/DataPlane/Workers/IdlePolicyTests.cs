using VSwitch.DataPlane.Workers;
using Xunit;

namespace VSwitch.Tests.DataPlane.Workers;

/// <summary>When a worker without frames sleeps. Time is an argument.</summary>
public sealed class IdlePolicyTests
{
    private const long StepNs = 1_000;
    private readonly IdlePolicy _policy = new();
    private long _nowNs = 1_000_000_000;

    [Fact]
    public void It_looks_on_for_a_while_after_the_last_frames_and_then_sleeps()
    {
        _policy.NoteBusy(_nowNs);
        Assert.InRange(LookUntilSleep(), IdlePolicy.LongestSpinNs, IdlePolicy.LongestSpinNs + StepNs);
        Assert.True(_policy.IsIdle);
    }

    [Fact]
    public void Long_sleeps_make_the_while_short_and_a_short_one_makes_it_long_again()
    {
        for (int i = 0; i < 20; i++)
        {
            Sleep(50_000_000);
        }

        _policy.NoteBusy(_nowNs);
        Assert.False(_policy.IsIdle);
        Assert.InRange(LookUntilSleep(), IdlePolicy.ShortestSpinNs, IdlePolicy.ShortestSpinNs + StepNs);
        Sleep(IdlePolicy.LongestSpinNs / 2);
        _policy.NoteBusy(_nowNs);
        Assert.InRange(LookUntilSleep(), IdlePolicy.LongestSpinNs, IdlePolicy.LongestSpinNs + StepNs);
    }

    [Fact]
    public void A_worker_that_was_not_left_to_run_sleeps_at_once_for_some_time()
    {
        _policy.NoteBusy(_nowNs);
        Assert.False(_policy.ShouldSleep(_nowNs += StepNs));
        Assert.True(_policy.ShouldSleep(_nowNs += IdlePolicy.PreemptedNs + 1));
        Sleep(StepNs);
        _policy.NoteBusy(_nowNs);
        Assert.True(_policy.ShouldSleep(_nowNs += StepNs));
        _nowNs += IdlePolicy.YieldNs;
        _policy.NoteBusy(_nowNs);
        Assert.False(_policy.ShouldSleep(_nowNs + StepNs));
    }

    [Fact]
    public void A_sleep_is_no_sign_of_others_and_neither_is_a_long_round_with_frames()
    {
        _policy.NoteBusy(_nowNs);
        LookUntilSleep();
        Sleep(IdlePolicy.LongestSpinNs - 1);
        _policy.NoteBusy(_nowNs);
        _policy.NoteBusy(_nowNs += 10 * IdlePolicy.PreemptedNs);
        Assert.False(_policy.ShouldSleep(_nowNs + StepNs));
    }

    private void Sleep(long sleptNs) => _policy.NoteSleep(_nowNs += sleptNs, sleptNs);

    /// <summary>Nanoseconds of empty rounds until the policy says to sleep.</summary>
    private long LookUntilSleep()
    {
        long start = _nowNs;
        while (!_policy.ShouldSleep(_nowNs))
        {
            _nowNs += StepNs;
        }

        return _nowNs - start;
    }
}
