using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using VSwitch.Api;
using VSwitch.Commands;
using VSwitch.ControlPlane.Filters;

namespace VSwitch.Top;

/// <summary>The live view at work: one thread asks the switch, one reads keys, signals come as they come; this one alone keeps the
/// state and draws.</summary>
internal sealed class TopSession : IDisposable
{
    private static readonly TimeSpan LeastPatience = TimeSpan.FromSeconds(5);
    private readonly BlockingCollection<TopEvent> _events = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly AutoResetEvent _askNow = new(false);
    private readonly List<PosixSignalRegistration> _signals = [];
    private readonly ApiClient _client;
    private readonly Terminal _terminal;
    private readonly TimeSpan _interval;
    private readonly bool _hasColor = string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
    private TopState _state;
    private TopSamples? _samples;
    private TopSamples? _shown;
    private TopExtent _extent;
    private string? _notice;
    private volatile PacketFilter _filter;

    /// <summary>Makes it; nothing is drawn yet.</summary>
    /// <param name="client">The switch.</param>
    /// <param name="terminal">Where to draw.</param>
    /// <param name="interval">Time between two pictures.</param>
    /// <param name="filter">The filter to begin with.</param>
    public TopSession(ApiClient client, Terminal terminal, TimeSpan interval, PacketFilter filter)
    {
        _state = new TopState { Filter = filter };
        _filter = filter;
        _client = client;
        _terminal = terminal;
        _interval = interval;
    }

    private enum TopSignal
    {
        Redraw,
        Interrupted,
        Continued,
        TerminalGone,
    }

    /// <summary>One of its members.</summary>
    private readonly record struct TopEvent(
        TopSnapshot? Snapshot = null, string? Error = null, IReadOnlyList<TopKey>? Keys = null, TopSignal? Signal = null, Exception? Failure = null);

    /// <summary>Runs until the user quits or a signal ends it.</summary>
    /// <returns>Exit code.</returns>
    /// <exception cref="ApiException">No switch answers at the start.</exception>
    public int Run()
    {
        var poll = new TopPoll(_client);
        TakeIn(poll.Ask(_filter, _stop.Token));
        Register();
        _terminal.Enter();
        try
        {
            Begin("top: switch", () => AskAgainAndAgain(poll));
            Begin("top: keys", ReadKeys);
            return Loop();
        }
        catch (Exception e) when (e is not IOException)
        {
            // An error that nobody takes would end the process at once, with the terminal as it is now.
            throw new IOException($"top ended by an error of its own: {e.Message}", e);
        }
        finally
        {
            _stop.Cancel();
            _terminal.Leave();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _signals.ForEach(s => s.Dispose());

    private int Loop()
    {
        while (true)
        {
            Draw();
            TopEvent next = _events.Take();
            do
            {
                if (next.Failure != null)
                {
                    throw new IOException($"top ended by an error of its own: {next.Failure.Message}", next.Failure);
                }

                if (next.Signal is TopSignal.Interrupted or TopSignal.TerminalGone)
                {
                    return CommandLine.Interrupted;
                }

                Take(next);
            }
            while (!_state.IsOver && _events.TryTake(out next));

            if (_state.IsOver)
            {
                return CommandLine.Done;
            }
        }
    }

    private void Take(TopEvent next)
    {
        if (next.Snapshot != null)
        {
            TakeIn(next.Snapshot);
        }
        else if (next.Error != null)
        {
            _notice = next.Error;
        }
        else if (next.Signal == TopSignal.Continued)
        {
            _terminal.Enter();
        }

        foreach (TopKey key in next.Keys ?? [])
        {
            _state = _state.After(key, _extent);
        }

        _shown = _state.IsPaused ? _shown ?? _samples : _samples;
        if (_state.Filter != _filter)
        {
            _filter = _state.Filter;
            _askNow.Set();
        }
    }

    private void TakeIn(TopSnapshot snapshot)
    {
        _samples = TopSamples.Next(_samples, snapshot);
        _shown = _state.IsPaused ? _shown : _samples;
        _notice = null;
    }

    private void Draw()
    {
        (int Cells, int Rows) size = Terminal.Size;
        TopModel? model = _shown == null ? null : TopModel.Of(_shown, _state.Filter, _state.Sort);
        TopPicture picture = TopScreen.Draw(model, _state, _notice, size.Cells, size.Rows);
        _extent = picture.Extent;
        _terminal.Show(picture.Lines, size, _hasColor);
    }

    private void AskAgainAndAgain(TopPoll poll)
    {
        TimeSpan patience = _interval * 2 > LeastPatience ? _interval * 2 : LeastPatience;
        while (WaitHandle.WaitAny([_askNow, _stop.Token.WaitHandle], _interval) != 1)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            limit.CancelAfter(patience);
            try
            {
                _events.Add(new TopEvent(Snapshot: poll.Ask(_filter, limit.Token)));
            }
            catch (ApiException e)
            {
                _events.Add(new TopEvent(Error: e.Status == 0 ? NoAnswer() : e.Message));
            }
            catch (OperationCanceledException) when (!_stop.IsCancellationRequested)
            {
                _events.Add(new TopEvent(Error: NoAnswer()));
            }
        }
    }

    private string NoAnswer() => $"no switch answers at {_client.Address}; trying again";

    private void ReadKeys()
    {
        while (_terminal.ReadKeys() is { Count: > 0 } keys)
        {
            _events.Add(new TopEvent(Keys: keys));
        }

        _events.Add(new TopEvent(Signal: TopSignal.TerminalGone));
    }

    /// <summary>A thread whose end by an error ends the view, with the terminal given back.</summary>
    private void Begin(string name, Action work)
    {
        var thread = new Thread(() =>
        {
            try
            {
                work();
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                // The view is over.
            }
#pragma warning disable CA1031 // Carried over to the drawing thread.
            catch (Exception e)
#pragma warning restore CA1031
            {
                _events.Add(new TopEvent(Failure: e));
            }
        })
        {
            IsBackground = true,
            Name = name,
        };
        thread.Start();
    }

    private void Register()
    {
        Debug.Assert(!OperatingSystem.IsWindows(), "the switch runs on Linux");
        On(PosixSignal.SIGWINCH, TopSignal.Redraw);
        On(PosixSignal.SIGINT, TopSignal.Interrupted);
        On(PosixSignal.SIGTERM, TopSignal.Interrupted);
        On(PosixSignal.SIGQUIT, TopSignal.Interrupted);
        On(PosixSignal.SIGHUP, TopSignal.TerminalGone);
        On(PosixSignal.SIGCONT, TopSignal.Continued);
        _signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGTSTP, context =>
        {
            context.Cancel = true;
            _terminal.Leave();
            Terminal.Suspend();
        }));
    }

    private void On(PosixSignal signal, TopSignal meaning) => _signals.Add(PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true;
        _events.Add(new TopEvent(Signal: meaning));
    }));
}
