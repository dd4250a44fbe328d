using System.CommandLine;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Perfolizer.Horology;
using SwitchCommandLine = VSwitch.Commands.CommandLine;

namespace VSwitch.Bench.Micro;

/// <summary>bench micro: the pieces, each alone. One operation is one packet (or what the benchmark's name says).</summary>
internal static class MicroCommand
{
    /// <summary>Category of what is on a packet's way: it must not allocate.</summary>
    public const string Hot = "hot";

    private const int WarmUps = 3;
    private const int Iterations = 5;
    private const double IterationMs = 100;

    public static Command Create()
    {
        var filter = new Option<string[]>("--filter") { Description = "names like '*Parse*'", DefaultValueFactory = _ => ["*"], AllowMultipleArgumentsPerToken = true };
        var check = new Option<bool>("--check") { Description = "fail when a piece of the packet's way allocates" };
        var command = new Command("micro", "The pieces of the pipeline by BenchmarkDotNet.") { filter, check };
        command.SetAction(parsed => Run(parsed.GetValue(filter)!, parsed.GetValue(check)));
        return command;
    }

    private static int Run(string[] filter, bool isCheck)
    {
        Summary[] summaries = [.. BenchmarkSwitcher.FromAssembly(typeof(MicroCommand).Assembly).Run(["--filter", .. filter], Config())];
        BenchmarkReport[] reports = [.. summaries.SelectMany(s => s.Reports)];
        List<string> faults = [.. summaries.SelectMany(s => s.ValidationErrors).Where(e => e.IsCritical).Select(e => e.Message)];
        faults.AddRange(reports.Where(r => !r.Success).Select(r => $"{r.BenchmarkCase.DisplayInfo} failed"));
        if (reports.Length == 0)
        {
            faults.Add("no benchmark has such a name");
        }

        if (isCheck)
        {
            faults.AddRange(reports.Where(r => r.BenchmarkCase.Descriptor.Categories.Contains(Hot))
                .Select(r => (r.BenchmarkCase.DisplayInfo, Bytes: r.GcStats.GetBytesAllocatedPerOperation(r.BenchmarkCase)))
                .Where(r => r.Bytes is not 0)
                .Select(r => $"{r.DisplayInfo} allocates {r.Bytes} bytes an operation; 0 are allowed"));
        }

        faults.ForEach(fault => Console.Error.WriteLine($"bench: {fault}"));
        return faults.Count == 0 ? SwitchCommandLine.Done : SwitchCommandLine.Failed;
    }

    /// <summary>In this process, and short: a second a benchmark.</summary>
    private static ManualConfig Config() => ManualConfig.CreateEmpty()
        .AddJob(Job.Default.WithToolchain(InProcessEmitToolchain.Instance).WithWarmupCount(WarmUps).WithIterationCount(Iterations)
            .WithIterationTime(TimeInterval.FromMilliseconds(IterationMs)))
        .AddDiagnoser(MemoryDiagnoser.Default)
        .AddColumnProvider(DefaultColumnProviders.Instance)
        .AddLogger(ConsoleLogger.Default)
        .AddExporter(MarkdownExporter.GitHub)
        .WithOptions(ConfigOptions.JoinSummary);
}
