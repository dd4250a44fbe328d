using System.Net.Sockets;
using System.Runtime.InteropServices;
using VSwitch.DataPlane.Devices;

namespace VSwitch.Bench;

/// <summary>The switch over TAP devices: it makes two network namespaces, sends real traffic through itself by sockets of this
/// process, and takes all of it down again. Guests and switch share the machine's processors, as they would with bench/peers, whose
/// C programs cost less than this: compare these figures with one another and not with those.</summary>
internal sealed class TapBench
{
    private static readonly BenchScenario[] Scenarios = [BenchScenario.L2, BenchScenario.Sg, BenchScenario.Eip];
    private readonly Action<string, double> _progress;
    private readonly double _seconds;

    /// <param name="isQuick">Half a second a figure instead of two.</param>
    /// <param name="progress">Told what comes next, and which share of all is done.</param>
    public TapBench(bool isQuick, Action<string, double> progress)
    {
        _progress = progress;
        _seconds = isQuick ? 0.5 : 2;
    }

    /// <summary>Measures everything. SIGINT and SIGTERM end it early, and what was made is removed all the same.</summary>
    /// <returns>A row for each scenario and metric.</returns>
    /// <exception cref="DeviceException">A TAP cannot be made.</exception>
    /// <exception cref="IOException">A namespace cannot be made, nothing gets through, or a worker failed.</exception>
    /// <exception cref="OperationCanceledException">A signal ended it.</exception>
    public IReadOnlyList<TapRow> Run()
    {
        using var stop = new CancellationTokenSource();
        using PosixSignalRegistration interrupt = EndOn(PosixSignal.SIGINT, stop);
        using PosixSignalRegistration terminate = EndOn(PosixSignal.SIGTERM, stop);
        var rows = new List<TapRow>();
        try
        {
            for (int i = 0; i < Scenarios.Length; i++)
            {
                Measure(Scenarios[i], i, rows, stop.Token);
            }
        }
        catch (IOException e) when (stop.IsCancellationRequested)
        {
            // Ctrl-C reaches the programs that make namespaces, too: that they failed is then no news.
            throw new OperationCanceledException(e.Message, e, stop.Token);
        }

        return rows;
    }

    private static PosixSignalRegistration EndOn(PosixSignal signal, CancellationTokenSource stop) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            stop.Cancel();
        });

    private void Measure(BenchScenario scenario, int number, List<TapRow> rows, CancellationToken stop)
    {
        string name = scenario.ToString().ToLowerInvariant();
        (string What, Func<TapLab, IEnumerable<TapRow>> Run)[] steps =
        [
            ("warming up", lab => WarmUp(lab, stop)),
            ("TCP, one stream", lab => [new(name, "TCP, one stream", TapStreams.GigabitsPerSecond(lab, _seconds, stop), "Gbit/s")]),
            ("UDP, 64-byte frames", lab =>
                [new(name, "UDP, 64-byte frames, at most 0.5 % lost", TapDatagrams.HighestRate(lab, stop) / 1e3, "kpps")]),
            ("TCP connections", lab =>
                [new(name, "TCP connections opened and closed", TapStreams.ConnectionsPerSecond(lab, _seconds, stop), "1/s")]),
            ("UDP round trip", lab => RoundTrip(lab, name, stop)),
        ];
        using var lab = new TapLab(scenario);
        for (int i = 0; i < steps.Length; i++)
        {
            stop.ThrowIfCancellationRequested();
            _progress($"{name}: {steps[i].What}", (number + ((double)i / steps.Length)) / Scenarios.Length);
            try
            {
                rows.AddRange(steps[i].Run(lab));
            }
            catch (Exception e) when (e is SocketException or AggregateException)
            {
                throw new IOException($"{name}, {steps[i].What}: nothing gets through: {e.GetBaseException().Message}", e);
            }

            if (lab.Failure is Exception failure)
            {
                throw new IOException($"a worker failed, which is an error of ours: {failure.Message}", failure);
            }
        }

        stop.ThrowIfCancellationRequested();
    }

    /// <summary>Both ends learn each other's MAC, and what is compiled while it runs is compiled.</summary>
    private IEnumerable<TapRow> WarmUp(TapLab lab, CancellationToken stop)
    {
        TapStreams.GigabitsPerSecond(lab, _seconds / 2, stop);
        TapStreams.ConnectionsPerSecond(lab, _seconds / 2, stop);
        return [];
    }

    private IEnumerable<TapRow> RoundTrip(TapLab lab, string name, CancellationToken stop)
    {
        (double p50, double p99) = TapDatagrams.RoundTripUs(lab, _seconds / 2, stop);
        return [new(name, "UDP round trip, median", p50, "us"), new(name, "UDP round trip, 99th percentile", p99, "us")];
    }
}
