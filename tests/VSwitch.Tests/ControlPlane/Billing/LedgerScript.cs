using System.Globalization;
using VSwitch.ControlPlane.Billing;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.State;

namespace VSwitch.Tests.ControlPlane.Billing;

/// <summary>A ledger written by hand, at times of Shanghai, and bills of it.</summary>
internal sealed class LedgerScript
{
    /// <summary>JD Cloud's price list for cn-north-1, as its public documents have it.</summary>
    public const string JdPrices = """
        billing:
          timeZone: Asia/Shanghai
          prices:
            monthly: { perMbps: [{ upTo: 2Mbps, price: 23 }, { upTo: 4Mbps, price: 25 }, { upTo: 5Mbps, price: 29 }, { price: 80 }] }
            bandwidth: { perMbpsHour: [{ upTo: 1Mbps, price: 0.06 }, { upTo: 5Mbps, price: 0.04 }, { price: 0.14 }] }
            traffic: { perGB: 0.80, retentionPerDay: 0.48 }
        """;

    private readonly Dictionary<string, UsageCounts> _counted = new(StringComparer.Ordinal);
    private readonly Dictionary<string, EipTerms> _terms = new(StringComparer.Ordinal);
    private UsageLedger? _ledger;

    public LedgerScript(IStateFiles? files = null, LedgerLimits? limits = null)
    {
        (Files, Limits) = (files ?? new MemoryLedgerFiles(), limits);
    }

    public IStateFiles Files { get; }

    public LedgerLimits? Limits { get; }

    public UsageLedger Ledger => _ledger!;

    public static BillingCalendar Calendar { get; } = BillingCalendar.TryFind("Asia/Shanghai")!;

    public static BillingConfig Prices(string yaml) => ConfigReader.Parse("prices", yaml).Config!.Billing;

    /// <summary>2017-08-02 10:30:00 of Shanghai.</summary>
    public static long At(string text) => new DateTimeOffset(
        DateTime.ParseExact(text, ["yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd"], CultureInfo.InvariantCulture), TimeSpan.FromHours(8)).ToUnixTimeSeconds();

    public static EipTerms Eip(BillingType billing, long? mbps, string name = "eip", string? target = "eni vm") =>
        new(name, "203.0.113.10", target, mbps * 1_000_000, billing);

    /// <summary>A process begins with the EIPs that there are.</summary>
    public LedgerScript Begin(string at, params EipTerms[] more)
    {
        _counted.Clear();
        foreach (EipTerms terms in more)
        {
            _terms[terms.Name] = terms;
        }

        _ledger = UsageLedger.Open(Files, Calendar, Limits);
        _ledger.Begin(At(at), "test", [.. _terms.Values]);
        return this;
    }

    /// <summary>An EIP carries bytes, one packet each thousand.</summary>
    public LedgerScript Carry(long sent, long received = 0, long dropped = 0, string name = "eip")
    {
        _counted[name] = _counted.GetValueOrDefault(name) +
            new UsageCounts(new UsageWay(sent / 1000, sent, dropped / 1000, dropped), new UsageWay(received / 1000, received, 0, 0));
        return this;
    }

    public LedgerScript Sample(string at)
    {
        Ledger.Sample(At(at), _counted);
        return this;
    }

    public LedgerScript Set(string at, EipTerms terms)
    {
        _terms[terms.Name] = terms;
        Ledger.Change(At(at), [.. _terms.Values], _counted);
        return this;
    }

    public LedgerScript Release(string at, string name = "eip")
    {
        _terms.Remove(name);
        Ledger.Change(At(at), [.. _terms.Values], _counted);
        _counted.Remove(name);
        return this;
    }

    public LedgerScript Close(string at)
    {
        Ledger.Close(At(at), _counted);
        Ledger.Dispose();
        return this;
    }

    /// <summary>The process is killed: what it did not write is gone.</summary>
    public LedgerScript Kill()
    {
        Ledger.Dispose();
        return this;
    }

    public UsageHistory History(string from = "2010-01-01") => UsageHistory.Of(UsageReader.Read(Files, At(from), []));

    public Bill Bill(string month, string now, string prices = JdPrices, string? eip = null) =>
        new BillMaker(Prices(prices)).Make(History(month + "-01"), BillingCalendar.ParseMonth(month)!.Value, At(now), eip);

    /// <summary>The lines of the first EIP's bill, in words.</summary>
    public static IEnumerable<string> Lines(Bill bill) => bill.Eips.SelectMany(e => e.Lines).Select(l => string.Create(
        CultureInfo.InvariantCulture,
        $"{l.From:MM-dd HH:mm:ss} {l.To:MM-dd HH:mm:ss}{(l.IsOpen ? "*" : "")} {l.Item} {l.Quantity:0.######} {l.Unit} x {l.UnitPrice:0.######} = {l.Amount}"));
}
