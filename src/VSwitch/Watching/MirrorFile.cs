using VSwitch.Devices.Pcap;
using VSwitch.Live;

namespace VSwitch.Watching;

/// <summary>A mirror to a pcapng file. A file that is there is gone on with in a new section, unless it is something else. What cannot be
/// written (a full disk, a folder that is gone) is named, its packets are counted, and it is tried again; the file then ends with the last
/// whole packet, so that it stays readable.</summary>
internal sealed class MirrorFile : IDisposable
{
    private const int StepBytes = 4 << 20;
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan StatisticsEvery = TimeSpan.FromSeconds(10);
    private static readonly byte[] SectionMagic = [0x0A, 0x0D, 0x0D, 0x0A];
    private readonly CaptureSession _session;
    private readonly string _path;
    private readonly TimeSpan _retryAfter;
    private readonly TimeProvider _time;
    private readonly CancellationTokenSource _end = new();
    private readonly Task _running;
    private readonly Action<string?> _onProblem;
    private PcapngWriter? _writer;
    private FileStream? _file;
    private long _goodBytes;
    private long _settled;
    private long _written;
    private long _unwritten;
    private volatile string? _problem;

    /// <summary>Begins to write.</summary>
    /// <param name="session">What is mirrored; it is ended with this.</param>
    /// <param name="path">The file.</param>
    /// <param name="retryAfter">How long after a failure it is tried again.</param>
    /// <param name="time">Says how long that is.</param>
    /// <param name="onProblem">Hears of a problem, and with null when it is over.</param>
    public MirrorFile(CaptureSession session, string path, TimeSpan retryAfter, TimeProvider time, Action<string?> onProblem)
    {
        _onProblem = onProblem;
        _session = session;
        _path = path;
        _retryAfter = retryAfter;
        _time = time;
        _running = Task.Run(Run);
    }

    /// <summary>Why nothing is written at the time; null while all is well.</summary>
    public string? Problem => _problem;

    /// <summary>Packets in the file, since the mirror began.</summary>
    public long Written => Volatile.Read(ref _written);

    /// <summary>Packets that were meant and are not in the file.</summary>
    public long Lost => _session.Lost + Volatile.Read(ref _unwritten);

    /// <summary>Writes what is left and closes the file.</summary>
    public void Dispose()
    {
        _end.Cancel();
        _running.GetAwaiter().GetResult();
        _session.Dispose();
        _end.Dispose();
    }

    private async Task Run()
    {
        long triedAt = 0;
        long toldAt = _time.GetTimestamp();
        while (true)
        {
            bool isLast = _end.IsCancellationRequested;
            if (isLast)
            {
                _session.Stop();
            }

            if (_writer == null && (_problem == null || isLast || _time.GetElapsedTime(triedAt) >= _retryAfter))
            {
                triedAt = _time.GetTimestamp();
                Try(Open);
            }

            bool isTold = isLast || _time.GetElapsedTime(toldAt) >= StatisticsEvery;
            int count = 0;
            if (_writer == null)
            {
                Volatile.Write(ref _unwritten, _unwritten + _session.Discard());
            }
            else
            {
                Try(() => count = Write(isTold));
                toldAt = isTold ? _time.GetTimestamp() : toldAt;
            }

            if (isLast && count == 0)
            {
                Try(Close);
                return;
            }

            if (count == 0)
            {
                await Task.Delay(LookEvery, _time, _end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private int Write(bool withStatistics)
    {
        int count = _session.Drain(_writer!, StepBytes);
        if (withStatistics)
        {
            _session.WriteStatistics(_writer!);
        }

        _writer!.Flush();
        _goodBytes = _file!.Position;
        Volatile.Write(ref _written, _written + TakeUnsettled());
        return count;
    }

    /// <summary>Packets taken out of the rings since the last call: now it is known whether they are in the file.</summary>
    private long TakeUnsettled()
    {
        long packets = _session.Captured - _settled;
        _settled += packets;
        return packets;
    }

    private void Open()
    {
        var file = new FileStream(_path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        try
        {
            byte[] magic = new byte[SectionMagic.Length];
            if (file.Length > 0 && (file.ReadAtLeast(magic, magic.Length, throwOnEndOfStream: false) < magic.Length || !magic.AsSpan().SequenceEqual(SectionMagic)))
            {
                throw new IOException("it is there and is no pcapng file; it was not touched");
            }

            file.Seek(0, SeekOrigin.End);
        }
        catch
        {
            file.Dispose();
            throw;
        }

        _file = file;
        _goodBytes = file.Length;
        _writer = new PcapngWriter(_path, file, [], CaptureSession.Origin);
        _session.WriteInterfaces(_writer);
        _writer.Flush();
        _goodBytes = file.Position;
        Tell(null);
    }

    private void Close()
    {
        _writer?.Dispose();
        _writer = null;
        _file = null;
    }

    private void Try(Action act)
    {
        try
        {
            act();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            Volatile.Write(ref _unwritten, _unwritten + TakeUnsettled());
            Abandon();
            Tell(e.Message.StartsWith(_path, StringComparison.Ordinal) ? e.Message : $"{_path}: {e.Message}");
        }
    }

    /// <summary>Closes the file behind its last whole packet.</summary>
    private void Abandon()
    {
        FileStream? file = _file;
        try
        {
            file?.SetLength(_goodBytes);
            Close();
        }
        catch (IOException)
        {
            // The failure that led here is told; the file is closed in any case.
            _writer = null;
            _file = null;
        }
    }

    private void Tell(string? problem)
    {
        if (problem != _problem)
        {
            _problem = problem;
            _onProblem(problem);
        }
    }
}
