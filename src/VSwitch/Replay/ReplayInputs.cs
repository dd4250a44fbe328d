using VSwitch.Devices.Pcap;

namespace VSwitch.Replay;

/// <summary>One frame of the merged inputs.</summary>
internal readonly record struct ReplayFrame(int Input, long TimestampNs, int LinkType, int Length);

/// <summary>The frames of all inputs, merged by time; ties go in the order of the options, then of the file.</summary>
internal sealed class ReplayInputs : IDisposable
{
    private readonly CaptureReader[] _readers;
    private readonly byte[][] _frames;
    private readonly ReplayFrame?[] _heads;

    public ReplayInputs(IReadOnlyList<(string Port, string File)> inputs)
    {
        _readers = new CaptureReader[inputs.Count];
        _frames = new byte[inputs.Count][];
        _heads = new ReplayFrame?[inputs.Count];
        try
        {
            for (int i = 0; i < inputs.Count; i++)
            {
                _readers[i] = CaptureReader.Open(inputs[i].File);
                _frames[i] = new byte[CaptureReader.MaxRecordBytes];
                Advance(i);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What is wrong with the inputs' content, one line each.</summary>
    public IEnumerable<string> Errors => _readers.Where(r => r.Error != null).Select(r => r.Error!);

    /// <summary>The next frame in time; its bytes are valid until the next call.</summary>
    public bool TryReadNext(out ReplayFrame frame, out ReadOnlySpan<byte> bytes)
    {
        if (_taken >= 0)
        {
            Advance(_taken);
            _taken = -1;
        }

        for (int i = 0; i < _heads.Length; i++)
        {
            if (_heads[i] is ReplayFrame head && (_taken < 0 || head.TimestampNs < _heads[_taken]!.Value.TimestampNs))
            {
                _taken = i;
            }
        }

        frame = _taken < 0 ? default : _heads[_taken]!.Value;
        bytes = _taken < 0 ? default : _frames[_taken].AsSpan(0, frame.Length);
        return _taken >= 0;
    }

    public void Dispose()
    {
        foreach (CaptureReader? reader in _readers)
        {
            reader?.Dispose();
        }
    }

    private int _taken = -1;

    private void Advance(int input)
    {
        if (!_readers[input].TryReadNext(out CaptureRecord record))
        {
            _heads[input] = null;
            return;
        }

        record.Bytes.CopyTo(_frames[input]);
        _heads[input] = new ReplayFrame(input, record.TimestampNs, record.LinkType, record.Bytes.Length);
    }
}
