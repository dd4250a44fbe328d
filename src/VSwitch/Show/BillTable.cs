using System.Globalization;
using Spectre.Console;
using VSwitch.Api;
using VSwitch.ControlPlane.Billing;
using VSwitch.ControlPlane.Config;

namespace VSwitch.Show;

/// <summary>A bill for people: a table an EIP, in 100 columns.</summary>
internal static class BillTable
{
    private const string TimeFormat = "MM-dd HH:mm:ss";
    private const int TimeWidth = 15;
    private const int WhatWidth = 17;
    private const int QuantityWidth = 13;
    private const int PriceWidth = 9;
    private const int AmountWidth = 12;

    /// <summary>Writes it to standard output.</summary>
    public static void Print(BillDocument bill)
    {
        bool isRunning = bill.AsOf < bill.To;
        Console.Out.WriteLine(Text($"Bill of {bill.Month} ({bill.TimeZone}) in {bill.Currency}{(isRunning ? Text($", as of {bill.AsOf:yyyy-MM-dd HH:mm:ss}") : "")}"));
        foreach (BillEipDocument eip in bill.Eips)
        {
            Console.Out.WriteLine();
            Console.Out.WriteLine(Text($"{eip.Name}  {eip.Address}  {LifeOf(eip, bill)}"));
            AnsiConsole.Write(TableOf(eip));
            Console.Out.WriteLine(Text(
                $"  carried {HumanText.Bytes(eip.Sent.Bytes)} out and {HumanText.Bytes(eip.Received.Bytes)} in; over the bandwidth, not billed, {HumanText.Bytes(eip.Sent.DroppedBytes)} out and {HumanText.Bytes(eip.Received.DroppedBytes)} in"));
        }

        Console.Out.WriteLine();
        Console.Out.WriteLine(Text($"Total {bill.Currency} {bill.Total}{(bill.Unpriced > 0 ? Text($", and {bill.Unpriced} {(bill.Unpriced == 1 ? "line" : "lines")} without a price") : "")}"));
        if (bill.Eips.Any(e => e.Lines.Any(l => l.Open)))
        {
            Console.Out.WriteLine("* goes on: the amount is that until now");
        }

        foreach (string note in bill.Notes)
        {
            Console.Out.WriteLine($"Note: {note}");
        }
    }

    private static string LifeOf(BillEipDocument eip, BillDocument bill)
    {
        string[] words =
        [
            .. eip.AllocatedAt >= bill.From ? (string[])[Text($"allocated {eip.AllocatedAt:MM-dd HH:mm:ss}")] : [],
            .. eip.ReleasedAt is DateTimeOffset end && end <= bill.To ? (string[])[Text($"released {end:MM-dd HH:mm:ss}")] : [],
        ];
        return string.Join(", ", words);
    }

    private static Table TableOf(BillEipDocument eip)
    {
        Table table = new Table().Border(TableBorder.Horizontal)
            .AddColumn(new TableColumn("from").Width(TimeWidth).NoWrap()).AddColumn(new TableColumn("to").Width(TimeWidth).NoWrap())
            .AddColumn(new TableColumn("for").Width(WhatWidth))
            .AddColumn(new TableColumn("quantity").Width(QuantityWidth).RightAligned().NoWrap())
            .AddColumn(new TableColumn("price").Width(PriceWidth).RightAligned().NoWrap())
            .AddColumn(new TableColumn("amount").Width(AmountWidth).RightAligned().NoWrap());
        foreach (BillLineDocument line in eip.Lines)
        {
            bool isPackage = line.Item is BillItem.Package or BillItem.Raise;
            DateTimeOffset to = isPackage ? line.To.AddSeconds(-1) : line.To;
            table.AddRow(
                line.From.ToString(TimeFormat, CultureInfo.InvariantCulture),
                to.ToString(TimeFormat, CultureInfo.InvariantCulture) + (line.Open && !isPackage ? "*" : ""),
                Markup.Escape(WhatOf(line)), Text($"{line.Quantity:0.######} {line.Unit}"), line.UnitPrice is decimal price ? Text($"{price:0.00######}") : "-",
                line.Amount is decimal amount ? Text($"{amount}") : "no price");
        }

        return table.AddRow("", "", "", "", "subtotal", Text($"{eip.Subtotal}"));
    }

    private static string WhatOf(BillLineDocument line)
    {
        string bandwidth = line.Bandwidth is long rate ? " " + ConfigText.Rate(rate) : line.Item is BillItem.Traffic or BillItem.Retention ? "" : " no limit";
        return line.Item switch
        {
            BillItem.Package => $"package{bandwidth}",
            BillItem.Raise => $"raised to{bandwidth}",
            BillItem.Bandwidth => $"bandwidth{bandwidth}",
            BillItem.Retention => "retention",
            _ => "traffic out",
        };
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
