using System.ComponentModel;
using System.Diagnostics;

namespace VSwitch.Lab;

/// <summary>Runs iproute2's ip, and programs inside namespaces.</summary>
internal static class LabProcess
{
    private const int LimitMs = 20_000;

    /// <summary>Runs ip; throws with what it said when it fails.</summary>
    /// <exception cref="IOException">ip is missing or refused.</exception>
    public static string Ip(params string[] arguments)
    {
        (int exit, string output, string error) = Run("ip", arguments);
        return exit == 0 ? output
            : throw new IOException($"ip {string.Join(' ', arguments)}: {error.Trim()}");
    }

    /// <summary>Runs ip and ignores a failure (taking down what may be gone).</summary>
    public static void TryIp(params string[] arguments) => Run("ip", arguments);

    /// <summary>SIGTERM, and a little time to remove what it made; SIGKILL when that is not enough.</summary>
    public static void TerminateGently(Process process)
    {
        Run("kill", ["-TERM", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        string status = $"/proc/{process.Id}/stat";
        bool gone = SpinWait.SpinUntil(() => !File.Exists(status) || ReadState(status) == 'Z', TimeSpan.FromSeconds(10));
        if (!gone)
        {
            process.Kill();
        }
    }

    private static char ReadState(string status)
    {
        try
        {
            string text = File.ReadAllText(status);
            return text[text.LastIndexOf(')') + 2];
        }
        catch (IOException)
        {
            return 'Z';
        }
    }

    private static (int Exit, string Output, string Error) Run(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        try
        {
            using Process process = Process.Start(start)!;
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
        catch (Win32Exception e)
        {
            throw new IOException($"'{program}' cannot be run: {e.Message}; install iproute2", e);
        }
    }
}
