using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.Config;
using VSwitch.ControlPlane.Plan;

namespace VSwitch.Api;

/// <summary>Single changes: an ENI, an elastic IP, a security group, a rule. Each makes of the configuration in force another whole one,
/// which then goes the way of every change.</summary>
internal static partial class PartEndpoints
{
    private const string Enis = "/v1/enis";
    private const string ElasticIps = "/v1/elastic-ips";
    private const string Groups = "/v1/security-groups";

    public static void Map(IEndpointRouteBuilder routes, ChangeAnswers answers)
    {
        MapEnis(routes, answers);
        MapElasticIps(routes, answers);
        MapGroups(routes, answers);
        MapLoadBalancers(routes, answers);
        foreach (bool isEgress in (ReadOnlySpan<bool>)[false, true])
        {
            MapRules(routes, answers, isEgress);
        }
    }

    private static void MapEnis(IEndpointRouteBuilder routes, ChangeAnswers answers)
    {
        const string Subject = "enis";
        Describe(routes.MapPost(Enis, async (HttpContext context, bool? dryRun) =>
        {
            EniConfig eni = Require(await Read(context, answers, (utf8, isJson) => ConfigReader.ReadEni(utf8, isJson)));
            return await answers.Answer(context, dryRun, c => ConfigEdit.Enis.Add(c, eni), (Enis, ConfigEdit.Enis.Kind, eni.Name));
        }), Subject, "Attaches an ENI.", "An ENI as in a configuration.");

        Describe(routes.MapPatch(Enis + "/{name}", async (HttpContext context, string name, bool? dryRun) =>
        {
            using RequestBody body = await answers.Bodies.ReadAsync(context, RequestBodies.MostBytesOfPart);
            return await answers.Answer(context, dryRun, c =>
                ConfigEdit.Enis.Replace(c, Named(name, Require(ConfigReader.ReadEni(body.Utf8, body.IsJson, ConfigEdit.Enis.Find(c, name))), e => e.Name)));
        }), Subject, "Changes an ENI.", "What changes (JSON merge patch, RFC 7396): null unsets, a list replaces the list.");

        Describe(
            routes.MapDelete(Enis + "/{name}", (HttpContext context, string name, bool? dryRun) =>
                answers.Answer(context, dryRun, c => ConfigEdit.Enis.Remove(c, name))),
            Subject, "Detaches an ENI.");
    }

    private static void MapElasticIps(IEndpointRouteBuilder routes, ChangeAnswers answers)
    {
        const string Subject = "elastic IPs";
        const string Association = ElasticIps + "/{name}/association";
        Describe(routes.MapPost(ElasticIps, async (HttpContext context, bool? dryRun) =>
        {
            ElasticIpConfig eip = Require(await Read(context, answers, (utf8, isJson) => ConfigReader.ReadElasticIp(utf8, isJson)));
            return await answers.Answer(context, dryRun, c => ConfigEdit.ElasticIps.Add(c, eip), (ElasticIps, ConfigEdit.ElasticIps.Kind, eip.Name));
        }), Subject, "Adds an elastic IP.", "An elastic IP as in a configuration; a rate may be a number of bits per second.");

        Describe(routes.MapPatch(ElasticIps + "/{name}", async (HttpContext context, string name, bool? dryRun) =>
        {
            using RequestBody body = await answers.Bodies.ReadAsync(context, RequestBodies.MostBytesOfPart);
            return await answers.Answer(context, dryRun, c => ConfigEdit.ElasticIps.Replace(c, Named(
                name, Require(ConfigReader.ReadElasticIp(body.Utf8, body.IsJson, ConfigEdit.ElasticIps.Find(c, name))), e => e.Name)));
        }), Subject, "Changes an elastic IP: bandwidth, billing.", "What changes (JSON merge patch, RFC 7396): null unsets.");

        Describe(
            routes.MapDelete(ElasticIps + "/{name}", (HttpContext context, string name, bool? dryRun) =>
                answers.Answer(context, dryRun, c => ConfigEdit.ElasticIps.Remove(c, name))),
            Subject, "Removes an elastic IP.");

        Describe(routes.MapPut(Association, async (HttpContext context, string name, bool? dryRun) =>
        {
            using RequestBody body = await answers.Bodies.ReadAsync(context, RequestBodies.MostBytesOfPart);
            return await answers.Answer(context, dryRun, c => ConfigEdit.ElasticIps.Replace(
                c, Require(ConfigReader.ReadAssociation(body.Utf8, body.IsJson, ConfigEdit.ElasticIps.Find(c, name)))));
        }), Subject, "Associates an elastic IP with an ENI, from wherever it was.", "{ \"eni\": NAME, \"privateIp\": ADDRESS }; without the address, the ENI's primary one.");

        Describe(
            routes.MapDelete(Association, (HttpContext context, string name, bool? dryRun) => answers.Answer(context, dryRun, c =>
                ConfigEdit.ElasticIps.Replace(c, ConfigEdit.ElasticIps.Find(c, name) with { Eni = null, PrivateIp = null }))),
            Subject, "Disassociates an elastic IP.");
    }

