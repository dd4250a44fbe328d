using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Counters;
using VSwitch.Live;
using VSwitch.Wire;

namespace VSwitch.Api;

/// <summary>Which ENIs are there, and what passes each? Reading only; ChangeEndpoints change them.</summary>
internal static class EniEndpoints
{
    private const string Subject = "enis";

    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        SwitchHost host = control.Host;
        routes.MapGet("/v1/enis", () =>
        {
            var reader = new EniReader(host);
            return TypedResults.Ok(new EnisDocument([.. reader.Config.Enis.Select(reader.Read)]));
        }).Describe(Subject, "All ENIs as configured, with VPC, EIPs and counters.");

        routes.MapGet("/v1/enis/{name}", (string name) =>
        {
            var reader = new EniReader(host);
            return TypedResults.Ok(reader.Read(reader.Config.Enis.FirstOrDefault(e => e.Name == name).OrNotFound("ENI", name)));
        }).Describe(Subject, "One ENI.", StatusCodes.Status404NotFound);
    }

    /// <summary>Looks up once what every ENI of a request needs: a request of 10 000 ENIs takes time in proportion.</summary>
    private sealed unsafe class EniReader
    {
        private readonly SwitchHost _host;
        private readonly PolicyInForce _policy;
        private readonly Dictionary<string, int> _ports;
        private readonly Dictionary<string, string> _vpcs;
        private readonly ILookup<string, ElasticIpConfig> _elasticIps;

        public EniReader(SwitchHost host)
        {
            _host = host;
            _policy = host.InForce;
            _ports = PortReading.Ports(_policy).DistinctBy(p => p.Name).ToDictionary(p => p.Name, p => p.Port, StringComparer.Ordinal);
            _vpcs = _policy.Config.Vpcs.SelectMany(v => v.Subnets.Select(s => (Subnet: s.Name, Vpc: v.Name)))
                .ToDictionary(s => s.Subnet, s => s.Vpc, StringComparer.Ordinal);
            _elasticIps = _policy.Config.ElasticIps.Where(e => e.Eni != null).ToLookup(e => e.Eni!, StringComparer.Ordinal);
        }

        public SwitchConfig Config => _policy.Config;

        public EniDocument Read(EniConfig eni)
        {
            int port = _ports[eni.Name];
            return new EniDocument(
                eni.Name, eni.Instance, eni.Primary, _vpcs[eni.Subnet], eni.Subnet, eni.Mac.ToString(),
                [.. eni.PrivateIps.Select(a => a.ToString())], eni.SecurityGroups, DeviceOf(eni.Device), eni.TcpLoose ? "loose" : "strict",
                eni.SourceDestCheck, _policy.Snapshot.Enis[port].MtuBytes,
                [.. _elasticIps[eni.Name].Select(e => new BoundElasticIp(e.Name, e.Address.ToString(), PrivateIpOf(e, eni).ToString()))],
                eni.Detached ? "detached" : eni.Instance == null ? "none" : eni.Primary ? "primary" : "secondary", eni.DeleteWithInstance,
                EniQueues.Of(Config, eni, _host.WorkerCount),
                PortEndpoints.CountersOf(_host, eni.Name, port), LimitsOf(eni.Limits, port), ConfigText.Dscp(eni.Dscp));
        }

        private EniLimitsDocument? LimitsOf(EniLimitsConfig limits, int port)
        {
            PortCounters counted = _host.Workers.Sum(port);
            return limits.IsEmpty ? null : new EniLimitsDocument(
                limits.EgressBitsPerSecond, limits.IngressBitsPerSecond, limits.EgressPacketsPerSecond, limits.IngressPacketsPerSecond,
                counted.OverEgressLimit, counted.OverIngressLimit);
        }
    }

    /// <summary>The private address of a bound EIP: what it names, else the ENI's primary IPv4 address.</summary>
    public static IpAddress PrivateIpOf(ElasticIpConfig eip, EniConfig eni) => eip.PrivateIp ?? eni.PrivateIps.First(ip => !ip.IsV6);

    private static DeviceConfigDocument? DeviceOf(DeviceConfig? device) => device == null ? null : new DeviceConfigDocument(
        device.Tap, device.Interface,
        device.PcapIn != null || device.PcapOut != null ? new PcapDocument(device.PcapIn, device.PcapOut) : null, device.SharpPcap,
        device.Queues, device.Tap != null ? device.Offload : null);
}
