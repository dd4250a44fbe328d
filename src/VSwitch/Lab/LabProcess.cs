using System.ComponentModel;
using System.Diagnostics;

namespace VSwitch.Lab;

/// <summary>Runs iproute2's ip, and programs inside namespaces.</summary>
internal static class LabProcess
{
    private const int LimitMs = 20_000;

    /// <summary>Runs ip; throws with what it said when it fails.</summary>
    /// <exception cref="IOException">ip is missing, refused, or gave no answer in 20 s.</exception>
    public static string Ip(params string[] arguments)
    {
        (int exit, string output, string error) = Run("ip", arguments);
        if (exit == 0)
        {
            return output;
        }

        string said = string.Join("; ", error.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
        bool isForbidden = said.Contains("Permission denied", StringComparison.Ordinal) ||
            said.Contains("not permitted", StringComparison.Ordinal);
        throw new IOException($"ip {string.Join(' ', arguments)}: {said}{(isForbidden ? "; run as root" : "")}");
    }

    /// <summary>Runs ip and ignores a failure (taking down what may be gone); gives what it wrote.</summary>
    public static string TryIp(params string[] arguments) => Run("ip", arguments).Output;

    /// <summary>Runs a program in a namespace on this terminal, to its end. Ctrl-C reaches the program by itself; SIGTERM ends
    /// it.</summary>
    /// <returns>The program's exit code; 128 and the signal when a signal ended it.</returns>
    /// <exception cref="IOException">ip is missing.</exception>
    public static int RunInside(string ns, IEnumerable<string> command)
    {
        using Process process = Start(new ProcessStartInfo("ip", ["netns", "exec", ns, .. command]));
        int id = process.Id;
        using var interrupt = System.Runtime.InteropServices.PosixSignalRegistration.Create(
            System.Runtime.InteropServices.PosixSignal.SIGINT, context => context.Cancel = true);
        using var terminate = System.Runtime.InteropServices.PosixSignalRegistration.Create(
            System.Runtime.InteropServices.PosixSignal.SIGTERM, context =>
            {
                context.Cancel = true;
                LabSwitch.Signal(id, LabSwitch.Terminate);
            });
        process.WaitForExit();
        return process.ExitCode;
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new IOException($"'{start.FileName}' cannot be run: {e.Message}; install iproute2", e);
        }
    }

    private static (int Exit, string Output, string Error) Run(string program, string[] arguments)
    {
        using Process process = Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        });
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(LimitMs))
        {
            process.Kill(entireProcessTree: true);
            return (-1, "", $"no answer after {LimitMs / 1000} s");
        }

        process.WaitForExit();
        return (process.ExitCode, output.Result, error.Result);
    }
}
