using System.Buffers.Binary;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Balancing;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Balancing;

/// <summary>A switch with a load balancer at 10.0.1.100 (outside 203.0.113.20): clients c and d and the backend near in subnet front,
/// backends w1 to w3 in subnet back, and the world outside. Virtual time, one frame at a time.</summary>
public sealed class BalancerLab : IDisposable
{
    public const string Vip = "10.0.1.100";
    public const string PublicVip = "203.0.113.20";
    public const string World = "192.0.2.7";
    public const string Client = "10.0.1.10";
    public static readonly MacAddress Gateway = MacAddress.Parse("02:76:73:00:00:01");
    private static readonly MacAddress Own = MacAddress.Parse("02:76:73:00:00:02");
    private static readonly MacAddress Neighbor = MacAddress.Parse("02:00:00:00:99:01");

    public BalancerLab(string listeners, int workers = 1, string more = "", string group = Open)
        : this(Read(Text(listeners, more, group)), workers)
    {
    }

    public BalancerLab(SwitchConfig config, int workers = 1)
    {
        Config = config;
        Switch = new SwitchUnderTest(config, workers);
    }

    /// <summary>A group that lets all in.</summary>
    public const string Open = "ingress: [{ protocol: all, source: 0.0.0.0/0 }]";

    public SwitchConfig Config { get; private set; }

    public SwitchUnderTest Switch { get; }

    public long NowNs { get; set; } = 1_000_000_000;

    public BalancerState Balancing => Switch.Balancing!;

    /// <summary>Three backends at port 8080 with weights; none for "".</summary>
    public static string Backends(params string[] options) => "backends: [" + string.Join(
        ", ", options.Select((o, i) => $"{{ eni: w{i + 1}, port: 8080{(o.Length == 0 ? "" : ", " + o)} }}")) + "]";

    public static string Text(string listeners, string more = "", string group = Open) => $$"""
        switch: { connections: { capacity: 20000 } }
        internet:
          mac: "{{Own}}"
          addresses: [198.51.100.1/24]
          routes: [{ destination: 0.0.0.0/0, nextHop: 198.51.100.254 }]
          neighbors: { 198.51.100.254: "{{Neighbor}}" }
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16]
            subnets:
              - { name: front, cidrs: [10.0.1.0/24] }
              - { name: back, cidrs: [10.0.2.0/24] }
            routeTables: [{ name: main, main: true, routes: [{ destination: 0.0.0.0/0, target: internet }] }]
        securityGroups:
          - { name: open, vpc: blue, {{Open}} }
          - { name: web, vpc: blue, {{group}} }
        enis:
          - { name: c, subnet: front, mac: "02:00:00:00:00:0c", privateIps: [10.0.1.10], securityGroups: [open] }
          - { name: d, subnet: front, mac: "02:00:00:00:00:0d", privateIps: [10.0.1.11], securityGroups: [open], sourceDestCheck: false }
          - { name: near, subnet: front, mac: "02:00:00:00:00:0e", privateIps: [10.0.1.20], securityGroups: [web] }
          - { name: w1, subnet: back, mac: "02:00:00:00:00:01", privateIps: [10.0.2.11], securityGroups: [web] }
          - { name: w2, subnet: back, mac: "02:00:00:00:00:02", privateIps: [10.0.2.12], securityGroups: [web] }
          - { name: w3, subnet: back, mac: "02:00:00:00:00:03", privateIps: [10.0.2.13], securityGroups: [web] }
        loadBalancers:
          - name: lb
            subnet: front
            address: {{Vip}}
            listeners:
              {{listeners}}
        elasticIps:
          - { name: lb-ip, address: {{PublicVip}}, loadBalancer: lb }
        {{more}}
        """;

    public static SwitchConfig Read(string text)
    {
        ConfigResult result = ConfigReader.Parse("lab.yaml", text);
        return result.Config ?? throw new InvalidOperationException(string.Join('\n', result.Errors));
    }

