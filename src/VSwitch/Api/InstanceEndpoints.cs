using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Validation;
using VSwitch.Live;
using static VSwitch.Api.PartEndpoints;

namespace VSwitch.Api;

/// <summary>Instances: which are there, with which ENIs; made, resized and deleted.</summary>
internal static class InstanceEndpoints
{
    private const string Subject = "instances";
    private const string Path = "/v1/instances";

    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        SwitchHost host = control.Host;
        routes.MapGet(Path, () => TypedResults.Ok(new InstancesDocument([.. host.Config.Instances.Select(i => Document(host.Config, i))])))
            .Describe(Subject, "All instances with their ENIs and quotas.");

        routes.MapGet(Path + "/{name}", (string name) =>
        {
            SwitchConfig config = host.Config;
            return TypedResults.Ok(Document(config, config.Instances.FirstOrDefault(i => i.Name == name).OrNotFound("instance", name)));
        }).Describe(Subject, "One instance.", StatusCodes.Status404NotFound);

        MapChanges(routes, new ChangeAnswers(control));
    }

    private static void MapChanges(IEndpointRouteBuilder routes, ChangeAnswers answers)
    {
        Describe(routes.MapPost(Path, async (HttpContext context, bool? dryRun) =>
        {
            NewInstance asked = Require(await Read(context, answers, ConfigReader.ReadNewInstance));
            return await answers.Answer(
                context, dryRun, c => InstanceLife.Create(c, asked), (Path, ConfigEdit.Instances.Kind, asked.Instance.Name));
        }), Subject, "Makes an instance with its primary ENI.", "{ \"name\", \"vcpus\", \"primaryEni\": an ENI as in a configuration, without instance }.");

        Describe(routes.MapPatch(Path + "/{name}", async (HttpContext context, string name, bool? dryRun) =>
        {
            using RequestBody body = await answers.Bodies.ReadAsync(context, RequestBodies.MostBytesOfPart);
            return await answers.Answer(context, dryRun, c => ConfigEdit.Instances.Replace(c, Named(
                name, Require(ConfigReader.ReadInstance(body.Utf8, body.IsJson, ConfigEdit.Instances.Find(c, name))), i => i.Name)));
        }), Subject, "Resizes an instance.", "{ \"vcpus\": N } (JSON merge patch, RFC 7396).");

        Describe(
            routes.MapDelete(Path + "/{name}", (HttpContext context, string name, bool? dryRun) =>
                answers.Answer(context, dryRun, c => InstanceLife.Delete(c, name))),
            Subject, "Deletes an instance, its primary ENI, and the secondary ones that go with it; the others are detached.");
    }

    private static InstanceDocument Document(SwitchConfig config, InstanceConfig instance)
    {
        EniConfig[] enis = [.. config.Enis.Where(e => e.Instance == instance.Name)];
        EniConfig? primary = enis.FirstOrDefault(e => e.Primary);
        return new InstanceDocument(
            instance.Name, instance.Vcpus, primary == null ? null : EniLife.VpcOf(config, primary), primary?.Name,
            [.. enis.Where(e => !e.Primary).Select(e => e.Name)], Quotas.EnisPerInstance(instance.Vcpus), EniQueues.OfVcpus(instance.Vcpus));
    }
}
