using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Live;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Trace;
using VSwitch.Wire;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.Live;

/// <summary>What is said of a change before it is made is what the next packets meet after it: random traffic, every change of
/// TestTopologies.Changes to every other, each live connection, both ends.</summary>
public sealed class FlowImpactPropertyTests(ITestOutputHelper output)
{
    private const int Frames = 250;
    private const long StartNs = 1_000_000_000;

    [Fact]
    public void What_is_said_is_what_happens()
    {
        var random = new Random(Seeded.Take("flow impact", output.WriteLine));
        IReadOnlyList<SwitchConfig> configs = [.. TestTopologies.Changes().Select(WithoutRates)];
        var fates = new Dictionary<ConnectionFate, int>();
        foreach ((SwitchConfig before, SwitchConfig after) in configs.SelectMany(before => configs.Select(after => (before, after))))
        {
            int seed = random.Next();
            Compare(before, after, seed, isReply: false, fates);
            Compare(before, after, seed, isReply: true, fates);
        }

        output.WriteLine(string.Join(", ", fates));
        Assert.All(Enum.GetValues<ConnectionFate>().Where(f => f != ConnectionFate.Rerouted), f => Assert.True(fates.GetValueOrDefault(f) > 10, $"{f}: {fates.GetValueOrDefault(f)}"));
    }

    private static void Compare(SwitchConfig before, SwitchConfig after, int seed, bool isReply, Dictionary<ConnectionFate, int> fates)
    {
        // The same history three times: one is asked, one goes on unchanged, one is changed.
        using SwitchUnderTest asked = Replay(before, seed, out long nowNs);
        using SwitchUnderTest unchanged = Replay(before, seed, out _);
        using SwitchUnderTest changed = Replay(before, seed, out _);
        using var judge = new ConnectionJudge(asked.Workers.Shared, asked.Prepare(after), nowNs);
        IReadOnlyList<ConnectionRecord> live = asked.Connections();
        changed.Reconfigure(after);
        foreach (ConnectionRecord record in live)
        {
            nowNs += 100_000;
            byte[] frame = RealNextFrame(record, isReply);
            string port = asked.Snapshot.PortNames[isReply ? record.OtherPort : record.OpenerPort];
            if (unchanged.Receive(port, frame, nowNs).Kind != OutcomeKind.Forwarded || !changed.HasPort(port))
            {
                // The connection itself would not take it (closing TCP), or its sender is gone.
                continue;
            }

            ConnectionVerdict said = judge.Ask(record, isReply);
            long removed = changed.Workers.Workers[0].Counters.FlowsRemoved;
            ReferenceOutcome seen = changed.Receive(port, frame, nowNs);
            bool hasEnded = changed.Workers.Workers[0].Counters.FlowsRemoved != removed;
            string expected = $"{said.Fate} {said.Reason}";
            string happened = seen.Kind switch
            {
                OutcomeKind.Dropped => $"Lost {seen.DropReason}",
                _ when hasEnded => "Reopened None",
                OutcomeKind.Held => "Kept None",
                _ => seen.Sent[0].Port == asked.Snapshot.PortNames[isReply ? record.OpenerPort : record.OtherPort] ? "Kept None" : "Rerouted None",
            };
            Assert.True(expected == happened, $"{port}{(isReply ? " replies" : "")}: said {expected}, was {happened}; {record.Entry.State}, {Convert.ToHexString(frame)}\nwhy: {judge.Explain(record, isReply)}");
            fates[said.Fate] = fates.GetValueOrDefault(said.Fate) + 1;
        }
    }

    private static SwitchUnderTest Replay(SwitchConfig config, int seed, out long nowNs)
    {
        var traffic = new RandomTraffic(config, seed);
        var real = new SwitchUnderTest(config);
        nowNs = StartNs;
        for (int i = 0; i < Frames; i++)
        {
            TrafficFrame next = traffic.Next();
            nowNs += 10_000;
            foreach ((string port, byte[] frame) in real.Receive(next.Port, next.Frame, nowNs).Sent)
            {
                traffic.Observe(port, frame);
            }
        }

        return real;
    }

    /// <summary>The frame that asks about the connection, with numbers that fit it: the property wants the real state machines.</summary>
    private static byte[] RealNextFrame(in ConnectionRecord record, bool isReply)
    {
        byte[] frame = new byte[NextPacket.MaxBytes];
        int bytes = NextPacket.Write(record, isReply, frame);
        if (record.Protocol == (byte)IpProtocol.Tcp)
        {
            TcpNumbers numbers = TcpNumbers.Next(record, record.IsOpenerHigher != isReply);
            Span<byte> tcp = frame.AsSpan(bytes - 20);
            bool isSyn = (tcp[13] & 2) != 0;
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(tcp[4..], numbers.Sequence - (isSyn && !isReply ? 1u : 0));
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(tcp[8..], numbers.Acknowledgment);
            tcp[14] = 0x10;
        }

        return frame[..bytes];
    }

    /// <summary>Bandwidth that some packets use up is no affair of the policy.</summary>
    private static SwitchConfig WithoutRates(SwitchConfig config) => config with
    {
        ElasticIps = [.. config.ElasticIps.Select(eip => eip with { BandwidthBitsPerSecond = null, BandwidthInBitsPerSecond = null })],
    };
}
