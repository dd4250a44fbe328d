using VSwitch.Devices.Linux;
using VSwitch.Live;
using Xunit;

namespace VSwitch.Tests.Live;

/// <summary>Which processors the workers have, and that all else keeps off them.</summary>
public sealed class WorkerPlacementTests
{
    [Fact]
    public void Where_there_is_room_each_worker_has_a_processor_and_all_else_the_others()
    {
        var roomy = new WorkerPlacement(2, [0, 1, 4, 5, 6]);
        Assert.True(roomy.IsPinned);
        Assert.Equal([0, 1], Enumerable.Range(0, 2).Select(roomy.ProcessorOf));
        Assert.Equal([4, 5, 6], roomy.ForOthers);
        var tight = new WorkerPlacement(2, [0, 1, 2, 3]);
        Assert.False(tight.IsPinned);
        Assert.Null(tight.ProcessorOf(0));
        Assert.Equal([0, 1, 2, 3], tight.ForOthers);
    }

    [Fact]
    public void Every_thread_there_is_and_every_later_one_keeps_to_the_processors_given()
    {
        int[] all = CpuAffinity.Allowed();
        string last = $"{all[^1]}";
        try
        {
            CpuAffinity.ConfineProcess([all[^1]]);
            var fresh = new Thread(() => last = ProcessorsOf("/proc/thread-self") == last ? last : "other");
            fresh.Start();
            fresh.Join();
            Assert.Equal($"{all[^1]}", last);
            string[] seen = [.. Directory.GetDirectories("/proc/self/task").Select(ProcessorsOf).OfType<string>()];
            Assert.NotEmpty(seen);
            Assert.All(seen, processors => Assert.Equal(last, processors));
        }
        finally
        {
            CpuAffinity.ConfineProcess(all);
        }
    }

    /// <summary>Null when the thread has ended.</summary>
    private static string? ProcessorsOf(string thread)
    {
        try
        {
            return File.ReadLines(Path.Combine(thread, "status")).First(l => l.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal)).Split('\t')[1];
        }
        catch (IOException)
        {
            return null;
        }
    }
}
