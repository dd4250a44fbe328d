using System.Runtime.InteropServices;
using System.Text;
using VSwitch.DataPlane.Devices;
using VSwitch.Devices.Linux;

namespace VSwitch.Devices.Live;

/// <summary>The interface that a live device stands on: what the system says of it, and what the device says of that.
/// The socket for the questions stays in the network namespace in which it was made.</summary>
internal sealed unsafe class PacketInterface : IDisposable
{
    private const int UsualMtuBytes = 1500;
    private const ulong GetName = 0x8910;
    private const ulong GetFlags = 0x8913;
    private const ulong GetMtu = 0x8921;
    private const ulong GetIndex = 0x8933;
    private const int RequestBytes = 40;
    private const int NameBytes = 16;
    private const ushort IsUp = 1;
    private readonly DeviceStatus _status;
    private readonly Lock _gate = new();
    private readonly int _socket;
    private int _noted;

    /// <summary>Looks for an interface.</summary>
    /// <exception cref="DeviceException">There is none of the name, or no right to a packet socket.</exception>
    public PacketInterface(string name, DeviceStatus status)
    {
        Name = name;
        _status = status;
        _socket = Native.Socket(Native.PacketFamily, Native.RawType | Native.CloseOnExec, 0);
        if (_socket < 0)
        {
            throw DeviceException.Last($"interface '{name}'", "raw sockets need root or CAP_NET_RAW");
        }

        if (Find() == 0)
        {
            DeviceException error = DeviceException.Last(
                $"interface '{name}'", "make it first (ip link add ...), or correct the name; 'ip link' lists them");
            _ = Native.Close(_socket);
            throw error;
        }
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Its MTU in bytes, as it was at the last look.</summary>
    public int MtuBytes { get; private set; } = UsualMtuBytes;

    /// <summary>Number of the interface that has the name now; 0 with errno set when none has.</summary>
    public uint Find()
    {
        byte* request = stackalloc byte[RequestBytes];
        new Span<byte>(request, RequestBytes).Clear();
        Encoding.UTF8.GetBytes(Name, new Span<byte>(request, NameBytes - 1));
        return Native.IoControl(_socket, GetIndex, request) == 0 ? *(uint*)(request + NameBytes) : 0;
    }

    /// <summary>Looks whether an interface is there and up, whatever it is called by now, and notes what it
    /// sees.</summary>
    public LinkState Look(uint index)
    {
        byte* request = stackalloc byte[RequestBytes];
        new Span<byte>(request, RequestBytes).Clear();
        *(uint*)(request + NameBytes) = index;
        if (Native.IoControl(_socket, GetName, request) != 0 || Native.IoControl(_socket, GetFlags, request) != 0)
        {
            NoteDown(Native.NoDevice);
            return LinkState.Gone;
        }

        bool isUp = (*(ushort*)(request + NameBytes) & IsUp) != 0;
        if (Native.IoControl(_socket, GetMtu, request) == 0)
        {
            MtuBytes = *(int*)(request + NameBytes);
        }

        if (!isUp)
        {
            NoteDown(Native.NetworkDown);
            return LinkState.Down;
        }

        NoteUp();
        return LinkState.Up;
    }

    /// <summary>Frames come or go.</summary>
    public void NoteUp() => _status.NoteUp();

    /// <summary>Counts an error of the receiving side and keeps it in words.</summary>
    public void NoteReceiveError(int error) => NoteError(error, ref _status.ReceiveErrorCount);

    /// <summary>Counts an error of the sending side and keeps it in words.</summary>
    public void NoteTransmitError(int error) => NoteError(error, ref _status.TransmitErrorCount);

    /// <summary>Counts frames that the device lost.</summary>
    public void NoteLost(long count) => Interlocked.Add(ref _status.LostCount, count);

    /// <inheritdoc/>
    public void Dispose() => _ = Native.Close(_socket);

    /// <summary>The interface is down or gone: counted once, until it is up again.</summary>
    private void NoteDown(int error)
    {
        if (_status.IsUp)
        {
            _status.IsUp = false;
            NoteReceiveError(error);
        }
    }

    private void NoteError(int error, ref long counter)
    {
        Interlocked.Increment(ref counter);
        lock (_gate)
        {
            // The words of one error are made once, not for every frame that meets it.
            if (error != _noted)
            {
                _noted = error;
                _status.LastError = $"{Name}: {Marshal.GetPInvokeErrorMessage(error)} (errno {error})";
            }
        }
    }
}

/// <summary>What became of an interface.</summary>
internal enum LinkState
{
    /// <summary>No interface has its number any more.</summary>
    Gone,

    /// <summary>It is there, and switched off.</summary>
    Down,

    /// <summary>It is at work.</summary>
    Up,
}
