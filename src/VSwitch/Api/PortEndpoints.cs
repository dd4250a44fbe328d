using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Devices;
using VSwitch.Live;

namespace VSwitch.Api;

/// <summary>What passes each port?</summary>
internal static class PortEndpoints
{
    private const string Subject = "ports";

    public static void Map(IEndpointRouteBuilder routes, SwitchControl control)
    {
        SwitchHost host = control.Host;
        routes.MapGet("/v1/ports", () =>
        {
            PolicyInForce policy = host.InForce;
            return TypedResults.Ok(new PortsDocument([.. Existing(policy).Select(p => Read(host, policy, p.Name, p.Port))]));
        }).Describe(Subject, "All ports: counters, drops by reason, device.");

        routes.MapGet("/v1/ports/{name}", (string name) =>
        {
            PolicyInForce policy = host.InForce;
            (string Name, int Port)[] found = [.. Existing(policy).Where(p => p.Name == name)];
            return found.Length > 0
                ? TypedResults.Ok(Read(host, policy, found[0].Name, found[0].Port))
                : throw new ProblemException(Problems.NotFound("port", name));
        }).Describe(Subject, "One port.", StatusCodes.Status404NotFound);
    }

    /// <summary>Counters as the API writes them.</summary>
    public static CountersDocument CountersOf(SwitchHost host, string name, int port)
    {
        var reading = PortReading.Of(host, name, port);
        PortCounters c = reading.Counters;
        return new CountersDocument(
            c.ReceivedPackets, c.SentPackets, c.Forwarded, c.Answered, c.Consumed, c.Dropped, reading.Held, c.Generated,
            c.ReceivedBytes, c.SentBytes, reading.DropsByName(), c.Carried == 0 ? null : c.Carried);
    }

    private static IEnumerable<(string Name, int Port)> Existing(PolicyInForce policy)
    {
        SwitchConfig config = policy.Config;
        HashSet<string> names = [.. config.Enis.Select(e => e.Name), .. config.Gateways.Select(g => g.Name), .. config.Trunks];
        return PortReading.Ports(policy).Where(p => p.Port == 0 || names.Contains(p.Name));
    }

    private static PortDocument Read(SwitchHost host, PolicyInForce policy, string name, int port)
    {
        DeviceDocument? device = policy.Devices.TryGetValue(name, out IPacketDevice? open) ? DeviceOf(policy, name, open) : null;
        return new PortDocument(name, device, CountersOf(host, name, port));
    }

    private static DeviceDocument DeviceOf(PolicyInForce policy, string port, IPacketDevice device)
    {
        DeviceConfig? asked = policy.Config.PortDevices().FirstOrDefault(d => d.Port == port).Device;
        string kind = asked?.Tap != null ? "tap" : asked?.Interface != null ? "interface" : asked?.SharpPcap != null ? "sharppcap" : "pcap";
        DeviceCapabilities can = device.Capabilities;
        DeviceStatus status = device.Status;
        return new DeviceDocument(
            device.Name, kind, can.QueueCount, can.Offload, can.MtuBytes, status.IsUp, Volatile.Read(ref status.ReceiveErrorCount),
            Volatile.Read(ref status.TransmitErrorCount), Volatile.Read(ref status.LostCount), status.LastError);
    }
}
