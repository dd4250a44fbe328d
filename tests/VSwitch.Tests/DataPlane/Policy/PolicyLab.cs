using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Policy;

/// <summary>A switch of two subnets and a public side for tests of policy: ENIs a and a2 in subnet front, b and the router r in
/// subnet back, EIPs for a and b. Frames are said by port names; every outcome is asserted.</summary>
public sealed class PolicyLab : IDisposable
{
    public const string World4 = "192.0.2.7";
    public const string World6 = "2001:db8:f::7";
    private static readonly MacAddress Gateway = MacAddress.Parse("02:76:73:00:00:01");
    private static readonly MacAddress Own = MacAddress.Parse("02:76:73:00:00:02");
    private static readonly MacAddress Neighbor = MacAddress.Parse("02:00:00:00:99:01");
    private readonly SwitchUnderTest _switch;
    private long _nowNs = 1_000_000_000;

    public PolicyLab(string text)
    {
        Config = Read(text);
        _switch = new SwitchUnderTest(Config);
    }

    public SwitchConfig Config { get; private set; }

    public SwitchUnderTest Switch => _switch;

    /// <summary>The time of the last frame, nanoseconds.</summary>
    public long NowNs => _nowNs;

    public int ConnectionCount => _switch.ConnectionCount;

    /// <summary>The configuration as text; <paramref name="front"/> and <paramref name="back"/> go into the subnets,
    /// <paramref name="more"/> to the end.</summary>
    public static string Text(
        string front = "", string back = "", string more = "", string group = "ingress: [{ protocol: all, source: 0.0.0.0/0 }, { protocol: all, source: \"::/0\" }]") => $$"""
        internet:
          mac: "02:76:73:00:00:02"
          addresses: [198.51.100.1/24, "2001:db8:100::1/64"]
          routes:
            - { destination: 0.0.0.0/0, nextHop: 198.51.100.254 }
            - { destination: "2000::/3", nextHop: "2001:db8:100::fe" }
          neighbors: { 198.51.100.254: "02:00:00:00:99:01", "2001:db8:100::fe": "02:00:00:00:99:01" }
        vpcs:
          - name: blue
            cidrs: [10.0.0.0/16, "fd00:b::/48"]
            subnets:
              - { name: front, cidrs: [10.0.1.0/24, "fd00:b:0:1::/64"] {{front}} }
              - { name: back, cidrs: [10.0.2.0/24, "fd00:b:0:2::/64"] {{back}} }
            routeTables:
              - name: main
                main: true
                routes:
                  - { destination: 0.0.0.0/0, target: internet }
                  - { destination: "::/0", target: internet }
                  - { destination: 172.16.0.0/12, target: "eni:r" }
                  - { destination: "fd99::/16", target: "eni:r" }
        securityGroups:
          - { name: open, vpc: blue, {{group}} }
          - { name: spare, vpc: blue, ingress: [{ protocol: all, source: 0.0.0.0/0 }] }
        enis:
          - { name: a, subnet: front, mac: "02:00:00:00:00:0a", privateIps: [10.0.1.10, "fd00:b:0:1::10"], securityGroups: [open] }
          - { name: a2, subnet: front, mac: "02:00:00:00:00:02", privateIps: [10.0.1.11, "fd00:b:0:1::11"], securityGroups: [open] }
          - { name: b, subnet: back, mac: "02:00:00:00:00:0b", privateIps: [10.0.2.10, "fd00:b:0:2::10"], securityGroups: [open] }
          - { name: r, subnet: back, mac: "02:00:00:00:00:0c", privateIps: [10.0.2.20, "fd00:b:0:2::20"], securityGroups: [open], sourceDestCheck: false }
        elasticIps:
          - { name: eip-a, address: 203.0.113.10, eni: a }
          - { name: eip-b, address: 203.0.113.11, eni: b }
        {{more}}
        """;

    public static SwitchConfig Read(string text)
    {
        ConfigResult result = ConfigReader.Parse("lab.yaml", text);
        return result.Config ?? throw new InvalidOperationException(string.Join('\n', result.Errors));
    }

    /// <summary>Puts another configuration in force.</summary>
    public void Change(string text) => Change(Read(text));

