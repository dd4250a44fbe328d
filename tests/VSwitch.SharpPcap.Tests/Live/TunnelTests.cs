using System.Net.NetworkInformation;
using SharpPcap.Tunneling;
using VSwitch.Lab;
using VSwitch.SystemTests;
using VSwitch.SystemTests.BlackBox;
using VSwitch.SystemTests.LiveInterface;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using static VSwitch.SystemTests.LiveInterface.LiveWire;

namespace VSwitch.SharpPcap.Tests.Live;

/// <summary>A real device of SharpPcap's that is not libpcap's: its TAP (TunnelDevice), whose own thread brings the frames.</summary>
public class TunnelTests
{
    private const string Tap = "vlwtap0";
    private static readonly FrameAddresses Ends = new(
        new MacAddress(0x0200_0000_0001), new MacAddress(0x0200_0000_0002), IpAddress.Parse("10.0.0.1"), IpAddress.Parse("10.0.0.2"));

    [RootFact]
    public void A_tap_of_SharpPcap_carries_frames_both_ways()
    {
        using var wire = new LiveWire();
        LabProcess.Ip("-n", NearNamespace, "tuntap", "add", "dev", Tap, "mode", "tap");
        SharpPcapDevice device = wire.Open(NearNamespace, () => new SharpPcapDevice(
            new TunnelDevice(NetworkInterface.GetAllNetworkInterfaces().Single(i => i.Name == Tap)), new SharpPcapOptions { MtuBytes = 1500 }));
        Assert.Equal($"sharppcap tap:{Tap}", device.Name);
        PacketSocket socket = wire.OpenSocket(NearNamespace, Tap);
        for (int size = 20; size <= 1400; size += 60)
        {
            byte[] frame = Frames.Udp(Ends, 1, 9, size);
            socket.Send(frame);
            PacketAssert.Equal(frame, Assert.Single(wire.Await(device, 1)).Bytes);
            Assert.Equal(1, wire.Offer(device, new LiveFrame(frame)));
            PacketAssert.Equal(frame, Assert.Single(Await(socket, 1)));
        }

        Assert.Equal((0L, 0L), (device.Status.LostCount, device.Status.TransmitErrorCount));
    }
}
