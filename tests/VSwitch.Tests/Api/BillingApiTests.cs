using System.Text.Json;
using VSwitch.Api;
using Xunit;

namespace VSwitch.Tests.Api;

/// <summary>GET /v1/bill and /v1/usage of a switch at work, and what its changes mean to them.</summary>
public sealed class BillingApiTests : IDisposable
{
    private const string Prices = """
        billing: { timeZone: Asia/Shanghai, prices: { bandwidth: { perMbpsHour: 0.06 }, traffic: { perGB: 0.8, retentionPerDay: 0.48 } } }
        """;

    private readonly ApiHost _api = new();

    public void Dispose() => _api.Dispose();

    /// <summary>Bills are accurate to the second: of what began in this one there is nothing to say yet.</summary>
    private void AwaitNextSecond()
    {
        long begun = _api.Usage.Now;
        Assert.True(SpinWait.SpinUntil(() => _api.Usage.Now > begun, TimeSpan.FromSeconds(30)), "the clock goes on");
    }

    [Fact]
    public void The_bill_has_every_eip_with_what_it_costs_so_far()
    {
        _api.Client.Send(HttpMethod.Put, "/v1/config", ApiHost.Yaml + "\n" + Prices, "application/yaml");
        AwaitNextSecond();
        JsonElement bill = _api.Get("/v1/bill");
        Assert.Equal(("CNY", "Asia/Shanghai"), (bill.GetProperty("currency").GetString(), bill.GetProperty("timeZone").GetString()));
        JsonElement[] eips = [.. bill.GetProperty("eips").EnumerateArray()];
        Assert.Equal(["e1", "e2"], eips.Select(e => e.GetProperty("name").GetString()));

        // Of an EIP that is not bound the address costs all the same.
        JsonElement retention = eips[1].GetProperty("lines").EnumerateArray().First(l => l.GetProperty("item").GetString() == "retention");
        Assert.Equal((0.48m, "day", true), (retention.GetProperty("amount").GetDecimal(), retention.GetProperty("unit").GetString(), retention.GetProperty("open").GetBoolean()));
        Assert.Equal("e2", Assert.Single(_api.Get("/v1/bill?eip=e2").GetProperty("eips").EnumerateArray().ToArray()).GetProperty("name").GetString());
    }

    [Fact]
    public void A_change_of_an_eip_begins_a_line_and_a_removed_one_stays_on_the_bill()
    {
        _api.Client.Send(HttpMethod.Patch, "/v1/elastic-ips/e2", """{ "bandwidth": "9Mbps" }""");
        AwaitNextSecond();
        _api.Client.Send(HttpMethod.Delete, "/v1/elastic-ips/e2");
        JsonElement gone = _api.Get("/v1/bill?eip=e2").GetProperty("eips")[0];
        Assert.Equal(JsonValueKind.String, gone.GetProperty("releasedAt").ValueKind);
    }

    [Theory]
    [InlineData("/v1/bill?month=2026-13", 400, "write it like 2026-11")]
    [InlineData("/v1/bill?month=november", 400, "write it like 2026-11")]
    [InlineData("/v1/bill?eip=nobody", 404, "no elastic IP 'nobody'")]
    [InlineData("/v1/usage?per=year", 400, "is not hour, day or month")]
    [InlineData("/v1/usage?eip=nobody", 404, "no elastic IP 'nobody'")]
    public void What_is_asked_wrongly_is_refused(string path, int status, string detail)
    {
        ApiException e = Assert.Throws<ApiException>(() => _api.Get(path));
        Assert.Equal(status, e.Status);
        Assert.Contains(detail, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Usage_of_a_month_without_traffic_is_an_empty_list()
    {
        JsonElement usage = _api.Get("/v1/usage?month=2026-01&per=day");
        Assert.Equal(("2026-01", "day", 0), (usage.GetProperty("month").GetString(), usage.GetProperty("per").GetString(), usage.GetProperty("usage").GetArrayLength()));
    }

    [Fact]
    public void Metrics_say_how_the_ledger_fares()
    {
        string text = _api.Client.GetText("/metrics");
        Assert.Contains("\nvswitch_usage_ledger_up 1", text, StringComparison.Ordinal);
        Assert.Contains("\nvswitch_usage_ledger_write_errors_total 0", text, StringComparison.Ordinal);
        Assert.Contains("\nvswitch_usage_ledger_last_write_timestamp_seconds ", text, StringComparison.Ordinal);
    }
}
