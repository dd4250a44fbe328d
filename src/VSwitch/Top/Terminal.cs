using System.Runtime.InteropServices;
using System.Text;

namespace VSwitch.Top;

/// <summary>The terminal while it shows pictures: the alternate screen, no cursor, keys at once and unseen (termios(3), xterm's control
/// sequences). <see cref="Leave"/> gives everything back, however often it is called, from any thread.</summary>
internal sealed unsafe partial class Terminal : IDisposable
{
    /// <summary>More than struct termios has (60 bytes with glibc and musl).</summary>
    private const int SettingsBytes = 256;

    // Offsets and bits of struct termios on Linux.
    private const int LocalModes = 12;
    private const uint Canonical = 2;
    private const uint Echo = 8;
    private const int LeastTime = 17 + 5;
    private const int LeastBytes = 17 + 6;
    private const int AfterOutput = 1;
    private const nuint GetWindowSize = 0x5413;
    private const int Output = 1;
    private const int FallbackCells = 80;
    private const int FallbackRows = 24;

    /// <summary>Alternate screen, no cursor, no wrapping at the right edge.</summary>
    private const string EnterText = "\e[?1049h\e[?25l\e[?7l\e[2J";

    private const string LeaveText = "\e[0m\e[?7h\e[?25h\e[?1049l";

    private readonly Lock _lock = new();
    private readonly FileStream _keys;
    private readonly Stream _output = Console.OpenStandardOutput();
    private readonly byte[] _saved = new byte[SettingsBytes];
    private readonly List<string> _shown = [];
    private (int Cells, int Rows) _shownSize;
    private bool _isEntered;

    private Terminal(FileStream keys) => _keys = keys;

    /// <summary>Opens the terminal of this process.</summary>
    /// <exception cref="ArgumentException">Standard output is none, or there is nothing to type at.</exception>
    public static Terminal Open()
    {
        if (Console.IsOutputRedirected)
        {
            throw new ArgumentException("top draws on a terminal, and standard output is none: write vswitch top --once, or vswitch show");
        }

        try
        {
            return new Terminal(new FileStream("/dev/tty", FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ArgumentException("top takes keys from a terminal, and there is none: write vswitch top --once, or vswitch show", e);
        }
    }

    /// <summary>Columns and lines.</summary>
    public static (int Cells, int Rows) Size
    {
        get
        {
            WindowSize size = default;
            bool isKnown = GetSize(Output, GetWindowSize, &size) == 0 && size.Columns > 0 && size.Rows > 0;
            return isKnown ? (size.Columns, size.Rows) : (FallbackCells, FallbackRows);
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct WindowSize
    {
        public ushort Rows;
        public ushort Columns;
        public ushort Width;
        public ushort Height;
    }

    /// <summary>Takes the terminal.</summary>
    /// <exception cref="IOException">It is none.</exception>
    public void Enter()
    {
        lock (_lock)
        {
            if (_isEntered)
            {
                return;
            }

            int handle = (int)_keys.SafeFileHandle.DangerousGetHandle();
            fixed (byte* saved = _saved)
            {
                if (GetSettings(handle, saved) < 0)
                {
                    throw new IOException($"the terminal: {Marshal.GetLastPInvokeErrorMessage()}");
                }
            }

            byte[] raw = (byte[])_saved.Clone();
            fixed (byte* settings = raw)
            {
                // Ctrl-C and Ctrl-Z stay signals.
                *(uint*)(settings + LocalModes) &= ~(Canonical | Echo);
                (settings[LeastBytes], settings[LeastTime]) = (1, 0);
                _ = SetSettings(handle, AfterOutput, settings);
            }

            _isEntered = true;
            _shown.Clear();
            Write(EnterText);
        }
    }

    /// <summary>Gives the terminal back as it was.</summary>
    public void Leave()
    {
        lock (_lock)
        {
            if (!_isEntered)
            {
                return;
            }

            _isEntered = false;
            fixed (byte* saved = _saved)
            {
                _ = SetSettings((int)_keys.SafeFileHandle.DangerousGetHandle(), AfterOutput, saved);
            }

            try
            {
                Write(LeaveText);
            }
            catch (IOException)
            {
                // The terminal is gone, and with it what was to be given back.
            }
        }
    }

    /// <summary>Shows lines of exactly the screen's width; writes only those that changed, at once.</summary>
    public void Show(IReadOnlyList<TopLine> lines, (int Cells, int Rows) size, bool hasColor)
    {
        lock (_lock)
        {
            if (!_isEntered)
            {
                return;
            }

            var text = new StringBuilder();
            if (size != _shownSize)
            {
                text.Append("\e[2J");
                _shown.Clear();
                _shownSize = size;
            }

            for (int i = 0; i < lines.Count; i++)
            {
                string line = lines[i].ToAnsi(hasColor);
                if (i >= _shown.Count)
                {
                    _shown.Add("");
                }

                if (_shown[i] != line)
                {
                    text.Append(System.Globalization.CultureInfo.InvariantCulture, $"\e[{i + 1};1H{line}");
                    _shown[i] = line;
                }
            }

            if (text.Length > 0)
            {
                Write(text.ToString());
            }
        }
    }

    /// <summary>Waits for keys.</summary>
    /// <returns>Empty when the terminal is gone.</returns>
    public IReadOnlyList<TopKey> ReadKeys()
    {
        Span<byte> bytes = stackalloc byte[256];
        try
        {
            int count = _keys.Read(bytes);
            return TopKey.Decode(bytes[..count]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            return [];
        }
    }

    /// <summary>Stops this process as Ctrl-Z does, until it is continued.</summary>
    public static void Suspend() => _ = Kill(Environment.ProcessId, StopSignal);

    /// <inheritdoc/>
    public void Dispose() => Leave();

    private const int StopSignal = 19;

    private void Write(string text)
    {
        _output.Write(Encoding.UTF8.GetBytes(text));
        _output.Flush();
    }

    [LibraryImport("libc", EntryPoint = "tcgetattr", SetLastError = true)]
    private static partial int GetSettings(int handle, byte* settings);

    [LibraryImport("libc", EntryPoint = "tcsetattr")]
    private static partial int SetSettings(int handle, int when, byte* settings);

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int GetSize(int handle, nuint request, WindowSize* size);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int process, int signal);
}
