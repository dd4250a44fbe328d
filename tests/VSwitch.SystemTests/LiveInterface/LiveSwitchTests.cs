using System.Text.Json;
using VSwitch.Live;
using Xunit;

namespace VSwitch.SystemTests.LiveInterface;

/// <summary>The program on live interfaces.</summary>
public sealed class LiveSwitchTests
{
    [RootFact("unshare", "mount", "ping", "iperf3", "ss")]
    public void In_a_user_namespace_super_packets_pass_whole_both_ways()
    {
        foreach (string queues in (string[])["", ", queues: 1"])
        {
            using JsonDocument summary = UserNamespaceRun.Run(typeof(SwitchHost).Assembly.Location, "interface", queues);
            foreach ((long bytes, long frames) in UserNamespaceRun.Received(summary))
            {
                // 100 MB went each way; acknowledgements draw the mean down.
                Assert.InRange(bytes, 100_000_000, 400_000_000);
                Assert.InRange(bytes / frames, 3000, 65_535);
            }
        }
    }
}
