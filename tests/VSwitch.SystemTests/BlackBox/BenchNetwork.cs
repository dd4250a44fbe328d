using System.Diagnostics;
using VSwitch.Lab;

namespace VSwitch.SystemTests.BlackBox;

/// <summary>The namespaces around the switch's TAPs, a recorder on each TAP, and the programs in them. Works for a
/// switch in this process and for the program alike.</summary>
internal sealed class BenchNetwork : IDisposable
{
    private const int LookMs = 20;

    /// <summary>How long a program may take.</summary>
    public static readonly TimeSpan ProgramLimit = TimeSpan.FromSeconds(40);

    /// <summary>For traceroute's -w: it waits for each hop, also when a later one has answered much sooner than a busy machine does.
    /// </summary>
    public const string TracerouteWait = "5,0,0";

    private readonly Dictionary<BenchPort, PacketSocket> _sockets = [];
    private readonly Dictionary<BenchPort, PortRecorder> _recorders = [];
    private readonly HashSet<BenchPort> _touched = [];
    private readonly List<Process> _programs = [];
    private readonly Thread _listener;
    private readonly Lock _gate = new();
    private readonly byte[] _buffer = new byte[128 << 10];
    private volatile bool _stop;

    /// <summary>Makes the namespaces, without TAPs.</summary>
    public BenchNetwork()
    {
        RemoveNamespaces();
        try
        {
            foreach (BenchPort port in BenchPort.All)
            {
                LabProcess.Ip("netns", "add", port.Namespace);
                // Nothing of the kernel's own shall come in by a raw port: no solicitations, no multicast reports.
                SetIpv6(port.Namespace, "all", isEnabled: false);
                SetIpv6(port.Namespace, "default", isEnabled: false);
            }
        }
        catch
        {
            RemoveNamespaces();
            throw;
        }

        _listener = new Thread(Listen) { IsBackground = true, Name = "bench recorder" };
        _listener.Start();
    }

    /// <summary>Frames that a port got since its TAP was attached: all of them until now, for the kernel hands a frame to the recorder
    /// before it hands it to any program.</summary>
    public PortRecorder this[BenchPort port]
    {
        get
        {
            lock (_gate)
            {
                Drain(port);
                return _recorders[port];
            }
        }
    }

    /// <summary>Ports that the case took part in; all others must have been silent.</summary>
    public IReadOnlySet<BenchPort> Touched => _touched;

    /// <summary>Moves a TAP of the switch into its namespace and sets it up.</summary>
    /// <param name="port">Which.</param>
    /// <param name="isKernel">With the kernel's own stack: addresses and routes.</param>
    /// <param name="isDual">In both families.</param>
    public void Attach(BenchPort port, bool isKernel, bool isDual)
    {
        isDual &= isKernel && port.Ip6 != null;
        string ns = port.Namespace;
        LabProcess.Ip("link", "set", "dev", ns, "netns", ns);
        List<string> lines = ["link set dev lo up", $"link set dev {ns} address {port.Mac}"];
        if (isKernel)
        {
            lines.Add($"addr add {port.Ip}/24 dev {ns}");
        }

        if (isDual)
        {
            SetIpv6(ns, ns, isEnabled: true);
            lines.Add($"addr add {port.Ip6}/64 dev {ns} nodad");
        }

        string file = Path.GetTempFileName();
        File.WriteAllLines(file, lines);
        LabProcess.Ip("-n", ns, "-batch", file);
        // The recorder stands before the first frame can come.
        lock (_gate)
        {
            _recorders.TryAdd(port, new PortRecorder());
            if (_sockets.Remove(port, out PacketSocket? old))
            {
                old.Dispose();
            }

            _sockets[port] = new PacketSocket(ns, ns);
        }

        lines = [$"link set dev {ns} up"];
        if (isKernel)
        {
            lines.Add($"route add {(port.Subnet == null ? "203.0.113.0/24" : "default")} via {port.Router}");
        }

        if (isDual)
        {
            lines.Add($"route add {(port.Subnet == null ? "fd00:1::/48" : "::/0")} via {port.Router6}");
        }

        File.WriteAllLines(file, lines);
        LabProcess.Ip("-n", ns, "-batch", file);
        File.Delete(file);
    }

    public void Send(BenchPort from, ReadOnlySpan<byte> frame)
    {
        _touched.Add(from);
        _sockets[from].Send(frame);
    }

    public byte[]? Next(BenchPort at, TimeSpan limit)
    {
        _touched.Add(at);
        return _recorders[at].Next(limit);
    }