    /// <summary>Puts other listeners in force.</summary>
    public void Change(string listeners, string more = "", string group = Open)
    {
        Config = Read(Text(listeners, more, group));
        Switch.Reconfigure(Config);
    }

    public MacAddress MacOf(string port) => port == "internet" ? Neighbor : Config.Enis.Single(e => e.Name == port).Mac;

    public static string AddressOf(string backend) => backend == "near" ? "10.0.1.20" : $"10.0.2.1{backend[1]}";

    /// <summary>A frame of a port to the router, or from outside to the switch.</summary>
    public PacketBuilder From(string port, string source, string destination, byte ttl = 64) => Frames.Begin(
        new FrameAddresses(MacOf(port), port == "internet" ? Own : Gateway, IpAddress.Parse(source), IpAddress.Parse(destination)), ttl);

    public PacketBuilder Syn(ushort port, string source = Client, ushort to = 80) =>
        From("c", source, Vip).Tcp(port, to, TcpBits.Syn, t => t with { Sequence = 100 });

    public ReferenceOutcome Send(string port, byte[] frame)
    {
        NowNs += 1_000_000;
        return Switch.Receive(port, frame, NowNs);
    }

    /// <summary>Sends a frame and requires that it leaves, valid.</summary>
    /// <returns>Where, and as what.</returns>
    public (string Port, byte[] Frame) Passes(string port, PacketBuilder frame)
    {
        ReferenceOutcome outcome = Send(port, frame.Build());
        Assert.True(outcome.Kind == OutcomeKind.Forwarded, $"{port}: {outcome.Kind} {outcome.DropReason}, expected forwarded");
        (string Port, byte[] Frame) sent = outcome.Sent[^1];
        PacketAssert.IsValid(sent.Frame);
        return sent;
    }

    public IReadOnlyList<(string Port, byte[] Frame)> Drops(string port, PacketBuilder frame, DropReason reason)
    {
        ReferenceOutcome outcome = Send(port, frame.Build());
        Assert.True(
            outcome.Kind == OutcomeKind.Dropped && outcome.DropReason == reason,
            $"{port}: {outcome.Kind} {outcome.DropReason}, expected {reason}");
        return outcome.Sent;
    }

    /// <summary>Opens a connection of c to the listener and answers it.</summary>
    /// <returns>The backend.</returns>
    public string Open80(ushort port)
    {
        (string backend, _) = Passes("c", Syn(port));
        Passes(backend, Reply(backend, port, TcpBits.Syn | TcpBits.Ack, 500, 101));
        Passes("c", Data(port));
        return backend;
    }

    /// <summary>A segment of c on a connection of <see cref="Open80"/>.</summary>
    public PacketBuilder Data(ushort port) =>
        From("c", Client, Vip).Tcp(port, 80, TcpBits.Ack, t => t with { Sequence = 101, Acknowledgment = 501 });

    /// <summary>A segment of the backend.</summary>
    public PacketBuilder Reply(string backend, ushort port, TcpBits flags = TcpBits.Ack, uint sequence = 501, uint ack = 101) =>
        From(backend, AddressOf(backend), Client).Tcp(8080, port, flags, t => t with { Sequence = sequence, Acknowledgment = ack });

    /// <summary>Source, destination, ports and TTL of a sent IPv4 frame: "10.0.1.10:40000 > 10.0.2.11:8080 ttl 63".</summary>
    public static string Words(byte[] frame)
    {
        int l4 = 14 + ((frame[14] & 15) * 4);
        return $"{IpAddress.Read(frame.AsSpan(26, 4), false)}:{BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(l4))} > " +
            $"{IpAddress.Read(frame.AsSpan(30, 4), false)}:{BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(l4 + 2))} ttl {frame[22]}";
    }

    public void Dispose()
    {
        Assert.Equal(0, Switch.MissingBuffers(NowNs));
        Switch.Dispose();
    }
}
