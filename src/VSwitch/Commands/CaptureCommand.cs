using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using VSwitch.Api;
using VSwitch.Devices.Pcap;
using VSwitch.Trace;
using VSwitch.Watching;

namespace VSwitch.Commands;

/// <summary>vswitch capture: what passes a running switch, as it passes.</summary>
internal static class CaptureCommand
{
    private const string Standard = "-";

    private sealed record Settings(string? Port, string? Filter, bool Drops, string? File, long? Count, int? SnapBytes);

    public static Command Create()
    {
        var port = new Argument<string?>("PORT") { Description = "an ENI or internet; default: all ports", Arity = ArgumentArity.ZeroOrOne };
        var filter = new Option<string?>("--filter")
        {
            Description = "only packets that all of these words fit, joined by 'and': eni NAME, vpc NAME, port NAME, host ADDRESS, net PREFIX, " +
                "sport N, dport N, l4port N, proto NAME|N, tcp, udp, icmp, icmpv6, verdict NAME, reason NAME, dir in|out",
            HelpName = "WORDS",
        };
        var drops = new Option<bool>("--drops") { Description = "only dropped packets" };
        var file = new Option<string?>("-w") { Description = "write pcapng to a file, or to standard output with -; default: a line a packet", HelpName = "FILE" };
        var count = new Option<long?>("-c") { Description = "end after so many packets", HelpName = "COUNT" };
        var snaplen = new Option<int?>("--snaplen") { Description = "keep so many bytes of each packet", HelpName = "BYTES" };
        var api = new ApiOptions();
        var command = new Command("capture", "Capture packets inside a running switch, each with its verdict.\n\n" +
            "Examples: vswitch capture web-1 --drops\n" +
            "          vswitch capture -w - --filter 'tcp and host 10.0.1.10' | tshark -i -") { port, filter, drops, file, count, snaplen };
        api.AddTo(command);
        command.SetAction(parsed => Run(
            api, parsed, new Settings(
                parsed.GetValue(port), parsed.GetValue(filter), parsed.GetValue(drops), parsed.GetValue(file), parsed.GetValue(count),
                parsed.GetValue(snaplen))));
        return command;
    }

    private static int Run(ApiOptions api, ParseResult parsed, Settings settings)
    {
        using var stop = new CancellationTokenSource();
        using PosixSignalRegistration interrupt = OnSignal(PosixSignal.SIGINT, stop);
        using PosixSignalRegistration terminate = OnSignal(PosixSignal.SIGTERM, stop);
        using ApiClient client = api.Connect(parsed);
        using Stream answer = Ask(client, PathOf(settings), stop.Token);
        using Stream output = OpenOutput(settings.File);
        return Take(answer, output, settings.File, stop.Token);
    }

    /// <summary>Takes a capture to its end, or until it is stopped, and says what was captured and lost.</summary>
    internal static int Take(Stream answer, Stream output, string? file, CancellationToken stop)
    {
        using var tee = new CaptureTee(answer, file == null ? null : output, stop);
        using CaptureReader? reader = Open(tee, stop);
        long count = 0;
        long lost = 0;
        IOException? failure = null;
        if (reader != null)
        {
            tee.WholeBytes = () => reader.WholeBytes;
            using var lines = new StreamWriter(output, new UTF8Encoding(false), leaveOpen: true) { AutoFlush = true };
            while (failure == null && reader.TryReadNext(out CaptureRecord record))
            {
                count++;
                lost += record.LostBefore;
                failure = file == null ? Print(lines, reader, record) : null;
            }

            tee.Release();
            lost = Math.Max(lost, reader.LostCount);
        }

        return Conclude(failure ?? tee.Failure, stop.IsCancellationRequested ? null : reader?.Error, file, count, lost);
    }

    private static int Conclude(IOException? failure, string? broken, string? file, long count, long lost)
    {
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count} packets captured, {lost} lost"));
        bool isReaderGone = failure != null && file is null or Standard && IsBrokenPipe(failure!);
        if (failure != null && !isReaderGone)
        {
            Console.Error.WriteLine($"vswitch: {file ?? "standard output"}: cannot be written: {failure.Message}");
            return CommandLine.Failed;
        }

        if (broken != null && !isReaderGone)
        {
            Console.Error.WriteLine($"vswitch: the capture broke off: {broken}");
            return CommandLine.Failed;
        }

        return CommandLine.Done;
    }

    /// <summary>Who reads standard output has what it wants (EPIPE).</summary>
    private static bool IsBrokenPipe(IOException? e)
    {
        const int BrokenPipe = 32;
        return e != null && ((e.HResult & 0xFFFF) == BrokenPipe || e.InnerException is System.ComponentModel.Win32Exception { NativeErrorCode: BrokenPipe });
    }

    private static Stream Ask(ApiClient client, string path, CancellationToken stop)
    {
        try
        {
            return client.GetStream(path, cancel: stop);
        }
        catch (OperationCanceledException)
        {
            return Stream.Null;
        }
    }

    private static CaptureReader? Open(CaptureTee tee, CancellationToken stop)
    {
        try
        {
            return CaptureReader.Open("the capture", tee);
        }
        catch (IOException) when (stop.IsCancellationRequested)
        {
            return null;
        }
    }

    private static string PathOf(Settings settings)
    {
        var query = new List<string>();
        void Add(string name, string? value)
        {
            if (value != null)
            {
                query.Add($"{name}={Uri.EscapeDataString(value)}");
            }
        }

        Add("port", settings.Port);
        Add("filter", settings.Filter);
        Add("drops", settings.Drops ? "true" : null);
        Add("snaplen", settings.SnapBytes?.ToString(CultureInfo.InvariantCulture));
        Add("count", settings.Count?.ToString(CultureInfo.InvariantCulture));
        return query.Count == 0 ? "/v1/capture" : "/v1/capture?" + string.Join('&', query);
    }

    /// <summary>Standard output without the console's stream, which keeps silent when nobody reads any more.</summary>
    private static FileStream OpenOutput(string? file)
    {
        if (file is null or Standard)
        {
            return new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        }

        try
        {
            return new FileStream(file, FileMode.Create, FileAccess.Write, FileShare.Read, bufferSize: 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new IOException($"{file}: cannot be created: {e.Message}", e);
        }
    }

    /// <summary>"14:03:07.123456 web-1 in  tcp 10.0.1.10:40000 > 10.0.2.20:443 syn, 74 bytes, dropped: security-group-ingress".</summary>
    private static IOException? Print(StreamWriter lines, CaptureReader reader, in CaptureRecord record)
    {
        DateTime at = DateTime.UnixEpoch.AddTicks(record.TimestampNs / 100).ToLocalTime();
        string way = record.Direction == CaptureDirection.Outbound ? "out" : "in ";
        string lost = record.LostBefore > 0 ? $" ({record.LostBefore} lost before)" : "";
        string line = string.Create(
            CultureInfo.InvariantCulture,
            $"{at:HH:mm:ss.ffffff} {reader.InterfaceName(record.InterfaceId)} {way} {PacketWords.Describe(record.Bytes, (int)record.OriginalLength)}, {record.OriginalLength} bytes, {Encoding.UTF8.GetString(record.Comment)}{lost}");
        try
        {
            lines.WriteLine(line);
            return null;
        }
        catch (IOException e)
        {
            return e;
        }
    }

    private static PosixSignalRegistration OnSignal(PosixSignal signal, CancellationTokenSource stop) =>
        PosixSignalRegistration.Create(signal, context =>
        {
            context.Cancel = true;
            stop.Cancel();
        });
}
