using System.Runtime.InteropServices;
using SharpPcap;
using VSwitch.DataPlane.Buffers;
using VSwitch.DataPlane.Devices;

namespace VSwitch.SharpPcap;

/// <summary>What all ways to send share: which frames can be sent at all, and what becomes of a failure. SharpPcap throws for it, which
/// costs microseconds: after one the device rests, so that an interface which is down costs a few exceptions a second and not one a
/// burst.</summary>
internal sealed unsafe class SendingSide
{
    private const long RestMs = 20;
    private const int EthernetBytes = 14;
    private const int TagBytes = 4;
    private static readonly string[] FullWords = [Words(11), Words(105)];
    private readonly DeviceStatus _status;
    private readonly int _longestBytes;
    private long _restsUntilMs;
    private int _refusedBytes = -1;

    /// <summary>Makes it for a device.</summary>
    public SendingSide(DeviceStatus status, int mtuBytes)
    {
        _status = status;
        _longestBytes = EthernetBytes + mtuBytes;
    }

    /// <summary>True while it is no use to try.</summary>
    public bool IsResting => !_status.IsUp && Environment.TickCount64 < _restsUntilMs;

    /// <summary>True for a frame with a whole header and not longer than the MTU and its tag allow; others are counted.</summary>
    public bool CanCarry(PacketBuffer* p)
    {
        int tagBytes = p->Length >= EthernetBytes && p->Data[12] == 0x81 && p->Data[13] == 0 ? TagBytes : 0;
        if (p->Length >= EthernetBytes && p->Length <= _longestBytes + tagBytes)
        {
            return true;
        }

        _status.TransmitErrorCount++;
        // The words of one length are made once, not for every frame that has it.
        if (p->Length != _refusedBytes)
        {
            _refusedBytes = p->Length;
            _status.LastError = $"a frame of {p->Length} bytes cannot be sent: 14 to {_longestBytes + tagBytes} can";
        }

        return false;
    }

    /// <summary>Frames went.</summary>
    public void NoteSent() => _status.NoteUp();

    /// <summary>A call failed: the interface is full for the moment, or down.</summary>
    public void NoteFailure(string words)
    {
        if (Array.Exists(FullWords, full => words.Contains(full, StringComparison.Ordinal)))
        {
            return;
        }

        _status.TransmitErrorCount++;
        _status.LastError = words;
        _status.IsUp = false;
        _restsUntilMs = Environment.TickCount64 + RestMs;
    }

    /// <summary>What a device throws when it cannot send.</summary>
    public static bool IsFailure(Exception e) => e is PcapException or InvalidOperationException or IOException or ExternalException;

    /// <summary>Libpcap has the system's words for an error and not its number: EAGAIN and ENOBUFS of Linux.</summary>
    private static string Words(int error) => OperatingSystem.IsLinux() ? Marshal.GetPInvokeErrorMessage(error) : "no such words";
}
