using System.Runtime.InteropServices;

namespace VSwitch.Lab;

/// <summary>Runs code on a thread of its own inside a network namespace (setns(2)): sockets made there live there.</summary>
internal static partial class NamespaceThread
{
    private const int NetworkNamespace = 0x4000_0000;

    /// <summary>Runs and waits; what the code throws is thrown here.</summary>
    public static T Run<T>(string name, Func<T> act)
    {
        T result = default!;
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                Enter(name);
                result = act();
            }
#pragma warning disable CA1031 // Carried over to the caller's thread.
            catch (Exception e)
#pragma warning restore CA1031
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        return failure == null ? result : throw new IOException($"in namespace {name}: {failure.Message}", failure);
    }

    private static void Enter(string name)
    {
        using Microsoft.Win32.SafeHandles.SafeFileHandle handle = File.OpenHandle($"/run/netns/{name}");
        if (SetNamespace((int)handle.DangerousGetHandle(), NetworkNamespace) < 0)
        {
            throw new IOException($"setns: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int SetNamespace(int descriptor, int kind);
}
