using System.Buffers.Binary;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Limits;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using static VSwitch.Tests.Testing.RowWords;

namespace VSwitch.Tests.DataPlane.Guard;

/// <summary>A switch whose web-ip is protected, and who attacks it.</summary>
internal sealed class ScrubbingBed : IDisposable
{
    public const int Syns = 100;
    public const int NewConnections = 500;
    private const string EipAddress = "198.51.100.10";
    private const string Inside = "10.0.1.10";
    private readonly Dictionary<(string, ushort), (uint Out, uint In)> _said = [];
    private int _spoofed = 1 << 16;

    public ScrubbingBed(Func<ProtectionConfig, ProtectionConfig>? change = null, int workers = 1, int capacity = 100_000)
    {
        var usual = new ProtectionConfig { SynsPerSecond = Syns, NewConnectionsPerSecond = NewConnections, CalmFor = TimeSpan.FromSeconds(2) };
        Config = With(change?.Invoke(usual) ?? usual, capacity);
        Switch = new SwitchUnderTest(Config, workers);
    }

    /// <summary>The same without protection.</summary>
    public static SwitchConfig Unprotected => With(null, 100_000);

    public SwitchConfig Config { get; }

    public SwitchUnderTest Switch { get; }

    public long NowNs { get; set; } = 5_000_000_000_000;

    public ScrubbingReading Reading =>
        Switch.Workers.Shared.Scrubber.ReadingOf(Switch.Snapshot.EipAt(Switch.Snapshot.EipNames.IndexOf("web-ip")).Number);

    public static string Spoofed(int number) => $"9.{(number >> 16) & 255}.{(number >> 8) & 255}.{number & 255}";

    /// <summary>One that is scrubbed already.</summary>
    public static ScrubbingBed Attacked(int workers = 1)
    {
        var bed = new ScrubbingBed(workers: workers);
        bed.Attack(2 * Syns);
        return bed;
    }

    public ReferenceOutcome Receive(string port, byte[] frame) => Switch.Receive(port, frame, NowNs);

    public ReferenceOutcome Syn(string source, ushort from = 4000, ushort to = 80, uint sequence = 0, string eip = EipAddress) =>
        Receive("internet", Frames.Tcp(Outside(source, eip), from, to, TcpBits.Syn, 0, sequence, 0));

    /// <summary>What a host says to a SYN+ACK that does not answer its SYN (RFC 9293 section 3.10.7.3).</summary>
    public ReferenceOutcome Reset(string source, byte[] challenge, ushort from = 4000, uint shift = 0, string eip = EipAddress) => Receive(
        "internet", Frames.Tcp(Outside(source, eip), from, 80, TcpBits.Rst, 0, BinaryPrimitives.ReadUInt32BigEndian(challenge.AsSpan(42)) + shift, 0));

    public ReferenceOutcome Udp(string source, ushort from) => Receive("internet", Frames.Udp(Outside(source, EipAddress), from, 1000));

    public ReferenceOutcome Echo(string source) => Receive("internet", Frames.Echo(Outside(source, EipAddress), 1, 1));

    /// <summary>SYNs from addresses that nobody has, never the same twice, all at once.</summary>
    public void Attack(int count)
    {
        for (int i = 0; i < count; i++)
        {
            Syn(Spoofed(_spoofed++));
        }
    }

    public void Establish(string client, ushort port, string eip = EipAddress, string eni = "web", string inside = Inside)
    {
        Expect(Syn(client, port, eip: eip));
        Expect(Receive(eni, Frames.Tcp(Routed(eni, inside, client), 80, port, TcpBits.Syn | TcpBits.Ack, 0, 0, 1)));
        Expect(Receive("internet", Frames.Tcp(Outside(client, eip), port, 80, TcpBits.Ack, 0, 1, 1)));
        _said[(client, port)] = (1, 1);
    }

    /// <summary>Ten bytes on a connection; to one that is not there nothing but a segment out of the blue.</summary>
    public ReferenceOutcome Talk(string client, ushort port, bool fromInside, string eip = EipAddress, string eni = "web", string inside = Inside)
    {
        (uint o, uint i) = _said.GetValueOrDefault((client, port), (1u, 1u));
        _said[(client, port)] = fromInside ? (o, i + 10) : (o + 10, i);
        return fromInside
            ? Receive(eni, Frames.Tcp(Routed(eni, inside, client), 80, port, TcpBits.Ack, 10, i, o))
            : Receive("internet", Frames.Tcp(Outside(client, eip), port, 80, TcpBits.Ack, 10, o, i));
    }

    public void Dispose() => Switch.Dispose();

    private static void Expect(ReferenceOutcome outcome) => Xunit.Assert.Equal(OutcomeKind.Forwarded, outcome.Kind);

    private static SwitchConfig With(ProtectionConfig? protection, int capacity) => Rich with
    {
        Switch = Rich.Switch with { ConnectionCapacity = capacity },
        ElasticIps = [.. Rich.ElasticIps.Select(e => e.Name == "web-ip" ? e with { Protection = protection } : e)],
    };
}
