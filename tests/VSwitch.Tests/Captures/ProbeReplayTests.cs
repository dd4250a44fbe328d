using VSwitch.DataPlane.Probes;
using VSwitch.Testing;
using VSwitch.Testing.Captures;
using VSwitch.Tests.DataPlane.Probes;
using Xunit;

namespace VSwitch.Tests.Captures;

/// <summary>Health checks in a replay: at their own time between the frames, the same bytes for any number of workers.</summary>
public class ProbeReplayTests
{
    private const long StartNs = 1_700_000_000_000_000_000;

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Questions_are_sent_between_frames_at_their_own_time(int workers)
    {
        TraceResult result = TraceReplay.Run(
            ProbeLab.Config(ProbeKind.Tcp), [At(0), At(10_300_000_000)], workers);
        Assert.Equal(
            Enumerable.Range(0, 11).Select(i => StartNs + (i * 1_000_000_000L)), result.Sent["a"].Select(f => f.TimestampNs / 1_000_000 * 1_000_000));
        Assert.All(result.Sent["a"], f => PacketAssert.That(f.Bytes, PacketAssert.Flags(TcpBits.Syn), PacketAssert.Addresses(ProbeLab.Router, ProbeLab.A)));
        Assert.Equal(13, result.Sent["b"].Count);
        Assert.Equal((11, 13), (result.Summary.Ports["a"].Generated, result.Summary.Ports["b"].Generated));
    }

    [Fact]
    public void After_an_hour_of_silence_they_rest_until_the_next_frame()
    {
        TraceResult result = TraceReplay.Run(
            ProbeLab.Config(ProbeKind.Arp), [At(0), At(100L * 86_400 * 1_000_000_000)]);
        Assert.InRange(result.Sent["a"].Count, 3600, 3650);
    }

    private static LabFrame At(long afterNs) => new(
        "b", StartNs + afterNs, Frames.ArpRequest(ProbeLab.MacOf("b"), TestTopologies.Ip("10.0.1.11"), ProbeLab.Router), null, null);
}
