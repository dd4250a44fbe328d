using System.Diagnostics;
using VSwitch.Devices.Pcap;
using Xunit;

namespace VSwitch.SystemTests.BlackBox;

/// <summary>A second opinion on the frames that left the switch: tshark's.</summary>
internal static class Tshark
{
    private const int LimitMs = 60_000;

    /// <summary>Enough of a long transfer; <see cref="VSwitch.Testing.PacketAssert"/> has seen them all.</summary>
    private const int MostFrames = 20_000;

    /// <summary>Status 0 of a checksum is bad.</summary>
    private const string Wrong =
        "ip.checksum.status==0 || tcp.checksum.status==0 || udp.checksum.status==0 || icmp.checksum.status==0";

    /// <summary>Has tshark check the checksums of IPv4, TCP, UDP and ICMP.</summary>
    public static void FindsNothingWrong(IEnumerable<byte[]> frames, string folder)
    {
        string file = Path.Combine(folder, "sent.pcap");
        using (var writer = new PcapWriter(file))
        {
            foreach (byte[] frame in frames.Take(MostFrames))
            {
                writer.Write(frame, writer.Count);
            }
        }

        string[] arguments =
        [
            "-n", "-r", file, "-Y", Wrong,
            "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
        ];
        using Process tshark = Process.Start(new ProcessStartInfo("tshark", arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        Task<string> output = tshark.StandardOutput.ReadToEndAsync();
        Task<string> error = tshark.StandardError.ReadToEndAsync();
        bool ended = tshark.WaitForExit(LimitMs);
        if (!ended)
        {
            tshark.Kill(entireProcessTree: true);
        }

        Assert.True(ended && tshark.ExitCode == 0, error.Result);
        Assert.Equal("", output.Result);
    }
}
