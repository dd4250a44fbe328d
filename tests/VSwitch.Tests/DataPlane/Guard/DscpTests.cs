using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Testing.Reference;
using Xunit;
using static VSwitch.Tests.Testing.RowWords;

namespace VSwitch.Tests.DataPlane.Guard;

/// <summary>The DSCP of what an ENI sends (order of checks, section 17): written, ECN kept, checksums right, on every kind of packet.
/// </summary>
public class DscpTests
{
    private const byte Ef = 46;
    private const long Start = 1_000_000_000_000;
    private static readonly FrameAddresses Ends = Switched("a", "b", "10.0.1.10", "10.0.1.11");
    private static readonly FrameAddresses Ends6 = Switched("a", "b", "fd00:b:0:1::10", "fd00:b:0:1::11");

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(0xFF)]
    [InlineData(0xB9)]
    public void It_is_written_and_the_rest_of_the_byte_stays(byte before)
    {
        using var real = Marking();
        byte[] four = PacketBuilder.Eth(Ends.SourceMac, Ends.DestinationMac).IPv4(Ends.Source, Ends.Destination, ip => ip with { TypeOfService = before })
            .Udp(1, 2).Payload(8).Build();
        byte[] six = PacketBuilder.Eth(Ends.SourceMac, Ends.DestinationMac)
            .IPv6(Ends6.Source, Ends6.Destination, ip => ip with { TrafficClass = before, FlowLabel = 0xABCDE }).Udp(1, 2).Payload(8).Build();
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal((Ef << 2) | (before & 3), ClassOf(Send(real, "a", four)));
            byte[] sent = Send(real, "a", six);
            Assert.Equal((Ef << 2) | (before & 3), ClassOf(sent));
            Assert.Equal(six[15..][..3].Select((b, n) => n == 0 ? b & 0x0F : b), sent[15..][..3].Select((b, n) => n == 0 ? b & 0x0F : b));
        }
    }

    [Fact]
    public void What_the_others_send_keeps_its_own()
    {
        using var real = Marking();
        byte[] there = Frames.Udp(Ends, 1, 2);
        byte[] back = PacketBuilder.Eth(Ends.DestinationMac, Ends.SourceMac).IPv4(Ends.Destination, Ends.Source, ip => ip with { TypeOfService = 0x28 })
            .Udp(2, 1).Payload(8).Build();
        Send(real, "a", there);
        Assert.Equal(0x28, ClassOf(Send(real, "b", back)));
        Assert.Equal(Ef << 2, ClassOf(Send(real, "a", there)));
    }

    [Fact]
    public void Fragments_and_errors_have_it_too()
    {
        using var real = Marking();
        foreach (FrameAddresses ends in (FrameAddresses[])[Ends, Ends6])
        {
            Assert.All(Frames.Fragments(Frames.Udp(ends, 5, 6, 600), 256, 77), f => Assert.Equal(Ef << 2, ClassOf(Send(real, "a", f, isWhole: false))));
        }

        byte[] asked = Send(real, "b", Frames.Udp(Ends.Reverse(), 7, 8));
        byte[] error = PacketBuilder.Eth(Ends.SourceMac, Ends.DestinationMac).Ip(Ends.Source, Ends.Destination).IcmpError(3, 3, asked, 28).Build();
        Assert.Equal(Ef << 2, ClassOf(Send(real, "a", error)));
    }

    [Fact]
    public void It_changes_with_the_configuration_at_once()
    {
        using var real = Marking();
        byte[] frame = Frames.Udp(Ends, 1, 2);
        Assert.Equal(Ef << 2, ClassOf(Send(real, "a", frame)));
        real.Reconfigure(With(10));
        Assert.Equal(10 << 2, ClassOf(Send(real, "a", frame)));
        real.Reconfigure(With(0));
        Assert.Equal(0, ClassOf(Send(real, "a", frame)));
        real.Reconfigure(With(null));
        Assert.Equal(frame[14..], Send(real, "a", frame)[14..]);
    }

    private static SwitchConfig With(byte? dscp) => Small with { Enis = [.. Small.Enis.Select(e => e.Name == "a" ? e with { Dscp = dscp } : e)] };

    private static SwitchUnderTest Marking() => new(With(Ef));

    private static byte[] Send(SwitchUnderTest real, string port, byte[] frame, bool isWhole = true)
    {
        ReferenceOutcome outcome = real.Receive(port, frame, Start);
        Assert.Equal(OutcomeKind.Forwarded, outcome.Kind);
        byte[] sent = Assert.Single(outcome.Sent).Frame;
        if (isWhole)
        {
            PacketAssert.IsValid(sent);
        }
        else if (sent[12] == 8)
        {
            Assert.True(OnesComplement.IsRight(sent.AsSpan(14, 20)), "the header's checksum is right");
        }

        return sent;
    }

    private static int ClassOf(byte[] frame) => frame[12] == 8 ? frame[15] : ((frame[14] & 15) << 4) | (frame[15] >> 4);
}
