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
            return await answers.Answer(context, dryRun, c => EniLife.Add(c, eni), (Enis, ConfigEdit.Enis.Kind, eni.Name));
        }), Subject, "Adds an ENI: of its own, or a secondary one of an instance.", "An ENI as in a configuration; mac and privateIps may be left to the system.");

        Describe(routes.MapPatch(Enis + "/{name}", async (HttpContext context, string name, bool? dryRun) =>
        {
            using RequestBody body = await answers.Bodies.ReadAsync(context, RequestBodies.MostBytesOfPart);
            return await answers.Answer(context, dryRun, c =>
                EniLife.Change(c, Named(name, Require(ConfigReader.ReadEni(body.Utf8, body.IsJson, ConfigEdit.Enis.Find(c, name))), e => e.Name)));
        }), Subject, "Changes an ENI.", "What changes (JSON merge patch, RFC 7396): null unsets, a list replaces the list.");

        Describe(
            routes.MapDelete(Enis + "/{name}", (HttpContext context, string name, bool? dryRun) =>
                answers.Answer(context, dryRun, c => EniLife.Delete(c, name))),
            Subject, "Deletes an ENI; a primary one goes only with its instance.");
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
                c, Associated(ConfigEdit.ElasticIps.Find(c, name), Require(ConfigReader.ReadAssociation(body.Utf8, body.IsJson)), c)));
        }), Subject, "Associates an elastic IP with an ENI, a NAT gateway or a load balancer; one that is associated already only with allowReassociation.",
            "{ \"eni\": NAME, \"privateIp\": ADDRESS }, without the address the ENI's primary one; { \"natGateway\": NAME }; { \"loadBalancer\": NAME }. \"allowReassociation\": true moves it.");

        Describe(
            routes.MapDelete(Association, (HttpContext context, string name, bool? dryRun) => answers.Answer(context, dryRun, c =>
                ConfigEdit.ElasticIps.Replace(c, ConfigEdit.ElasticIps.Find(c, name).Disassociated()))),
            Subject, "Disassociates an elastic IP.");
    }

    /// <summary>An EIP that is associated must be disassociated first, as on JD Cloud's console, unless the request says otherwise
    /// (semantics.md section 7). The same association again is none.</summary>
    /// <exception cref="ProblemException">409: it is associated with something else.</exception>
    private static ElasticIpConfig Associated(ElasticIpConfig eip, EipAssociation to, SwitchConfig config)
    {
        ElasticIpConfig moved = to.Of(eip, config);
        bool isElsewhere = eip.IsAssociated && !to.IsOf(eip, config);
        return isElsewhere && !to.AllowReassociation
            ? throw new ProblemException(Problems.Conflict(
                $"elastic IP '{eip.Name}' is associated with {eip.Holder}{(eip.PrivateIp is VSwitch.Wire.IpAddress ip ? $", {ip}" : "")} already; disassociate it first, or say \"allowReassociation\": true"))
            : isElsewhere || !eip.IsAssociated ? moved : eip;
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
                answers.Answer(context, dryRun, c => ConfigEdit.SecurityGroups.Remove(StaleRules.MarkedFor(c, name), name))),
            Subject, "Removes a security group. Rules of a peer that name it stay and are stale.");
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

    internal static void Describe(RouteHandlerBuilder route, string subject, string summary, string? body = null)
    {
        route.Describe(subject, summary, ChangeAnswers.Statuses).Produces<ChangeDocument>();
        if (body != null)
        {
            ChangeAnswers.DescribeBody(route, body);
        }
    }

    internal delegate PartResult<T> PartReader<T>(ReadOnlySpan<byte> utf8, bool isJson)
        where T : class;

    internal static async Task<PartResult<T>> Read<T>(HttpContext context, ChangeAnswers answers, PartReader<T> read)
        where T : class
    {
        using RequestBody body = await answers.Bodies.ReadAsync(context, RequestBodies.MostBytesOfPart);
        return read(body.Utf8, body.IsJson);
    }

    internal static T Require<T>(PartResult<T> part)
        where T : class => ChangeAnswers.Require(part.Value, part.Errors, part.IsUnreadable);

    internal static T Named<T>(string name, T thing, Func<T, string> nameOf) => nameOf(thing) == name ? thing
        : throw new ProblemException(Problems.Unprocessable($"'name' is another than '{name}', which the request is for; a name does not change"));
}
