using System.Diagnostics;
using VSwitch.ControlPlane.Config;
using VSwitch.DataPlane.Counters;
using VSwitch.DataPlane.Pipeline;
using VSwitch.Lab;
using VSwitch.Live;

namespace VSwitch.SystemTests;

/// <summary>A switch at work with its namespaces, made for one test and removed after it.</summary>
public sealed class LabFixture : IDisposable
{
    private const string Prefix = "vst-";
    private readonly LabPlan _plan;

    public LabFixture(string yaml, int workers = 2)
    {
        ConfigResult result = ConfigReader.Parse("test.yaml", yaml);
        Config = result.Config ?? throw new InvalidOperationException(string.Join('\n', result.Errors));
        _plan = new LabPlan(Config, Prefix);
        LabRunner.Detach(_plan);
        Host = new SwitchHost(Config, workers);
        try
        {
            LabRunner.Attach(_plan);
        }
        catch
        {
            Host.Free();
            throw;
        }
    }

    internal SwitchHost Host { get; }

    public SwitchConfig Config { get; }

    /// <summary>Runs a program in an instance's namespace, to its end or a limit.</summary>
    public (int Exit, string Output) Run(string instance, params string[] command)
    {
        using Process process = Start(instance, command);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(30_000))
        {
            process.Kill(entireProcessTree: true);
            return (-1, "no end within 30 s");
        }

        return (process.ExitCode, output.Result + error.Result);
    }

    /// <summary>Starts a program in an instance's namespace, or in one that the test made beside the plan.</summary>
    public Process Start(string instance, params string[] command) => Start(instance, input: false, command);

    /// <summary>The same; with <paramref name="input"/>, its input is the test's.</summary>
    public Process Start(string instance, bool input, params string[] command) => Process.Start(
        new ProcessStartInfo("ip", ["netns", "exec", _plan.Names.GetValueOrDefault(instance, Prefix + instance), .. command])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = input,
        })!;

    /// <summary>As <see cref="Start"/>, and the test writes what the program reads.</summary>
    public Process StartWithInput(string instance, params string[] command) => Process.Start(
        new ProcessStartInfo("ip", ["netns", "exec", _plan.Names.GetValueOrDefault(instance, Prefix + instance), .. command])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;

    /// <summary>Waits until something listens on a TCP port in the namespace.</summary>
    public void WaitForListener(string instance, int port)
    {
        bool listens = SpinWait.SpinUntil(() => Run(instance, "ss", "-tln").Output.Contains($":{port} ", StringComparison.Ordinal), TimeSpan.FromSeconds(20));
        if (!listens)
        {
            throw new InvalidOperationException($"nothing listens on {port} in {instance}");
        }
    }

    public PortCounters Counters(string port) => Host.Workers.Sum(Array.IndexOf(Host.Snapshot.PortNames, port));

    public long Drops(string port, DropReason reason) =>
        Host.Workers.SumDrops(Array.IndexOf(Host.Snapshot.PortNames, port), reason);

    public void Dispose()
    {
        LabRunner.Detach(_plan);
        Host.Free();
    }
}
