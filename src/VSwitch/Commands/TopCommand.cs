using System.CommandLine;
using System.Runtime.InteropServices;
using VSwitch.Api;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Filters;
using VSwitch.Top;

namespace VSwitch.Commands;

/// <summary>vswitch top: a running switch at a glance, live.</summary>
internal static class TopCommand
{
    private const int CellsOfAFile = 160;
    private static readonly TimeSpan LeastInterval = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan MostInterval = TimeSpan.FromHours(1);

    public static Command Create()
    {
        var api = new ApiOptions();
        var interval = new Option<string>("--interval") { Description = "time between two looks: 500ms, 1s, 1m", HelpName = "TIME", DefaultValueFactory = _ => "1s" };
        var once = new Option<bool>("--once") { Description = "two looks an interval apart, printed; needs no terminal" };
        var filter = new Option<string?>("--filter") { Description = "only those, e.g. 'eni vm1 and tcp and l4port 443'", HelpName = "WORDS" };
        Option<bool> json = CommandLine.JsonOption();
        json.Description = "as --once, one JSON document on standard output";
        var command = new Command(
            "top",
            "Watch a running switch: ports with rates, workers with load, drops with the last packet of each reason, the fastest connections.\n" +
            "Keys: q quit, s sort, / filter, p pause, tab and 1-4 sections, arrows scroll, ? help.\n\nExample: vswitch top --interval 500ms")
        {
            interval, once, filter, json,
        };
        api.AddTo(command);
        command.SetAction(parsed =>
        {
            TimeSpan time = IntervalOf(parsed.GetValue(interval)!);
            PacketFilter words = FilterOf(parsed.GetValue(filter));
            using ApiClient client = api.Connect(parsed);
            return parsed.GetValue(once) || parsed.GetValue(json) ? Once(client, time, words, parsed.GetValue(json)) : Watch(client, time, words);
        });
        return command;
    }

    private static TimeSpan IntervalOf(string text) => ConfigValues.Duration(text) is TimeSpan time && time >= LeastInterval && time <= MostInterval
        ? time : throw new ArgumentException($"--interval {text}: a time from 100ms to 1h, like 500ms, 1s, 1m");

    private static PacketFilter FilterOf(string? text) => PacketFilter.TryParse(text ?? "", out PacketFilter filter, out string? error)
        ? filter : throw new ArgumentException($"--filter: {error}");

    private static int Watch(ApiClient client, TimeSpan interval, PacketFilter filter)
    {
        using var terminal = Terminal.Open();
        using var session = new TopSession(client, terminal, interval, filter);
        return session.Run();
    }

    private static int Once(ApiClient client, TimeSpan interval, PacketFilter filter, bool json)
    {
        using var stop = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
        {
            context.Cancel = true;
            stop.Cancel();
        });
        var poll = new TopPoll(client);
        try
        {
            var samples = TopSamples.Next(null, poll.Ask(filter, stop.Token));
            if (!stop.Token.WaitHandle.WaitOne(interval))
            {
                samples = TopSamples.Next(samples, poll.Ask(filter, stop.Token));
                Print(TopModel.Of(samples, filter, default), filter, json);
                return CommandLine.Done;
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Said by the exit code.
        }

        return CommandLine.Interrupted;
    }

    private static void Print(TopModel model, PacketFilter filter, bool json)
    {
        if (json)
        {
            CommandLine.WriteJson(model);
            return;
        }

        foreach (string line in TopScreen.Print(model, new TopState { Filter = filter }, Console.IsOutputRedirected ? CellsOfAFile : Terminal.Size.Cells))
        {
            Console.Out.WriteLine(line);
        }
    }
}
