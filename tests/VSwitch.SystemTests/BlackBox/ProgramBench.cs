using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using VSwitch.Commands;
using VSwitch.Live;
using VSwitch.Testing;

namespace VSwitch.SystemTests.BlackBox;

/// <summary>The bench around the program as a user starts it: <c>vswitch run CONFIG --json</c> in a process of its own.
/// What the switch counted is known when it has ended, from its closing summary.</summary>
internal sealed class ProgramBench : IDisposable
{
    private const int StartLimitMs = 30_000;
    private readonly string _folder = Directory.CreateTempSubdirectory("vswitch-program-").FullName;
    private readonly List<string> _log = [];
    private readonly ManualResetEventSlim _ready = new(initialState: false);
    private readonly Process _program;
    private readonly Task<string> _output;

    private ProgramBench(BenchSetup setup)
    {
        Network = new BenchNetwork();
        string config = Path.Combine(_folder, "bench.yaml");
        File.WriteAllText(config, setup.Yaml());
        string program = typeof(SwitchHost).Assembly.Location;
        _program = Process.Start(new ProcessStartInfo("dotnet", [program, "run", config, "--json", "--api", $"unix:{_folder}/api.sock"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        _output = _program.StandardOutput.ReadToEndAsync();
        _program.ErrorDataReceived += (_, line) => Note(line.Data);
        _program.BeginErrorReadLine();
        try
        {
            if (!_ready.Wait(StartLimitMs))
            {
                throw new InvalidOperationException($"the switch did not come up: {string.Join('\n', Log)}");
            }

            foreach (BenchPort port in BenchPort.All)
            {
                Network.Attach(port, setup.Kernel.Contains(port), setup.IsDual);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public BenchNetwork Network { get; }

    private IReadOnlyList<string> Log
    {
        get
        {
            lock (_log)
            {
                return [.. _log];
            }
        }
    }

    /// <summary>Runs a case, ends the switch by SIGTERM, lets the case look at the summary, and checks what every case
    /// must hold.</summary>
    public static void Run(BenchSetup setup, Action<ProgramBench> act, Action<ProgramSummary> look)
    {
        using var bench = new ProgramBench(setup);
        act(bench);
        ProgramSummary summary = bench.Stop();
        look(summary);
    }

    public void Dispose()
    {
        if (!_program.HasExited)
        {
            _program.Kill(entireProcessTree: true);
            _program.WaitForExit();
        }

        _program.Dispose();
        Network.Dispose();
        _ready.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private ProgramSummary Stop()
    {
        using (Process kill = Process.Start("kill", ["-TERM", _program.Id.ToString(CultureInfo.InvariantCulture)]))
        {
            kill.WaitForExit();
        }

        bool ended = _program.WaitForExit(StartLimitMs);
        Xunit.Assert.True(ended && _program.ExitCode == 0,
            $"exit {(ended ? _program.ExitCode : -1)}: {string.Join('\n', Log)}");
        Xunit.Assert.All(Log, line => Xunit.Assert.StartsWith("vswitch: ", line, StringComparison.Ordinal));
        Xunit.Assert.DoesNotContain(Log, line => line.Contains("failed", StringComparison.Ordinal));
        var summary = new ProgramSummary(JsonDocument.Parse(_output.Result).RootElement);
        foreach (BenchPort port in BenchPort.All)
        {
            Check(port, summary);
        }

        Tshark.FindsNothingWrong(BenchPort.All.SelectMany(port => Network[port].Frames), _folder);

        return summary;
    }

    private void Check(BenchPort port, ProgramSummary summary)
    {
        long ended = summary.Of(port, "forwarded") + summary.Of(port, "answered") + summary.Of(port, "consumed") +
            summary.Of(port, "dropped");
        Xunit.Assert.Equal(summary.Of(port, "received"), ended);
        Xunit.Assert.Equal(summary.Of(port, "sent"), Network[port].Count);
        Xunit.Assert.All(Network[port].Frames, PacketAssert.IsValid);
        if (!Network.Touched.Contains(port))
        {
            Xunit.Assert.Empty(Network[port].Frames);
        }
    }

    private void Note(string? line)
    {
        if (line != null)
        {
            lock (_log)
            {
                _log.Add(line);
            }

            if (line.StartsWith(RunCommand.ReadyMark, StringComparison.Ordinal))
            {
                _ready.Set();
            }
        }
    }
}

/// <summary>The closing summary of <c>vswitch run --json</c>.</summary>
internal sealed class ProgramSummary(JsonElement root)
{
    public int Connections => root.GetProperty("connections").GetInt32();

    public long Of(BenchPort port, string counter) => Port(port).GetProperty(counter).GetInt64();

    /// <summary>Drops of a port's frames for a reason.</summary>
    public long Drops(BenchPort port, string reason) =>
        Port(port).GetProperty("drops").TryGetProperty(reason, out JsonElement count) ? count.GetInt64() : 0;

    private JsonElement Port(BenchPort port) => root.GetProperty("ports").GetProperty(port.Port);
}
