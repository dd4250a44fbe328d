using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Demo;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using VSwitch.Trace;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.Tests.Properties;

/// <summary>What trace says of a packet is what happens when it is sent.</summary>
public class TraceAndDemoTests(ITestOutputHelper output)
{
    [Fact]
    public void Explaining_equals_sending()
    {
        int seed = Seeded.Take("trace property", output.WriteLine);
        SwitchConfig config = TestTopologies.Rich();
        var traffic = new RandomTraffic(config, seed);
        for (int i = 0; i < 1500; i++)
        {
            TrafficFrame next = traffic.Next();
            using var real = new SwitchUnderTest(config);
            ReferenceOutcome sent = real.Receive(next.Port, next.Frame, 1_000_000_000);
            foreach ((string port, byte[] frame) in sent.Sent)
            {
                traffic.Observe(port, frame);
            }

            string verdict = Tracer.Explain(config, next.Port, next.Frame)[^1].Text;
            string expected = sent.Kind switch
            {
                OutcomeKind.Forwarded => $"forwarded to {sent.Sent[0].Port}",
                OutcomeKind.Answered => "answered by the switch",
                OutcomeKind.Consumed => "consumed",
                OutcomeKind.Held => "held: ",
                _ => $"dropped: {sent.DropReason.Name()}. ",
            };
            Assert.StartsWith(expected, verdict, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_shipped_capture_holds_the_packets_of_the_demo()
    {
        string folder = Path.Combine(RepositoryRoot.Folder, "captures");
        SwitchConfig config = ConfigReader.Read(Path.Combine(folder, "demo.yaml")).Config!;
        using var reader = VSwitch.Devices.Pcap.CaptureReader.Open(Path.Combine(folder, "demo.pcap"));
        foreach (DemoScenario scenario in DemoScenario.All(n => n))
        {
            Assert.True(reader.TryReadNext(out VSwitch.Devices.Pcap.CaptureRecord record));
            Assert.Equal(TracePacket.Parse(scenario.Packet, scenario.Port, config), record.Bytes.ToArray());
            string verdict = Tracer.Explain(config, scenario.Port, record.Bytes)[^1].Text;
            Assert.Equal(scenario.Reason == DropReason.None, !verdict.StartsWith("dropped", StringComparison.Ordinal));
        }

        Assert.False(reader.TryReadNext(out _));
    }

    [Theory]
    [InlineData("web1", "tcp 10.0.1.10:40000 > 198.51.100.254:80 syn", "forwarded to internet")]
    [InlineData("internet", "tcp 198.51.100.254:40000 > 203.0.113.10:80 syn", "forwarded to web1")]
    [InlineData("web2", "icmp 10.0.1.11 > 10.1.1.10", "forwarded to db")]
    [InlineData("db", "tcp 10.1.1.10:40000 > 10.0.1.10:22 syn", "dropped: security-group-ingress")]
    public void The_shipped_cloud_does_what_it_says(string port, string packet, string verdict)
    {
        SwitchConfig config = ConfigReader.Read(Path.Combine(RepositoryRoot.Folder, "captures", "cloud.yaml")).Config!;
        Assert.StartsWith(verdict, Tracer.Explain(config, port, TracePacket.Parse(packet, port, config))[^1].Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tcp 1.2.3.4 > 5.6.7.8")]
    [InlineData("tcp 1.2.3.4:1 > 5.6.7.8:2 sin")]
    [InlineData("icmp 1.2.3.4 < 5.6.7.8")]
    [InlineData("icmp 1.2.3.4 > fd00::1")]
    [InlineData("")]
    public void Words_that_are_no_packet_are_refused(string words)
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => TracePacket.Parse(words, "web", TestTopologies.Rich()));
        Assert.Contains('\'', error.Message);
    }
}
