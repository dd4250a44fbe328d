using System.CommandLine;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Spectre.Console;
using VSwitch.Api;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Plan;
using VSwitch.Live;

namespace VSwitch.Commands;

/// <summary>vswitch apply: puts a configuration in force in a running switch, and says before what that changes.</summary>
internal static class ApplyCommand
{
    private const string Path = "/v1/config";

    private sealed record Settings(string Config, bool DryRun, bool Json, bool Yes, int MostItems);

    public static Command Create()
    {
        Argument<string> config = CommandLine.ConfigArgument();
        var dryRun = new Option<bool>("--dry-run") { Description = "only say what would change, and which live connections would be lost" };
        var yes = new Option<bool>("--yes") { Description = "do not ask when live connections would be lost; without a terminal nobody is asked" };
        Option<bool> json = CommandLine.JsonOption();
        var api = new ApiOptions();
        var command = new Command("apply", "Change a running switch into what CONFIG says: all of it, or nothing. --verbose lists every item of long lists.\n\n" +
            "Example: vswitch apply lab.yaml --dry-run") { config, dryRun, yes, json };
        api.AddTo(command);
        command.SetAction(parsed =>
        {
            var settings = new Settings(
                parsed.GetValue(config)!, parsed.GetValue(dryRun), parsed.GetValue(json), parsed.GetValue(yes),
                CommandLine.IsVerbose(parsed) ? int.MaxValue : PlanText.MostItems);
            return Run(settings, () => api.Connect(parsed));
        });
        return command;
    }

    private static int Run(Settings settings, Func<ApiClient> connect)
    {
        // What this program can say of the file needs no switch.
        if (CommandLine.ReadConfig(settings.Config) == null)
        {
            return CommandLine.WrongUsage;
        }

        string text = File.ReadAllText(settings.Config);
        using ApiClient client = connect();
        try
        {
            return Apply(settings, client, text);
        }
        catch (ApiException e) when (e.Status is StatusCodes.Status400BadRequest or StatusCodes.Status422UnprocessableEntity)
        {
            foreach (string line in ErrorsOf(settings.Config, e))
            {
                Console.Error.WriteLine(line);
            }

            return CommandLine.WrongUsage;
        }
        catch (ApiException e) when (e.Status == StatusCodes.Status412PreconditionFailed)
        {
            throw new IOException("somebody else has changed the switch meanwhile, so nothing was applied: look at the plan again", e);
        }
    }

    private static int Apply(Settings settings, ApiClient client, string text)
    {
        ChangeDocument plan = CommandLine.ReadJson<ChangeDocument>(client.Send(HttpMethod.Put, Path + "?dryRun=true", text, "application/yaml"));
        bool isDone = settings.DryRun || plan.Changes.Count == 0;
        if (!settings.Json)
        {
            Print(plan, settings.MostItems);
        }

        if (!isDone && !settings.Json && !settings.Yes && plan.Connections?.Lost > 0 && !IsConfirmed(plan.Connections.Lost))
        {
            Console.Error.WriteLine("vswitch: nothing was changed");
            return CommandLine.Failed;
        }

        ChangeDocument result = isDone ? plan : CommandLine.ReadJson<ChangeDocument>(
            client.Send(HttpMethod.Put, Path, text, "application/yaml", ifMatch: ChangeAnswers.TagOf(plan.Revision)));
        if (settings.Json)
        {
            CommandLine.WriteJson(result);
        }
        else if (!settings.DryRun)
        {
            Console.Out.WriteLine(result.Changed ? $"Applied: revision {result.Revision} is in force." : $"Revision {result.Revision} stays in force.");
        }

        return CommandLine.Done;
    }

    private static void Print(ChangeDocument plan, int mostItems)
    {
        if (plan.Changes.Count == 0)
        {
            Console.Out.WriteLine("Plan: nothing to change");
            return;
        }

        bool isColoured = AnsiConsole.Profile.Capabilities.Ansi && !Console.IsOutputRedirected;
        foreach (PlanLine line in PlanText.Lines(plan.Changes, mostItems))
        {
            Console.Out.WriteLine(isColoured ? Coloured(line.Action, line.Text) : line.Text);
        }

        Console.Out.WriteLine(ConfigDiff.Summary(plan.Changes));
        if (plan.Connections is not ImpactDocument impact)
        {
            return;
        }

        foreach (string line in ConnectionLines(impact))
        {
            Console.Out.WriteLine(line);
        }
    }

    /// <summary>"Connections: 120 kept, 3 lost (security-group-ingress 3)", and the first of those that are not kept.</summary>
    internal static IEnumerable<string> ConnectionLines(ImpactDocument impact)
    {
        string moved = (impact.Rerouted > 0 ? $", {impact.Rerouted} rerouted" : "") + (impact.Reopened > 0 ? $", {impact.Reopened} reopened" : "");
        string reasons = impact.Reasons.Count > 0 ? $" ({string.Join(", ", impact.Reasons.Select(r => $"{r.Key} {r.Value}"))})" : "";
        yield return $"Connections: {impact.Kept} kept{moved}, {impact.Lost} lost{reasons}";
        foreach (AffectedConnection affected in impact.Examples)
        {
            LiveConnection c = affected.Connection;
            string fate = affected.Fate == ConnectionFate.Lost ? $"lost, {affected.Reason}" : affected.Fate.ToString().ToLowerInvariant();
            yield return $"    {c.Protocol} {End(c.Source, c.SourcePort)} > {End(c.Destination, c.DestinationPort)}  {fate}: {affected.Why}";
        }

        long more = impact.Rerouted + impact.Reopened + impact.Lost - impact.Examples.Count;
        if (more > 0)
        {
            yield return $"    and {more} more";
        }
    }

    private static string End(string address, int? port) => port == null ? address
        : address.Contains(':', StringComparison.Ordinal) ? $"[{address}]:{port}" : $"{address}:{port}";

    private static string Coloured(ChangeAction action, string text) => action switch
    {
        ChangeAction.Add => $"\e[32m{text}\e[0m",
        ChangeAction.Remove => $"\e[31m{text}\e[0m",
        _ => $"\e[33m{text}\e[0m",
    };

    private static bool IsConfirmed(long lost)
    {
        if (Console.IsInputRedirected || Console.IsOutputRedirected)
        {
            return true;
        }

        Console.Out.Write($"{lost} live connections would be lost. Apply? [y/N] ");
        return Console.In.ReadLine()?.Trim() is "y" or "Y" or "yes";
    }

    /// <summary>The switch's errors, in the places of the file that was sent.</summary>
    private static IEnumerable<string> ErrorsOf(string path, ApiException e)
    {
        using var problem = JsonDocument.Parse(e.Body.Length > 0 ? e.Body : "{}");
        if (!problem.RootElement.TryGetProperty("errors", out JsonElement errors))
        {
            return [$"{path}:1:1: {e.Message}"];
        }

        return [.. errors.EnumerateArray().Select(error => error.Deserialize<ConfigErrorDocument>(ApiJson.Compact)!)
            .Select(error => new ConfigError(path, new SourcePosition(error.Line, error.Column), error.Message).ToString())];
    }
}
