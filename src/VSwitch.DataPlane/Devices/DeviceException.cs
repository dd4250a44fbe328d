using System.Runtime.InteropServices;

namespace VSwitch.DataPlane.Devices;

/// <summary>A device that cannot be opened; the message is one line for the user: which, why, and the mend.</summary>
public sealed class DeviceException : Exception
{
    /// <summary>Makes an error without words.</summary>
    public DeviceException()
    {
    }

    /// <summary>Makes an error.</summary>
    public DeviceException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an error with its cause.</summary>
    public DeviceException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>An error of the last system call.</summary>
    public static DeviceException Last(string what, string mend) =>
        new($"{what}: {Marshal.GetLastPInvokeErrorMessage()} (errno {Marshal.GetLastPInvokeError()}); {mend}");
}
