using VSwitch.DataPlane.Buffers;
using VSwitch.Devices.Live;
using VSwitch.SystemTests;
using VSwitch.SystemTests.LiveInterface;
using VSwitch.Testing;
using VSwitch.Wire;
using Xunit;
using static VSwitch.SystemTests.LiveInterface.LiveWire;

namespace VSwitch.SharpPcap.Tests.Live;

/// <summary>What Linux leaves to a device and libpcap does not tell: found in the frame, on a real veth.</summary>
public class SharpPcapOffloadTests
{
    private const int MtuBytes = 1500;

    [RootFact("tcpdump")]
    public void Partial_checksums_are_found()
    {
        using var wire = new LiveWire();
        SharpPcapDevice device = wire.Open(NearNamespace, () => SharpPcapDevice.Open(Near, new SharpPcapOptions { MtuBytes = MtuBytes }));
        PacketSocketDevice far = wire.Open(FarNamespace, Far);
        foreach (PartialFrame frame in PartialFrame.All(payload: 333))
        {
            Assert.Equal(1, wire.Offer(far, new LiveFrame(frame.Bytes, frame.Offload)));
            LiveFrame got = Assert.Single(wire.Await(device, 1));
            PacketAssert.Equal(frame.Bytes, got.Bytes);
            Assert.Equal(frame.Offload, got.Offload);
        }
    }

    [RootFact("tcpdump")]
    public void Super_packets_are_found_and_cut_to_the_MTU()
    {
        using var wire = new LiveWire();
        SharpPcapDevice device = wire.Open(NearNamespace, () => SharpPcapDevice.Open(Near, new SharpPcapOptions { MtuBytes = MtuBytes }));
        PacketSocketDevice far = wire.Open(FarNamespace, Far);
        foreach (int payload in (int[])[1600, 20_000, 65_160])
        {
            foreach (PartialFrame frame in PartialFrame.All(payload).Where(f => f.IsTcp))
            {
                VirtioNetHeader offload = frame.Offload with
                {
                    GsoType = frame.IsV6 ? VirtioNetHeader.Tcp6 : VirtioNetHeader.Tcp4,
                    GsoSize = 1000,
                    HeaderLength = (ushort)(frame.Offload.ChecksumStart + 20),
                };
                Assert.Equal(1, wire.Offer(far, new LiveFrame(frame.Bytes, offload)));
                LiveFrame got = Assert.Single(wire.Await(device, 1));
                PacketAssert.Equal(frame.Bytes, got.Bytes);
                Assert.Equal(offload with { GsoSize = (ushort)(MtuBytes - 20 - (frame.IsV6 ? 40 : 20)) }, got.Offload);
            }
        }

        Assert.Equal(0, device.Status.LostCount);
    }
}
