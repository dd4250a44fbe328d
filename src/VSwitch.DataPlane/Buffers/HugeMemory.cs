using System.Runtime.InteropServices;

namespace VSwitch.DataPlane.Buffers;

/// <summary>Zeroed native memory aligned to 2 MiB, on huge pages where the kernel gives them (madvise MADV_HUGEPAGE;
/// harmless where it does not). The kernel hands pages out as they are touched, so a generous size costs nothing until it
/// is used. Elsewhere than on Linux it is the C library's memory, all of it at once.</summary>
public sealed unsafe partial class HugeMemory : IDisposable
{
    private const nuint HugePageBytes = 2 << 20;
    private const int AdviseHugePage = 14;
    private const int ProtectReadWrite = 3;
    private const int MapPrivateAnonymousNoReserve = 0x4022;
    private readonly nuint _mappedBytes;
    private readonly bool _isMapped;
    private byte* _mapping;

    /// <summary>Maps at least <paramref name="bytes"/> bytes, rounded up to whole huge pages once above a quarter of one.</summary>
    /// <exception cref="OutOfMemoryException">The system gives no more address space; on Linux an
    /// <see cref="InsufficientMemoryException"/>.</exception>
    public HugeMemory(nuint bytes)
        : this(bytes, OperatingSystem.IsLinux())
    {
    }

    /// <summary>The same, mapped or from the C library.</summary>
    internal HugeMemory(nuint bytes, bool isMapped)
    {
        bool huge = bytes >= HugePageBytes / 4;
        nuint alignment = huge ? HugePageBytes : 4096;
        LengthBytes = (Math.Max(1, bytes) + alignment - 1) & ~(alignment - 1);
        _isMapped = isMapped;
        if (!isMapped)
        {
            Address = _mapping = (byte*)NativeMemory.AlignedAlloc(LengthBytes, alignment);
            NativeMemory.Clear(Address, LengthBytes);
            return;
        }

        _mappedBytes = huge ? LengthBytes + HugePageBytes : LengthBytes;
        _mapping = Map(null, _mappedBytes, ProtectReadWrite, MapPrivateAnonymousNoReserve, -1, 0);
        if ((nint)_mapping == -1)
        {
            _mapping = null;
            throw new InsufficientMemoryException($"the system gives no {LengthBytes >> 20} MiB of memory: lower the capacity or the workers");
        }

        Address = (byte*)(((nuint)_mapping + alignment - 1) & ~(alignment - 1));
        if (huge)
        {
            _ = Advise(Address, LengthBytes, AdviseHugePage);
        }
    }

    /// <summary>Frees the memory of an instance that was never disposed.</summary>
    ~HugeMemory() => Free();

    /// <summary>First byte.</summary>
    public byte* Address { get; private set; }

    /// <summary>Usable bytes.</summary>
    public nuint LengthBytes { get; }

    /// <summary>Touches every page now, so that none is faulted in on a packet's way.</summary>
    public void Prefault()
    {
        for (nuint i = 0; i < LengthBytes; i += 4096)
        {
            Volatile.Write(ref Address[i], Address[i]);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (_mapping == null)
        {
            return;
        }

        if (_isMapped)
        {
            _ = Unmap(_mapping, _mappedBytes);
        }
        else
        {
            NativeMemory.AlignedFree(_mapping);
        }

        _mapping = null;
        Address = null;
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial byte* Map(void* address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