    public void Change(SwitchConfig config)
    {
        Config = config;
        _switch.Reconfigure(config);
    }

    /// <summary>A frame of a port to the router (or, from outside, to the switch), between two addresses.</summary>
    public PacketBuilder From(string port, string source, string destination) => Frames.Begin(new FrameAddresses(
        MacOf(port), port == "internet" ? Own : Gateway, IpAddress.Parse(source), IpAddress.Parse(destination)));

    /// <summary>A frame of a port to a peer's MAC.</summary>
    public PacketBuilder Within(string port, string peer, string source, string destination) => Frames.Begin(new FrameAddresses(
        MacOf(port), MacOf(peer), IpAddress.Parse(source), IpAddress.Parse(destination)));

    /// <summary>Sends a frame and requires that it leaves by a port.</summary>
    /// <returns>The frame as it left.</returns>
    public byte[] Passes(string port, PacketBuilder frame, string outPort)
    {
        ReferenceOutcome outcome = Send(port, frame.Build());
        Assert.True(outcome.Kind == OutcomeKind.Forwarded, $"{port}: {outcome.Kind} {outcome.DropReason}, expected forwarded to {outPort}");
        (string sentBy, byte[] sent) = Assert.Single(outcome.Sent);
        Assert.Equal(outPort, sentBy);
        PacketAssert.IsValid(sent);
        return sent;
    }

    /// <summary>Sends a frame and requires that it is dropped for a reason, and that no port sends anything.</summary>
    public void Drops(string port, PacketBuilder frame, DropReason reason)
    {
        byte[] bytes = frame.Build();
        ReferenceOutcome outcome = Send(port, bytes);
        Assert.True(
            outcome.Kind == OutcomeKind.Dropped && outcome.DropReason == reason,
            $"{port}: {outcome.Kind} {outcome.DropReason}, expected {reason}");
        Assert.Equal(bytes, _switch.LastDropped);
        bool isRouted = bytes.AsSpan(0, 4).SequenceEqual((ReadOnlySpan<byte>)[0x02, 0x76, 0x73, 0x00]);
        if (reason == DropReason.NoRoute && isRouted && port != "internet" && outcome.Sent.Count > 0)
        {
            // The router says so (order of checks, section 4, miss, 3): destination unreachable, to the sender alone.
            (string to, byte[] error) = Assert.Single(outcome.Sent);
            Assert.Equal((port, 1, 3, 0), (to, error[14 + 9], error[34], error[35]));
        }
        else
        {
            Assert.Empty(outcome.Sent);
        }
    }

    public ReferenceOutcome Send(string port, byte[] frame)
    {
        _nowNs += 1_000_000;
        return _switch.Receive(port, frame, _nowNs);
    }

    /// <summary>Brings a TCP connection to ESTABLISHED, by the addresses that each end sees.</summary>
    public void Establish(string port, string source, string destination, string otherPort, string? seenSource = null, string? seenDestination = null)
    {
        string from = seenDestination ?? destination;
        string to = seenSource ?? source;
        Passes(port, From(port, source, destination).Tcp(40000, 443, TcpBits.Syn, t => t with { Sequence = 100 }), otherPort);
        Passes(otherPort, From(otherPort, from, to).Tcp(443, 40000, TcpBits.Syn | TcpBits.Ack, t => t with { Sequence = 500, Acknowledgment = 101 }), port);
        Passes(port, Data(port, source, destination), otherPort);
    }

    /// <summary>A segment of the opener of <see cref="Establish"/>.</summary>
    public PacketBuilder Data(string port, string source, string destination) =>
        From(port, source, destination).Tcp(40000, 443, TcpBits.Ack, t => t with { Sequence = 101, Acknowledgment = 501 });

    /// <summary>A segment of the other end.</summary>
    public PacketBuilder Reply(string port, string source, string destination) =>
        From(port, source, destination).Tcp(443, 40000, TcpBits.Ack, t => t with { Sequence = 501, Acknowledgment = 101 });

    public void Dispose()
    {
        Assert.Equal(0, _switch.MissingBuffers(_nowNs));
        _switch.Dispose();
    }

    private MacAddress MacOf(string port) => port == "internet" ? Neighbor : Config.Enis.Single(e => e.Name == port).Mac;
}
