using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Devices;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Workers;
using VSwitch.Live;
using static VSwitch.Api.PartEndpoints;

namespace VSwitch.Api;

/// <summary>ENIs at work: attached and detached, their private addresses, their queues.</summary>
internal static class EniLifeEndpoints
{
    private const string Subject = "enis";
    private const string Eni = "/v1/enis/{name}";

    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        var answers = new ChangeAnswers(control);
        Describe(routes.MapPost(Eni + "/attach", async (HttpContext context, string name, bool? dryRun) =>
        {
            string instance = Require(await Read(context, answers, ConfigReader.ReadAttachment));
            return await answers.Answer(context, dryRun, c => EniLife.Attach(c, name, instance));
        }), Subject, "Attaches a detached ENI to an instance of its VPC.", "{ \"instance\": NAME }.");

        Describe(
            routes.MapPost(Eni + "/detach", (HttpContext context, string name, bool? dryRun) =>
                answers.Answer(context, dryRun, c => EniLife.Detach(c, name))),
            Subject, "Detaches a secondary ENI; its connections end, its EIPs stay with it.");

        MapAddresses(routes, answers);
        MapQueues(routes, control.Host);
        MapRss(routes, control.Host, answers);
    }

    private static void MapAddresses(IEndpointRouteBuilder routes, ChangeAnswers answers)
    {
        const string Path = Eni + "/private-ips";
        Describe(routes.MapPost(Path, async (HttpContext context, string name, bool? dryRun) =>
        {
            AddressRequest asked = Require(await Read(context, answers, (utf8, isJson) => ConfigReader.ReadAddressRequest(utf8, isJson, takesCount: true)));
            return await answers.Answer(context, dryRun, c => EniLife.Assign(c, name, asked));
        }), Subject, "Assigns secondary private addresses.", "{ \"addresses\": [ADDRESS, …] }, or { \"count\": N } of the lowest free ones of the subnet.");

        Describe(routes.MapDelete(Path, async (HttpContext context, string name, bool? dryRun) =>
        {
            AddressRequest asked = Require(await Read(context, answers, (utf8, isJson) => ConfigReader.ReadAddressRequest(utf8, isJson, takesCount: false)));
            return await answers.Answer(context, dryRun, c => EniLife.Release(c, name, asked.Addresses));
        }), Subject, "Releases secondary private addresses.", "{ \"addresses\": [ADDRESS, …] }.");
    }

    private static void MapRss(IEndpointRouteBuilder routes, SwitchHost host, ChangeAnswers answers)
    {
        const string Path = Eni + "/rss";
        routes.MapGet(Path, (string name) =>
        {
            SwitchConfig config = host.Config;
            return TypedResults.Ok(RssOf(host, config, config.Enis.FirstOrDefault(e => e.Name == name).OrNotFound("ENI", name)));
        }).Describe(Subject, "How frames for the guest are spread over the ENI's queues.", StatusCodes.Status404NotFound);

        Describe(routes.MapPut(Path, async (HttpContext context, string name, bool? dryRun) =>
        {
            EniRssConfig rss = Require(await Read(context, answers, ConfigReader.ReadRss));
            return await answers.Answer(context, dryRun, c => ConfigEdit.Enis.Replace(c, ConfigEdit.Enis.Find(c, name) with { Rss = rss }));
        }), Subject, "Gives an ENI an RSS of its own.", "{ \"key\": symmetric, microsoft or hexadecimal, \"indirection\": 128 queues or up to 64 weights }.");

        Describe(
            routes.MapDelete(Path, (HttpContext context, string name, bool? dryRun) => answers.Answer(
                context, dryRun, c => ConfigEdit.Enis.Replace(c, ConfigEdit.Enis.Find(c, name) with { Rss = null }))),
            Subject, "Takes an ENI's own RSS away: each worker sends on a queue of its own again.");
    }

    private static void MapQueues(IEndpointRouteBuilder routes, SwitchHost host) => routes.MapGet("/v1/queues", () =>
        TypedResults.Ok(new QueuesDocument([.. host.InForce.Devices.OrderBy(d => d.Key, StringComparer.Ordinal).SelectMany(d => QueuesOf(host, d.Key, d.Value))])))
        .Describe("queues", "All device queues: who polls each, and what passed it.");

    private static IEnumerable<QueueDocument> QueuesOf(SwitchHost host, string port, IPacketDevice device)
    {
        QueueCounters? counters = device.QueueCounters;
        int active = device.ActiveQueueCount;
        EniSpread? spread = host.Config.Enis.FirstOrDefault(e => e.Name == port)?.Rss is EniRssConfig rss ? new EniSpread(rss.Key, rss.Indirection) : null;
        for (int queue = 0; queue < (counters == null ? 0 : device.Capabilities.QueueCount); queue++)
        {
            int number = queue;
            bool isSilent = queue >= active && counters!.Received(queue) + counters.Sent(queue) == 0;
            if (!isSilent)
            {
                yield return new QueueDocument(
                    port, queue, queue < active, queue % host.WorkerCount, counters!.Received(queue), counters.ReceivedBytes(queue),
                    counters.Sent(queue), counters.SentBytes(queue),
                    spread == null ? null : Enumerable.Range(0, Steering.IndirectionEntries).Count(i => spread.QueueOfEntry(i, active) == number));
            }
        }
    }

    private static RssDocument RssOf(SwitchHost host, SwitchConfig config, EniConfig eni)
    {
        int queues = EniQueues.Of(config, eni, host.WorkerCount);
        if (eni.Rss is not EniRssConfig rss)
        {
            return new RssDocument("worker", queues, null, null);
        }

        var spread = new EniSpread(rss.Key, rss.Indirection);
        return new RssDocument(
            "rss", queues, ConfigText.RssKey(rss.Key), [.. Enumerable.Range(0, Steering.IndirectionEntries).Select(i => spread.QueueOfEntry(i, queues))]);
    }
}
