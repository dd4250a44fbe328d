using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Probes;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Wire;

namespace VSwitch.Tests.DataPlane.Probes;

/// <summary>A switch with an EIP at "a" (10.0.1.10), its standby "b" (10.0.1.11), and health checks of both: every second, an answer within
/// half a second, 2 to be healthy, 3 to be unhealthy. Time in milliseconds.</summary>
internal sealed class ProbeLab : IDisposable
{
    public static readonly MacAddress Gateway = new SwitchSettings().GatewayMac;
    public static readonly IpAddress Router = TestTopologies.Ip("10.0.1.1");
    public static readonly IpAddress A = TestTopologies.Ip("10.0.1.10");
    private SwitchConfig _config;

    public ProbeLab(ProbeKind kind, int workers = 1)
    {
        _config = Config(kind);
        Switch = new SwitchUnderTest(_config, workers);
    }

    public SwitchUnderTest Switch { get; }

    public ProbeTable Table => Switch.Workers.Shared.Probes;

    public ProbeReading OfA => Table.Read(NumberOf("a"));

    public static MacAddress MacOf(string eni) => new(0x0200_0000_0000UL | (eni == "a" ? 0x0AUL : 0x0B));

    public static SwitchConfig Config(ProbeKind kind) => TestTopologies.Small() with
    {
        Internet = new InternetConfig { Addresses = [TestTopologies.Net("198.51.100.1/24")] },
        ElasticIps =
        [
            TestTopologies.Eip("front", "198.51.100.10", "a") with
            {
                Standby = [new EipPlaceConfig("b", null)],
                HealthCheck = new HealthCheckConfig
                {
                    Protocol = kind,
                    Port = kind == ProbeKind.Tcp ? 80 : null,
                    Interval = TimeSpan.FromSeconds(1),
                    Timeout = TimeSpan.FromMilliseconds(500),
                    Healthy = 2,
                    Unhealthy = 3,
                },
            },
        ],
    };

    public void Reconfigure(Func<SwitchConfig, SwitchConfig> change)
    {
        _config = change(_config);
        Switch.Reconfigure(_config);
    }

    /// <summary>What the switch sends to a port by then.</summary>
    public byte[][] Until(long ms, string port = "a") => [.. Switch.Wait(ms * 1_000_000).Where(s => s.Port == port).Select(s => s.Frame)];

    /// <summary>Waits for the next question to "a", and answers it by <paramref name="answer"/>.</summary>
    public ReferenceOutcome Ask(long ms, Func<byte[], byte[]> answer) => Receive(Assert1(Until(ms)), answer, ms);

    public ReferenceOutcome Receive(byte[] question, Func<byte[], byte[]> answer, long ms, string port = "a") =>
        Switch.Receive(port, answer(question), (ms * 1_000_000) + 250_000);

    public static byte[] Assert1(byte[][] frames) => Xunit.Assert.Single(frames);

    /// <summary>SYN+ACK, or RST+ACK.</summary>
    public static byte[] TcpAnswer(byte[] syn, TcpBits flags)
    {
        PacketFields f = PacketFields.Of(syn);
        ushort port = ushort.Parse(f["tcp.src"]!);
        uint acknowledged = uint.Parse(f["tcp.seq"]!) + 1;
        return PacketBuilder.Eth(MacOf("a"), Gateway).IPv4(A, Router)
            .Tcp(80, port, flags, tcp => tcp with { Sequence = flags.HasFlag(TcpBits.Syn) ? 5000u : 0, Acknowledgment = acknowledged }).Build();
    }

    /// <summary>The echo request's bytes, sent back.</summary>
    public static byte[] EchoAnswer(byte[] request)
    {
        byte[] icmp = request[34..];
        return PacketBuilder.Eth(MacOf("a"), Gateway).IPv4(A, Router)
            .Icmp(0, 0, (uint)((icmp[4] << 24) | (icmp[5] << 16) | (icmp[6] << 8) | icmp[7])).Payload(icmp[8..]).Build();
    }

    public static byte[] ArpAnswer(byte[] request) => Frames.ArpReply(MacOf("a"), A, Gateway, Router);

    public void Dispose() => Switch.Dispose();

    private int NumberOf(string eni)
    {
        uint address = Raw.Ip4(eni == "a" ? A : TestTopologies.Ip("10.0.1.11"));
        return Array.FindIndex(Switch.Snapshot.Probes, p => p.Address == address);
    }
}
