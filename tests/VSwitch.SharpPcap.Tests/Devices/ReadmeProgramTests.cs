using System.Diagnostics;
using VSwitch.Devices.Pcap;
using VSwitch.Testing;
using Xunit;

namespace VSwitch.SharpPcap.Tests.Devices;

/// <summary>The program in the adapter's README runs as it stands there.</summary>
public class ReadmeProgramTests
{
    [LibpcapFact]
    public void The_ten_lines_print_every_packet_of_the_capture()
    {
        string readme = File.ReadAllText(Path.Combine(RepositoryRoot.Folder, "src", "VSwitch.SharpPcap", "README.md"));
        int from = readme.IndexOf("```csharp\n", StringComparison.Ordinal) + "```csharp\n".Length;
        string code = readme[from..readme.IndexOf("```", from, StringComparison.Ordinal)];
        Assert.InRange(code.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length, 5, 11);
        string folder = Directory.CreateTempSubdirectory("vswitch-lines-").FullName;
        try
        {
            // The project's folder is the only thing that is elsewhere.
            string file = Path.Combine(folder, "wire.cs");
            File.WriteAllText(file, code.Replace("#:project src/", $"#:project {RepositoryRoot.Folder}/src/", StringComparison.Ordinal));
            var start = new ProcessStartInfo("dotnet", ["run", file])
            {
                WorkingDirectory = RepositoryRoot.Folder,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using Process process = Process.Start(start)!;
            Task<string> error = process.StandardError.ReadToEndAsync();
            string[] lines = process.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, string.Join('\n', lines) + error.Result);
            Assert.Equal(CountOf("demo.pcap"), lines.Length);
            Assert.All(lines, line => Assert.StartsWith("[EthernetPacket: ", line, StringComparison.Ordinal));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static int CountOf(string capture)
    {
        using var reader = CaptureReader.Open(Path.Combine(RepositoryRoot.Folder, "captures", capture));
        int count = 0;
        while (reader.TryReadNext(out _))
        {
            count++;
        }

        return count;
    }
}
