using System.CommandLine;
using VSwitch.Api;
using VSwitch.ControlPlane.Billing;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.State;
using VSwitch.Live;
using VSwitch.Show;

namespace VSwitch.Commands;

/// <summary>vswitch bill: what the elastic IPs cost in a month.</summary>
internal static class BillCommand
{
    private sealed record Request(string? Config, string? Month, string? Eip, string? State, string? Usage, bool Json);

    public static Command Create()
    {
        var config = new Argument<string?>("CONFIG")
        {
            Description = "with --usage or --state: the configuration whose price list counts; with --state the default is the state's own",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var month = new Option<string?>("--month") { Description = "the month, like 2026-11; default: this one", HelpName = "YYYY-MM" };
        var eip = new Option<string?>("--eip") { Description = "only this elastic IP", HelpName = "NAME" };
        var state = new Option<string?>("--state") { Description = "read a state folder (run --state) instead of asking a running switch", HelpName = "DIR" };
        var usage = new Option<string?>("--usage") { Description = "read a usage ledger (replay --usage); needs CONFIG", HelpName = "DIR" };
        Option<bool> json = CommandLine.JsonOption();
        var api = new ApiOptions();
        var command = new Command("bill", "The itemised bill of a month: what each elastic IP costs by the price list of the configuration.\n\n" +
            "Example: vswitch bill --month 2026-11 --eip eip-1\n" +
            "Example: vswitch bill --month 2026-11 --state /var/lib/vswitch --json\n" +
            "Example: vswitch bill lab.yaml --usage out/usage --month 2017-08") { config, month, eip, state, usage, json };
        api.AddTo(command);
        command.SetAction(parsed =>
        {
            var request = new Request(
                parsed.GetValue(config), parsed.GetValue(month), parsed.GetValue(eip), parsed.GetValue(state), parsed.GetValue(usage), parsed.GetValue(json));
            Check(request, api.AddressOf(parsed) != null);
            return request.State == null && request.Usage == null ? Ask(api.Connect(parsed), request) : ReadFolder(request);
        });
        return command;
    }

    private static void Check(Request request, bool hasApi)
    {
        if (request.Month != null && BillingCalendar.ParseMonth(request.Month) == null)
        {
            throw new ArgumentException($"--month {request.Month}: write a year and a month, like 2026-11");
        }

        if (new[] { hasApi, request.State != null, request.Usage != null }.Count(given => given) > 1)
        {
            throw new ArgumentException("one of --api, --state and --usage");
        }

        if (request.Usage != null && request.Config == null)
        {
            throw new ArgumentException("--usage needs the CONFIG with the price list");
        }

        if (request.Config != null && request.Usage == null && request.State == null)
        {
            throw new ArgumentException("CONFIG goes with --usage or --state; a running switch bills by the price list in force");
        }
    }

    private static int Ask(ApiClient client, Request request)
    {
        using (client)
        {
            string[] query =
            [
                .. request.Month == null ? (string[])[] : [$"month={request.Month}"],
                .. request.Eip == null ? (string[])[] : [$"eip={Uri.EscapeDataString(request.Eip)}"],
            ];
            string text = client.GetText("/v1/bill" + (query.Length == 0 ? "" : "?" + string.Join('&', query)));
            Print(CommandLine.ReadJson<BillDocument>(text), request);
            return CommandLine.Done;
        }
    }

    /// <summary>Only reads; the switch that writes there may be running.</summary>
    private static int ReadFolder(Request request)
    {
        string folder = request.Usage ?? Path.Combine(request.State!, UsageService.FolderName);
        if (!Directory.Exists(folder))
        {
            throw new IOException($"there is no usage ledger in {request.Usage ?? request.State}");
        }

        if (PricesOf(request) is not BillingConfig prices)
        {
            return CommandLine.WrongUsage;
        }

        var maker = new BillMaker(prices);
        long now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        DateOnly month = request.Month == null ? maker.Calendar.MonthOf(now) : BillingCalendar.ParseMonth(request.Month)!.Value;
        using var files = new StateFolder(folder);
        var notes = new List<string>();
        var history = UsageHistory.Of(UsageReader.Read(files, maker.RangeOf(month).From, notes));
        if (request.Eip != null && history.Eips.All(e => e.Name != request.Eip))
        {
            throw new IOException($"the usage ledger in {folder} knows no elastic IP '{request.Eip}'");
        }

        Print(BillDocument.Of(maker.Make(history, month, now, request.Eip, notes)), request);
        return CommandLine.Done;
    }

    private static BillingConfig? PricesOf(Request request)
    {
        if (request.Config != null)
        {
            return CommandLine.ReadConfig(request.Config)?.Billing;
        }

        using var files = new StateFolder(request.State!);
        StateDocument state = StateStore.ReadDocument(files) ?? throw new IOException($"state folder {request.State} has no state");
        ConfigResult result = ConfigReader.Parse($"revision {state.Revision}", state.Text);
        return result.Config?.Billing ?? throw new StateException(
            $"state folder {request.State}: this version does not take the configuration of revision {state.Revision}: {result.Errors[0].Message}");
    }

    private static void Print(BillDocument bill, Request request)
    {
        if (request.Json)
        {
            CommandLine.WriteJson(bill);
        }
        else
        {
            BillTable.Print(bill);
        }
    }
}
