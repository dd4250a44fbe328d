using System.Text.Json;
using VSwitch.Api;
using VSwitch.DataPlane.Pipeline;
using VSwitch.DataPlane.Workers;
using VSwitch.Trace;
using Xunit;

namespace VSwitch.Tests.Api;

/// <summary>What the API says of drops: the sums, the ports, the last packet in words and bytes.</summary>
public sealed class DropEndpointTests : IDisposable
{
    private readonly ApiHost _host = new();

    [Fact]
    public void Without_a_drop_there_is_none_and_all_lists_every_reason()
    {
        Assert.Equal("""{"drops":[]}""", _host.Client.GetText("/v1/drops"));
        JsonElement[] all = [.. _host.Get("/v1/drops?all=true").GetProperty("drops").EnumerateArray()];
        Assert.Equal(
            DropReasons.All.ToArray().Where(r => r != DropReason.None).Select(r => r.Name()), all.Select(d => d.GetProperty("reason").GetString()));
        Assert.All(all, drop => Assert.False(drop.TryGetProperty("last", out _)));
    }

    [Fact]
    public void A_drop_is_told_with_its_port_and_its_last_packet()
    {
        const string words = "tcp 10.0.1.10:40000 > 10.0.2.20:443 syn";
        byte[] frame = TracePacket.Parse(words, "one", _host.Host.Config);
        Refuse("one", frame, DropReason.NoRoute);
        Refuse("two", frame[..20], DropReason.MalformedIpv4);
        Refuse("one", frame, DropReason.MalformedIpv4);

        JsonElement[] drops = [.. _host.Get("/v1/drops").GetProperty("drops").EnumerateArray()];
        Assert.Equal(["malformed-ipv4", "no-route"], drops.Select(d => d.GetProperty("reason").GetString()));
        Assert.Equal("""{"one":1,"two":1}""", drops[0].GetProperty("ports").GetRawText());
        Assert.Equal(2, drops[0].GetProperty("count").GetInt64());
        JsonElement last = drops[1].GetProperty("last");
        Assert.Equal(words, last.GetProperty("packet").GetString());
        Assert.Equal("one", last.GetProperty("port").GetString());
        Assert.Equal(frame.Length, last.GetProperty("bytes").GetInt32());
        Assert.Equal(Convert.ToHexStringLower(frame), last.GetProperty("head").GetString());
        Assert.InRange((DateTime.UtcNow - last.GetProperty("time").GetDateTime()).TotalMinutes, 0, 5);
        Assert.Equal(DropReason.NoRoute.Sentence(), drops[1].GetProperty("sentence").GetString());
    }

    [Fact]
    public void What_is_neither_yes_nor_no_is_refused()
    {
        ApiException refused = Assert.Throws<ApiException>(() => _host.Get("/v1/drops?all=perhaps"));
        Assert.Equal(400, refused.Status);
    }

    public void Dispose() => _host.Dispose();

    /// <summary>A worker writes its own counters only, so the drop is an errand of the worker.</summary>
    private void Refuse(string port, byte[] frame, DropReason reason)
    {
        using var errand = new RefuseErrand(Array.IndexOf(_host.Host.Snapshot.PortNames, port), frame, reason);
        _host.Host.Post(0, errand);
        Assert.True(errand.Done.Wait(TimeSpan.FromSeconds(60)));
    }

    private sealed class RefuseErrand(int port, byte[] frame, DropReason reason) : IWorkerErrand, IDisposable
    {
        public ManualResetEventSlim Done { get; } = new();

        public bool Step(Worker worker)
        {
            worker.Refuse(port, frame, reason, WorkerThread.NowNs());
            Done.Set();
            return true;
        }

        public void Dispose() => Done.Dispose();
    }
}
