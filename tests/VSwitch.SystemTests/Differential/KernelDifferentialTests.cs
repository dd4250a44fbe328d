using VSwitch.ControlPlane.Config;
using VSwitch.Testing;
using VSwitch.Testing.Differential;
using VSwitch.Wire;
using Xunit;
using Xunit.Abstractions;

namespace VSwitch.SystemTests.Differential;

/// <summary>The same frames in the same order through the switch and through the kernel's router with connection tracking and
/// nftables: the same verdict for each, and the same bytes, but for the differences that tests/README.md lists.</summary>
public class KernelDifferentialTests(ITestOutputHelper output)
{
    private const int PolicyCount = 15;
    private const int BatchesOfAPolicy = 125;
    private const int BatchCount = 64;
    private const long FrameNs = 1000;

    // Nothing expires while the test runs: the kernel's clock cannot be moved.
    private static readonly TimeSpan Timeout = TimeSpan.FromHours(1);

    [RootFact("nft")]
    public void Switch_and_kernel_give_every_frame_the_same_verdict()
    {
        var random = new Random(Seeded.Take("kernel against switch", output.WriteLine));
        var judge = new TrialJudge();
        for (int i = 0; i < PolicyCount; i++)
        {
            RunPolicy(random, judge);
        }

        output.WriteLine($"{judge.JudgedCount} frames judged, {judge.PassedCount} of them passed");
        foreach ((string name, int count) in judge.Explained)
        {
            output.WriteLine(count > 0 ? $"{count} times {name}" : $"never {name}: remove it from the list, or lengthen the run");
        }

        Assert.True(judge.Faults.Count == 0, judge.Report());
        Assert.InRange(judge.PassedCount, judge.JudgedCount / 3, judge.JudgedCount);
        Assert.InRange(judge.JudgedCount, PolicyCount * BatchesOfAPolicy * BatchCount * 9 / 10, int.MaxValue);
    }

    private static void RunPolicy(Random random, TrialJudge judge)
    {
        SwitchConfig config = TrialPolicy.Make(random, Timeout);
        using var kernel = new KernelRouter(config, Timeout);
        using var vswitch = new SwitchUnderTest(config);
        var traffic = new TrialTraffic(config, random);
        long nowNs = 1_000_000_000;
        for (int batch = 0; batch < BatchesOfAPolicy; batch++)
        {
            List<TrialFrame> frames = [.. Enumerable.Range(0, BatchCount).Select(_ => traffic.Next())];
            ILookup<uint, (string Port, byte[] Frame)> received = kernel.Send(frames.Select(frame => (frame.Port, frame.Bytes)))
                .Where(sent => !IsFromRouter(sent.Frame)).ToLookup(sent => Number(sent.Frame));
            foreach (TrialFrame frame in frames)
            {
                judge.Judge(frame, [.. received[Number(frame.Bytes)]], vswitch.Receive(frame.Port, frame.Bytes, nowNs += FrameNs));
            }

            ILookup<uint, TrialFrame> known = frames.ToLookup(frame => Number(frame.Bytes));
            Assert.DoesNotContain(received, sent => !known.Contains(sent.Key));
        }
    }

    private static bool IsV6(byte[] frame) => frame[12] == 0x86;

    /// <summary>What a frame is known again by: IPv4 identification, IPv6 flow label.</summary>
    private static uint Number(byte[] frame) => IsV6(frame)
        ? 0x1000_0000 | ((uint)(frame[15] & 15) << 16) | ((uint)frame[16] << 8) | frame[17]
        : ((uint)frame[18] << 8) | frame[19];

    /// <summary>The router's own: its addresses are the first of each subnet; link-local ones are its housekeeping.</summary>
    private static bool IsFromRouter(byte[] frame)
    {
        IpAddress source = IpAddress.Read(frame.AsSpan(IsV6(frame) ? 22 : 26), IsV6(frame));
        return (source.IsV6 ? (ulong)source.Bits == 1 : (byte)source.Bits == 1) || source.IsLinkLocal || source.IsUnspecified;
    }
}
