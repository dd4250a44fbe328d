using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VSwitch.Devices.Linux;

/// <summary>What a program needs to know that a file is on the disk, and that it is the same file, and .NET does not offer: fsync of a
/// folder, and fsync that tells every error. (.NET's own takes EROFS for success, which ext4 answers when it has given up.)</summary>
public static unsafe class DurableFile
{
    private const int FolderOnly = 0x10000;
    private const int CurrentFolder = -100;
    private const int EmptyPath = 0x1000;
    private const uint InodeMask = 0x100;
    private const int StatusBytes = 256;
    private const int InodeOffset = 32;
    private const int DeviceMajorOffset = 136;
    private const int DeviceMinorOffset = 140;

    /// <summary>A file's content is on the disk when this returns.</summary>
    /// <exception cref="IOException">It is not, and whether a later try says so is unknown: write it anew.</exception>
    public static void Flush(SafeFileHandle file, string path)
    {
        bool isHeld = false;
        try
        {
            file.DangerousAddRef(ref isHeld);
            Flush((int)file.DangerousGetHandle(), path);
        }
        finally
        {
            if (isHeld)
            {
                file.DangerousRelease();
            }
        }
    }

    /// <summary>The names in a folder are on the disk when this returns.</summary>
    /// <exception cref="IOException">They are not.</exception>
    public static void FlushFolder(string path)
    {
        int descriptor = Native.Open(path, FolderOnly | Native.CloseOnExec);
        if (descriptor < 0)
        {
            throw Last(path);
        }

        try
        {
            Flush(descriptor, path);
        }
        finally
        {
            _ = Native.Close(descriptor);
        }
    }

    /// <summary>Which file a path leads to; null when to none.</summary>
    public static FileIdentity? Identify(string path) => Identify(CurrentFolder, path, flags: 0);

    /// <summary>Which file an open one is.</summary>
    public static FileIdentity? Identify(SafeFileHandle file)
    {
        bool isHeld = false;
        try
        {
            file.DangerousAddRef(ref isHeld);
            return Identify((int)file.DangerousGetHandle(), "", EmptyPath);
        }
        finally
        {
            if (isHeld)
            {
                file.DangerousRelease();
            }
        }
    }

    private static FileIdentity? Identify(int folder, string path, int flags)
    {
        byte* status = stackalloc byte[StatusBytes];
        if (Native.Identify(folder, path, flags, InodeMask, status) != 0)
        {
            return null;
        }

        var read = new ReadOnlySpan<byte>(status, StatusBytes);
        ulong device = ((ulong)BinaryPrimitives.ReadUInt32LittleEndian(read[DeviceMajorOffset..]) << 32) |
            BinaryPrimitives.ReadUInt32LittleEndian(read[DeviceMinorOffset..]);
        return new FileIdentity(device, BinaryPrimitives.ReadUInt64LittleEndian(read[InodeOffset..]));
    }

    private static void Flush(int descriptor, string path)
    {
        while (Native.Flush(descriptor) != 0)
        {
            if (Marshal.GetLastPInvokeError() != Native.Interrupted)
            {
                throw Last(path);
            }
        }
    }

    private static IOException Last(string path) =>
        new($"{Marshal.GetLastPInvokeErrorMessage()} : '{path}'", Marshal.GetLastPInvokeError());
}

/// <summary>A file whatever its name is (statx(2)).</summary>
/// <param name="Device">The file system's device.</param>
/// <param name="Inode">Its number there.</param>
public readonly record struct FileIdentity(ulong Device, ulong Inode);
