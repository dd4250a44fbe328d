using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using VSwitch.Api;
using VSwitch.Commands;

namespace VSwitch.Lab;

/// <summary>A switch in the background. A process is known by its id and the time it began: the id alone may be another's later.</summary>
/// <param name="Pid">Process id.</param>
/// <param name="StartTicks">Start time, clock ticks since boot (proc(5), field 22 of stat).</param>
internal sealed partial record LabSwitch(int Pid, long StartTicks)
{
    /// <summary>SIGTERM.</summary>
    public const int Terminate = 15;

    private const int Kill = 9;
    private const int StateField = 0;
    private const int StartField = 19;
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(10);

    /// <summary>True while it runs.</summary>
    public bool IsRunning => Stat(Pid) is string[] stat && stat[StateField] is not ("Z" or "X") && StartOf(stat) == StartTicks;

    /// <summary>Starts <c>vswitch run</c>, this very program, in a session of its own: neither Ctrl-C nor the end of the terminal
    /// reaches it. Its output goes to a log.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="log">The log.</param>
    /// <param name="api">Where its API is to be; null = none.</param>
    /// <exception cref="IOException">It cannot be started.</exception>
    public static LabSwitch Start(string config, string log, ApiAddress? api)
    {
        string self = Environment.ProcessPath!;
        string[] program = Path.GetFileNameWithoutExtension(self) == "vswitch" ? [self] : [self, typeof(LabSwitch).Assembly.Location];
        string[] words = ["-c", "log=$1; shift; exec setsid \"$@\" >\"$log\" 2>&1 </dev/null", "sh", log, .. program, "run", config, "--api", api?.ToString() ?? ApiAddress.None];
        try
        {
            using Process process = Process.Start(new ProcessStartInfo("/bin/sh", words))!;
            string[] stat = Stat(process.Id) ?? throw new IOException($"the switch ended at once: {ReadLog(log)}");
            return new LabSwitch(process.Id, StartOf(stat));
        }
        catch (Win32Exception e)
        {
            throw new IOException($"the switch cannot be started: {e.Message}", e);
        }
    }

    /// <summary>Waits until all its devices are open and its workers run.</summary>
    /// <exception cref="IOException">It ended, or it did not come up in 30 s; the message has what it said.</exception>
    public void WaitUntilReady(string log)
    {
        bool ready = false;
        SpinWait.SpinUntil(
            () =>
            {
                ready = ReadLog(log).Contains(RunCommand.ReadyMark, StringComparison.Ordinal);
                return ready || !IsRunning;
            },
            StartLimit);
        if (!ready)
        {
            throw new IOException($"the switch did not start: {ReadLog(log).Trim()}");
        }
    }

    /// <summary>SIGTERM, and time to remove what it made; SIGKILL when that is not enough.</summary>
    public void End()
    {
        if (IsRunning)
        {
            Signal(Pid, Terminate);
            if (!SpinWait.SpinUntil(() => !IsRunning, EndLimit))
            {
                Signal(Pid, Kill);
                SpinWait.SpinUntil(() => !IsRunning, EndLimit);
            }
        }
    }

    /// <summary>What it wrote once it was done running.</summary>
    public static string ClosingWords(string log)
    {
        string text = ReadLog(log);
        int ready = text.IndexOf(RunCommand.ReadyMark, StringComparison.Ordinal);
        int line = ready < 0 ? -1 : text.IndexOf('\n', ready);
        return line < 0 ? "" : text[(line + 1)..].TrimEnd();
    }

    /// <summary>Sends a signal; a process that is gone is not missed.</summary>
    public static void Signal(int pid, int signal) => _ = SendSignal(pid, signal);

    private static string ReadLog(string log)
    {
        try
        {
            return File.ReadAllText(log);
        }
        catch (IOException)
        {
            // Not made yet.
            return "";
        }
    }

    /// <summary>The fields after the program's name, which may hold spaces and parentheses.</summary>
    private static string[]? Stat(int pid)
    {
        try
        {
            string text = File.ReadAllText($"/proc/{pid}/stat");
            return text[(text.LastIndexOf(')') + 2)..].Split(' ');
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static long StartOf(string[] stat) => long.Parse(stat[StartField], CultureInfo.InvariantCulture);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int SendSignal(int pid, int signal);
}
