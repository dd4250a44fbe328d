using VSwitch.Bench;
using VSwitch.Bench.Reporting;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Live;
using VSwitch.Lab;

namespace VSwitch.SharpPcap.Bench;

/// <summary>What a frame costs to capture and to send by AF_PACKET and by SharpPcap, on one thread and one veth, in rounds in which each
/// has its turn. Time is the thread's own processor time, the kernel's part of it included.</summary>
internal static class DeviceBench
{
    private const int Rounds = 1000;
    private const int WarmUpRounds = 200;
    private const int FramesOfARound = 128;
    private const int Looks = 2000;
    private static readonly int[] Sizes = [60, 1514];

    /// <summary>Measures all and gives the table.</summary>
    public static string Run()
    {
        using var wire = new BenchWire();
        var table = new MarkdownTable(
            "way", "60 B: ns a frame", "p90", "of the first", "1514 B: ns a frame", "p90", "of the first", "bytes allocated a frame", "ns a look at nothing");
        AddRows(table, "capture, ", Captures());
        AddRows(table, "send, ", Sends());
        return table.ToString();
    }

    private static void AddRows(MarkdownTable table, string what, List<WayFigures> ways)
    {
        foreach (WayFigures way in ways)
        {
            string[] times = [.. Sizes.Select((_, size) => (Way: way.Samples[size], First: Percentiles.Median(ways[0].Samples[size])))
                .SelectMany(t => (double[])[Percentiles.Median(t.Way), Percentiles.Of([.. t.Way.Order()], 0.9), Percentiles.Median(t.Way) / t.First])
                .Select(MarkdownTable.Number)];
            string look = way.LookNs is double ns ? MarkdownTable.Number(ns) : "";
            table.Add([what + way.Name, .. times, MarkdownTable.Number(way.AllocatedBytes), look]);
        }
    }

    private static List<WayFigures> Captures()
    {
        using IPacketDevice far = NamespaceThread.Run(BenchWire.FarNamespace, () => new PacketSocketDevice(BenchWire.Far, 1));
        List<CaptureWay> ways = CaptureWay.OpenAll();
        List<WayFigures> figures = [.. ways.Select(w => new WayFigures(w.Name, Sizes.Length))];
        for (int size = 0; size < Sizes.Length; size++)
        {
            using var store = new FrameStore(Sizes[size]);
            for (int round = -WarmUpRounds; round < Rounds; round++)
            {
                store.Send(far, FramesOfARound);
                for (int way = 0; way < ways.Count; way++)
                {
                    figures[way].Add(size, round >= 0, FramesOfARound, () => ways[way].Take(store, FramesOfARound));
                }
            }

            for (int way = 0; size == 0 && way < ways.Count; way++)
            {
                figures[way].LookNs = ways[way].Port is IPacketDevice port ? Look(port, store) : null;
            }
        }

        ways.ForEach(w => w.Dispose());
        return figures;
    }

    private static double Look(IPacketDevice port, FrameStore store) => Percentiles.MedianOf(5, () =>
    {
        double before = ThreadClock.NowNs();
        for (int i = 0; i < Looks; i++)
        {
            if (store.Receive(port) != 0)
            {
                throw new IOException($"{port.Name}: a frame that nobody sent");
            }
        }

        return (ThreadClock.NowNs() - before) / Looks;
    });

    private static List<WayFigures> Sends()
    {
        List<(string Name, IPacketDevice Port)> ways = NamespaceThread.Run(BenchWire.NearNamespace, () => new List<(string, IPacketDevice)>
        {
            ("AF_PACKET: `interface`", new PacketSocketDevice(BenchWire.Near, 1)),
            ("libpcap: `sharppcap`", SharpPcapDevice.Open(BenchWire.Near, new SharpPcapOptions { MtuBytes = 1500 })),
            ("libpcap by SharpPcap's send queue", SharpPcapDevice.Open(BenchWire.Near, new SharpPcapOptions { MtuBytes = 1500, UseSendQueue = true })),
        });
        List<WayFigures> figures = [.. ways.Select(w => new WayFigures(w.Name, Sizes.Length))];
        for (int size = 0; size < Sizes.Length; size++)
        {
            using var store = new FrameStore(Sizes[size]);
            for (int round = -WarmUpRounds; round < Rounds; round++)
            {
                for (int way = 0; way < ways.Count; way++)
                {
                    figures[way].Add(size, round >= 0, FramesOfARound, () => store.Send(ways[way].Port, FramesOfARound));
                }
            }
        }

        ways.ForEach(w => w.Port.Dispose());
        return figures;
    }
}