    private static void MapGroups(IEndpointRouteBuilder routes, ChangeAnswers answers)
    {
        const string Subject = "security groups";
        Describe(routes.MapPost(Groups, async (HttpContext context, bool? dryRun) =>
        {
            SecurityGroupConfig group = Require(await Read(context, answers, (utf8, isJson) => ConfigReader.ReadSecurityGroup(utf8, isJson)));
            return await answers.Answer(context, dryRun, c => ConfigEdit.SecurityGroups.Add(c, group), (Groups, ConfigEdit.SecurityGroups.Kind, group.Name));
        }), Subject, "Adds a security group.", "A security group as in a configuration.");

        Describe(routes.MapPut(Groups + "/{name}", async (HttpContext context, string name, bool? dryRun) =>
        {
            SecurityGroupConfig group = Require(await Read(context, answers, (utf8, isJson) => ConfigReader.ReadSecurityGroup(utf8, isJson, name)));
            return await answers.Answer(
                context, dryRun, c => ConfigEdit.SecurityGroups.Has(c, name) ? ConfigEdit.SecurityGroups.Replace(c, group) : ConfigEdit.SecurityGroups.Add(c, group),
                (Groups, ConfigEdit.SecurityGroups.Kind, name));
        }), Subject, "Replaces a security group, or adds it.", "A security group as in a configuration; its name may be left out.");

        Describe(
            routes.MapDelete(Groups + "/{name}", (HttpContext context, string name, bool? dryRun) =>
                answers.Answer(context, dryRun, c => ConfigEdit.SecurityGroups.Remove(c, name))),
            Subject, "Removes a security group.");
    }

    private static void MapRules(IEndpointRouteBuilder routes, ChangeAnswers answers, bool isEgress)
    {
        const string Subject = "security groups";
        string direction = isEgress ? "egress" : "ingress";
        string path = $"{Groups}/{{name}}/{direction}";
        Describe(routes.MapPost(path, async (HttpContext context, string name, bool? dryRun) =>
        {
            IReadOnlyList<RuleConfig> rules = Require(await Read(context, answers, (utf8, isJson) => ConfigReader.ReadRules(utf8, isJson, isEgress)));
            return await answers.Answer(context, dryRun, c =>
            {
                SecurityGroupConfig group = GroupRulesEdit.Add(ConfigEdit.SecurityGroups.Find(c, name), isEgress, rules, out string? clash);
                return clash == null ? ConfigEdit.SecurityGroups.Replace(c, group) : throw new ProblemException(Problems.Conflict(
                    $"security group '{name}' has the {direction} rule {clash} already, with another remark; remove it first"));
            });
        }), Subject, $"Adds an {direction} rule, or a list of them; one that is there already stays as it is.", "A rule as in a configuration, or a list of rules.");

        Describe(routes.MapDelete(path, async (HttpContext context, string name, bool? dryRun) =>
        {
            IReadOnlyList<RuleConfig> rules = Require(await Read(context, answers, (utf8, isJson) => ConfigReader.ReadRules(utf8, isJson, isEgress)));
            return await answers.Answer(context, dryRun, c =>
            {
                SecurityGroupConfig group = GroupRulesEdit.Remove(ConfigEdit.SecurityGroups.Find(c, name), isEgress, rules, out string? missing);
                return missing == null ? ConfigEdit.SecurityGroups.Replace(c, group) : throw new ProblemException(Problems.Of(
                    StatusCodes.Status404NotFound, $"security group '{name}' has no {direction} rule {missing}"));
            });
        }), Subject, $"Removes the {direction} rule that the body equals, or a list of them.", "A rule as in a configuration, or a list of rules.");
    }

    private static void Describe(RouteHandlerBuilder route, string subject, string summary, string? body = null)
    {
        route.Describe(subject, summary, ChangeAnswers.Statuses).Produces<ChangeDocument>();
        if (body != null)
        {
            ChangeAnswers.DescribeBody(route, body);
        }
    }

    private delegate PartResult<T> PartReader<T>(ReadOnlySpan<byte> utf8, bool isJson)
        where T : class;

    private static async Task<PartResult<T>> Read<T>(HttpContext context, ChangeAnswers answers, PartReader<T> read)
        where T : class
    {
        using RequestBody body = await answers.Bodies.ReadAsync(context, RequestBodies.MostBytesOfPart);
        return read(body.Utf8, body.IsJson);
    }

    private static T Require<T>(PartResult<T> part)
        where T : class => ChangeAnswers.Require(part.Value, part.Errors, part.IsUnreadable);

    private static T Named<T>(string name, T thing, Func<T, string> nameOf) => nameOf(thing) == name ? thing
        : throw new ProblemException(Problems.Unprocessable($"'name' is another than '{name}', which the request is for; a name does not change"));
}
