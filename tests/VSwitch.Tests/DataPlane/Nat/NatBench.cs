using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Wire;
using Xunit;

namespace VSwitch.Tests.DataPlane.Nat;

/// <summary>A switch with the topology of <see cref="TestTopologies.Nat"/>, its ends, and what became of a frame in one line.</summary>
internal sealed class NatBench(SwitchConfig config, int workers = 1) : IDisposable
{
    public const string World = "203.0.113.5";
    public const string NatIp = "198.51.100.50";
    private const long StartNs = 1_000_000_000_000;

    public NatBench()
        : this(TestTopologies.Nat())
    {
    }

    public SwitchUnderTest Switch { get; } = new(config, workers);

    /// <summary>What was sent for the last frame.</summary>
    public IReadOnlyList<(string Port, byte[] Frame)> Sent { get; private set; } = [];

    /// <summary>The one frame that was sent for the last one.</summary>
    public byte[] Frame => Assert.Single(Sent).Frame;

    /// <summary>From an ENI by the router.</summary>
    public static FrameAddresses From(string eni, string to = World)
    {
        EniConfig from = Eni(eni);
        return new FrameAddresses(from.Mac, new SwitchSettings().GatewayMac, from.PrivateIps[0], TestTopologies.Ip(to));
    }

    /// <summary>From outside.</summary>
    public static FrameAddresses To(string address, string from = World) => new(
        TestTopologies.GatewayNeighbor, new InternetConfig().Mac, TestTopologies.Ip(from), TestTopologies.Ip(address));

    public static EniConfig Eni(string name) => TestTopologies.Nat().Enis.First(e => e.Name == name);

    /// <summary>Sends a frame in; says what became of it: "internet 198.51.100.50:40000 > 203.0.113.5:53", "dropped nat-unsolicited". Whatever
    /// was forwarded is checked to be sound.</summary>
    public string Send(string port, byte[] frame, long atMs = 0)
    {
        ReferenceOutcome outcome = Switch.Receive(port, frame, StartNs + (atMs * 1_000_000));
        Sent = outcome.Sent;
        if (outcome.Kind != OutcomeKind.Forwarded)
        {
            return outcome.Kind == OutcomeKind.Dropped ? $"dropped {outcome.DropReason.Name()}" : outcome.Kind.ToString();
        }

        (string to, byte[] sent) = outcome.Sent[0];
        PacketAssert.IsValid(sent);
        return $"{to} {Ends(sent)}";
    }

    public void Dispose() => Switch.Dispose();

    /// <summary>Addresses with ports; of an ICMP query with its identifier on both sides.</summary>
    private static string Ends(byte[] frame)
    {
        PacketFields fields = PacketFields.Of(frame);
        int l4 = 14 + ((frame[14] & 15) * 4);
        int Word(int at) => (frame[l4 + at] << 8) | frame[l4 + at + 1];
        (int from, int to) = frame[23] == 1 ? (Word(4), Word(4)) : (Word(0), Word(2));
        bool hasPorts = frame[23] is 6 or 17 or 1 && ((frame[20] & 0x1F) | frame[21]) == 0;
        return hasPorts ? $"{fields["ip.src"]}:{from} > {fields["ip.dst"]}:{to}" : $"{fields["ip.src"]} > {fields["ip.dst"]}";
    }
}
