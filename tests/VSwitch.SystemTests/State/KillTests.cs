using System.Diagnostics;
using VSwitch.Api;
using VSwitch.ControlPlane.State;
using VSwitch.Live;
using VSwitch.Testing;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.SystemTests.State;

/// <summary>A switch that is changed as fast as it goes is killed at a random instant, 300 times, and started again on what it left: every
/// acknowledged change is there, and of the one in flight all or nothing. Needs no right.</summary>
public sealed class KillTests(ITestOutputHelper output) : IDisposable
{
    private const int Chains = 4;
    private const int Rounds = 75;
    private const int MostChangesOfALife = 20;
    private const int LongestStartMs = 500;
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-kill-").FullName;

    [Fact]
    public async Task Killed_at_any_instant_it_comes_back_to_the_last_acknowledged_state()
    {
        int seed = Seeded.Take("kill test", output.WriteLine);
        var watch = Stopwatch.StartNew();
        Chain[] chains = [.. Enumerable.Range(0, Chains).Select(i => new Chain(Path.Combine(_folder, $"{i}"), seed + i, bySignal: i == 0))];
        await Task.WhenAll(chains.Select(c => Task.Factory.StartNew(() => c.Run(Rounds), TaskCreationOptions.LongRunning)));
        foreach (Chain chain in chains)
        {
            chain.JudgeFolder();
        }

        output.WriteLine($"{chains.Sum(c => c.Kills)} kills, {chains.Sum(c => c.Acknowledged)} acknowledged changes, " +
            $"{chains.Sum(c => c.FoundInFlight)} found though not acknowledged, {chains.Sum(c => c.LostInFlight)} not, " +
            $"{chains.Sum(c => c.KilledAtStart)} killed before they ran, {watch.Elapsed.TotalSeconds:0} s");
        Assert.Equal(Chains * Rounds, chains.Sum(c => c.Kills));
        Assert.True(chains.Sum(c => c.Acknowledged) > Chains * Rounds, "next to nothing was acknowledged, so nothing could be lost");
        Assert.True(chains.Sum(c => c.KilledAtStart) > 0, "none was killed while it started");
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>One state folder and the switches that live on it, one after the other.</summary>
    private sealed class Chain
    {
        private readonly string _folder;
        private readonly string _state;
        private readonly Random _random;
        private readonly bool _bySignal;
        private (long Revision, int Number) _acknowledged;
        private int? _inFlight = 0;
        private int _next = 1;

        public Chain(string folder, int seed, bool bySignal)
        {
            (_folder, _state, _random, _bySignal) = (folder, Path.Combine(folder, "state"), new Random(seed), bySignal);
            Directory.CreateDirectory(folder);
            StateSwitch.WriteConfig(folder, 0);
        }

        public int Kills { get; private set; }

        public int KilledAtStart { get; private set; }

        public int Acknowledged { get; private set; }

        public int FoundInFlight { get; private set; }

        public int LostInFlight { get; private set; }

        public void Run(int rounds)
        {
            for (int round = 0; round < rounds; round++)
            {
                // Without CONFIG where there is a state: it is in force either way.
                using StateSwitch program = StateSwitch.Start(_folder, _state, withConfig: _bySignal || _acknowledged.Revision == 0 || round % 2 == 0);
                if (_random.Next(6) == 0)
                {
                    KillAfter(program, TimeSpan.FromMilliseconds(_random.NextDouble() * LongestStartMs)).Join();
                    KilledAtStart += program.IsRunning() ? 0 : 1;
                    continue;
                }

                Assert.True(program.IsRunning(), string.Join('\n', program.Log));
                Judge(program.InForce());
                ChangeUntilItIsGone(program, _random.Next(MostChangesOfALife));
            }
        }

        /// <summary>What the store itself says of the folder at the end: readable, and no revision is missing in its journal.</summary>
        public void JudgeFolder()
        {
            using StateStore store = StateStore.Open(new StateFolder(_state), TimeProvider.System);
            Assert.InRange(store.Document!.Revision, _acknowledged.Revision, _acknowledged.Revision + 1);
            Assert.Equal(
                Enumerable.Range(1, (int)store.Document.Revision).Select(r => (long)r).TakeLast(store.History.All.Count), store.History.All.Select(c => c.Revision));
            Assert.All(store.Findings, f => Assert.True(
                f.Contains("never acknowledged", StringComparison.Ordinal) || f.Contains("cut short", StringComparison.Ordinal), f));
        }

        private void Judge((long Revision, int Number) found)
        {
            bool isInFlight = found.Number == _inFlight && found.Revision == _acknowledged.Revision + 1;
            Assert.True(found == _acknowledged || isInFlight,
                $"in force is {found}, acknowledged was {_acknowledged}, in flight {_inFlight?.ToString() ?? "nothing"}");
            FoundInFlight += isInFlight && found.Number != 0 ? 1 : 0;
            LostInFlight += _inFlight != null && !isInFlight ? 1 : 0;
            (_acknowledged, _inFlight) = (found, null);
        }

        /// <summary>Killed at some instant of the next two changes after so many, however long one takes on a machine with other work.
        /// </summary>
        private void ChangeUntilItIsGone(StateSwitch program, int changes)
        {
            Thread? killer = null;
            TimeSpan last = TimeSpan.FromMilliseconds(LongestStartMs);
            try
            {
                for (int i = 0; ; i++)
                {
                    killer ??= i < changes ? null : KillAfter(program, 2 * _random.NextDouble() * last);
                    long start = Stopwatch.GetTimestamp();
                    _inFlight = _next++;
                    long revision = Change(program, _inFlight.Value);
                    Assert.Equal(_acknowledged.Revision + 1, revision);
                    (_acknowledged, _inFlight) = ((revision, _inFlight.Value), null);
                    Acknowledged++;
                    last = Stopwatch.GetElapsedTime(start);
                }
            }
            catch (ApiException e) when (e.Status == 0)
            {
                // It was killed.
            }

            Assert.NotNull(killer);
            killer.Join();
        }

        private long Change(StateSwitch program, int number)
        {
            if (!_bySignal)
            {
                return program.Put(number);
            }

            Assert.Null(program.HangUp(number));
            return _acknowledged.Revision + 1;
        }

        /// <summary>A thread of its own: a busy pool would make the instants less random.</summary>
        private Thread KillAfter(StateSwitch program, TimeSpan life)
        {
            var killer = new Thread(() =>
            {
                Thread.Sleep(life);
                program.Kill();
            });
            killer.Start();
            Kills++;
            return killer;
        }
    }
}
