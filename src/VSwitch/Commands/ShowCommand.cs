using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Spectre.Console;
using VSwitch.Api;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Show;

namespace VSwitch.Commands;

/// <summary>vswitch show: asks a running switch; the catalogue of drop reasons needs none.</summary>
internal static class ShowCommand
{
    private const int MaxWatchSeconds = 86_400;

    private sealed record Request(ShowSubject Subject, string Path, bool IsOne, bool Json, int? WatchSeconds);

    public static Command Create()
    {
        var unknown = new Argument<string?>("SUBJECT") { Arity = ArgumentArity.ZeroOrOne, Hidden = true };
        var show = new Command("show", "Ask a running switch.\n\nExample: vswitch show ports") { unknown };
        foreach (ShowSubject subject in ShowSubject.All)
        {
            show.Subcommands.Add(Subcommand(subject));
        }

        show.SetAction(parsed => Refuse(parsed.GetValue(unknown)));
        return show;
    }

    private static int Refuse(string? subject)
    {
        string asked = subject == null ? "show what?" : $"there is no '{subject}' to show";
        throw new ArgumentException($"{asked}: one of {string.Join(", ", ShowSubject.All.Select(s => s.Name))}");
    }

    private static Command Subcommand(ShowSubject subject)
    {
        var api = new ApiOptions();
        Option<bool> json = CommandLine.JsonOption();
        json.Description = "the API's document as it is";
        var watch = new Option<int?>("--watch") { Description = "again every N seconds, with rates, until Ctrl-C", HelpName = "N" };
        var name = new Argument<string?>("NAME") { Arity = ArgumentArity.ZeroOrOne, Description = "one of them, with all that there is of it" };
        var all = new Option<bool>("--all") { Description = "also reasons without a drop; without a running switch the catalogue" };
        var filter = new Option<string?>("--filter") { Description = "only those, e.g. 'eni vm1 and tcp and l4port 443'" };
        var limit = new Option<int?>("--limit") { Description = "at most so many", HelpName = "N" };
        var sort = new Option<string?>("--sort") { Description = "largest first: bytes, packets or age" };
        var command = new Command(subject.Name, $"{subject.Summary}\n\nExample: {ExampleOf(subject)}") { json, watch };
        bool isFlows = subject.Name == "flows";
        bool isDrops = subject.Name == "drops";
        if (subject.HasNames)
        {
            command.Arguments.Add(name);
        }

        foreach (Option option in isFlows ? [filter, limit, sort] : isDrops ? [all] : (Option[])[])
        {
            command.Options.Add(option);
        }

        api.AddTo(command);
        command.SetAction(parsed =>
        {
            string? one = subject.HasNames ? parsed.GetValue(name) : null;
            bool wantsAll = isDrops && parsed.GetValue(all);
            string query = isFlows ? Query(("filter", parsed.GetValue(filter)), ("limit", LimitOf(parsed.GetValue(limit))), ("sort", parsed.GetValue(sort)))
                : Query(("all", wantsAll ? "true" : null));
            string path = subject.Path + (one != null ? "/" + Uri.EscapeDataString(one) : "") + query;
            var request = new Request(wantsAll ? subject.WithSentences() : subject, path, one != null, parsed.GetValue(json), WatchOf(parsed.GetValue(watch)));
            return wantsAll && api.AddressOf(parsed) == null ? DropsOrCatalogue(request) : Show(api.Connect(parsed), request);
        });
        return command;
    }

    private static string ExampleOf(ShowSubject subject) => subject.Name switch
    {
        "flows" => "vswitch show flows --filter 'eni vm1 and tcp' --sort bytes --limit 20",
        "drops" => "vswitch show drops --all",
        "enis" => "vswitch show enis vm1",
        "groups" => "vswitch show groups web",
        "config" => "vswitch show config --json >now.json",
        "ports" or "workers" => $"vswitch show {subject.Name} --watch 2",
        _ => $"vswitch show {subject.Name} --json",
    };

    private static string? LimitOf(int? limit) => limit is < 1
        ? throw new ArgumentException($"--limit {limit}: at least 1") : limit?.ToString(CultureInfo.InvariantCulture);

    private static int? WatchOf(int? seconds) => seconds is < 1 or > MaxWatchSeconds
        ? throw new ArgumentException($"--watch {seconds}: from 1 to {MaxWatchSeconds} seconds") : seconds;

    private static string Query(params (string Name, string? Value)[] parts)
    {
        string[] given = [.. parts.Where(p => p.Value != null).Select(p => $"{p.Name}={Uri.EscapeDataString(p.Value!)}")];
        return given.Length == 0 ? "" : "?" + string.Join('&', given);
    }

    private static int Show(ApiClient client, Request request)
    {
        using (client)
        {
            using var stop = new CancellationTokenSource();
            using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context =>
            {
                context.Cancel = true;
                stop.Cancel();
            });
            var table = new ShowTable(request.Subject, TimeProvider.System);
            try
            {
                Print(client.GetText(request.Path, stop.Token), table, request);
                while (request.WatchSeconds is int seconds && !stop.Token.WaitHandle.WaitOne(TimeSpan.FromSeconds(seconds)))
                {
                    Print(client.GetText(request.Path, stop.Token), table, request);
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return CommandLine.Interrupted;
            }

            return stop.IsCancellationRequested ? CommandLine.Interrupted : CommandLine.Done;
        }
    }

    private static void Print(string text, ShowTable table, Request request)
    {
        if (request.Json)
        {
            Console.Out.WriteLine(text.TrimEnd());
            return;
        }

        using var document = JsonDocument.Parse(text);
        if (request.Subject.Name == "config")
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(document.RootElement, ApiJson.Indented));
            return;
        }

        Spectre.Console.Rendering.IRenderable shown = table.Render(document.RootElement.Clone(), request.IsOne, request.WatchSeconds != null);
        if (request.WatchSeconds != null && !Console.IsOutputRedirected)
        {
            AnsiConsole.Clear();
        }

        AnsiConsole.Write(shown);
        if (shown is Text)
        {
            Console.Out.WriteLine();
        }
    }

    /// <summary>With the counts of the switch that runs at the usual place; without one, the catalogue alone.</summary>
    private static int DropsOrCatalogue(Request request)
    {
        if (ApiAddress.Default() != null)
        {
            try
            {
                return Show(ApiClient.Connect(null, null), request);
            }
            catch (ApiException e) when (e.Status == 0)
            {
                // No switch runs; what the reasons mean is the same without one.
            }
        }

        DropReason[] reasons = [.. DropReasons.All.ToArray().Where(r => r != DropReason.None)];
        if (request.Json)
        {
            CommandLine.WriteJson(reasons.Select(r => new { Name = r.Name(), Sentence = r.Sentence() }));
            return CommandLine.Done;
        }

        Table table = new Table().Border(TableBorder.Rounded).AddColumns("reason", "means");
        foreach (DropReason reason in reasons)
        {
            table.AddRow(reason.Name(), reason.Sentence());
        }

        AnsiConsole.Write(table);
        return CommandLine.Done;
    }
}