    /// <summary>Says that a port may get frames.</summary>
    public void Touch(BenchPort port) => _touched.Add(port);

    /// <summary>Runs a program in a port's namespace to its end.</summary>
    public (int Exit, string Output) Run(BenchPort port, params string[] command)
    {
        using Process process = Begin(port, command);
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(ProgramLimit))
        {
            process.Kill(entireProcessTree: true);
            return (-1, $"{string.Join(' ', command)}: no end within {ProgramLimit}");
        }

        process.WaitForExit();
        return (process.ExitCode, output.Result + error.Result);
    }

    /// <summary>Runs ip in a port's namespace.</summary>
    public static void Ip(BenchPort port, string arguments) =>
        LabProcess.Ip(["-n", port.Namespace, .. arguments.Split(' ')]);

    /// <summary>Starts a program in a port's namespace; it is ended with the bench.</summary>
    public BenchProgram Start(BenchPort port, params string[] command)
    {
        Process process = Begin(port, command);
        _programs.Add(process);
        return new BenchProgram(process);
    }

    /// <summary>Starts Python's HTTP server over a folder and waits until it listens.</summary>
    public BenchProgram Serve(BenchPort port, string folder, int number)
    {
        BenchProgram server = Start(port, "python3", "-u", "-m", "http.server", $"{number}", "--directory", folder);
        WaitForListener(port, number);
        return server;
    }

    /// <summary>Waits until something listens on a TCP port in the namespace.</summary>
    public void WaitForListener(BenchPort port, int number)
    {
        bool listens = SpinWait.SpinUntil(
            () => Run(port, "ss", "-tln").Output.Contains($":{number} ", StringComparison.Ordinal), ProgramLimit);
        if (!listens)
        {
            throw new InvalidOperationException($"nothing listens on {number} in {port}");
        }
    }

    public void Dispose()
    {
        foreach (Process program in _programs)
        {
            if (!program.HasExited)
            {
                program.Kill(entireProcessTree: true);
                program.WaitForExit();
            }

            program.Dispose();
        }

        _stop = true;
        _listener.Join();
        foreach (PacketSocket socket in _sockets.Values)
        {
            socket.Dispose();
        }

        RemoveNamespaces();
    }

    private static void RemoveNamespaces() => LabRunner.Detach(BenchPort.All.Select(p => p.Namespace));

    private static void SetIpv6(string ns, string of, bool isEnabled) => NamespaceThread.Run(ns, () =>
    {
        string folder = $"/proc/sys/net/ipv6/conf/{of}";
        File.WriteAllText($"{folder}/accept_ra", "0");
        File.WriteAllText($"{folder}/disable_ipv6", isEnabled ? "0" : "1");
        return isEnabled;
    });

    private Process Begin(BenchPort port, string[] command)
    {
        _touched.Add(port);
        return Process.Start(new ProcessStartInfo("ip", ["netns", "exec", port.Namespace, .. command])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
    }

    private void Listen()
    {
        while (!_stop)
        {
            int[] handles;
            lock (_gate)
            {
                foreach (BenchPort port in _sockets.Keys)
                {
                    Drain(port);
                }

                handles = [.. _sockets.Values.Select(s => s.Handle)];
            }

            PacketSocket.WaitForAny(handles, LookMs);
        }
    }

    /// <summary>Takes what waits in a port's socket; the caller has the gate. What the kernel says of the interface once, that it is
    /// down, stands before frames that wait.</summary>
    private void Drain(BenchPort port)
    {
        for (int looksInVain = 0; looksInVain < 2;)
        {
            int length = _sockets[port].Receive(_buffer);
            if (length > 0)
            {
                _recorders[port].Add(_buffer.AsSpan(0, length));
            }
            else
            {
                looksInVain++;
            }
        }
    }
}

/// <summary>A program at work in a namespace, and what it says.</summary>
internal sealed class BenchProgram
{
    private readonly Process _process;
    private readonly Task<string> _output;
    private readonly Task<string> _error;

    public BenchProgram(Process process)
    {
        _process = process;
        _output = process.StandardOutput.ReadToEndAsync();
        _error = process.StandardError.ReadToEndAsync();
    }

    /// <summary>Ends it, and gives all that it said.</summary>
    public string Stop()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.WaitForExit();
        return _output.Result + _error.Result;
    }

    /// <summary>Waits for its end, and gives its exit code and all that it said.</summary>
    public (int Exit, string Output) Wait()
    {
        bool ended = _process.WaitForExit(BenchNetwork.ProgramLimit);
        string output = Stop();
        return (ended ? _process.ExitCode : -1, output);
    }
}
