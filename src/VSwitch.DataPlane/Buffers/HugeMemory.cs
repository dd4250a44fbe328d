using System.Runtime.InteropServices;

namespace VSwitch.DataPlane.Buffers;

/// <summary>Zeroed native memory aligned to 2 MiB, on huge pages where the kernel gives them
/// (madvise MADV_HUGEPAGE; harmless where it does not).</summary>
public sealed unsafe partial class HugeMemory : IDisposable
{
    private const nuint HugePageBytes = 2 << 20;
    private const int AdviseHugePage = 14;
    private byte* _address;

    /// <summary>Allocates at least <paramref name="bytes"/> bytes, rounded up to whole huge pages once above one.</summary>
    /// <exception cref="OutOfMemoryException">The system gives no more memory.</exception>
    public HugeMemory(nuint bytes)
    {
        bool huge = bytes >= HugePageBytes;
        nuint alignment = huge ? HugePageBytes : 4096;
        LengthBytes = (bytes + alignment - 1) & ~(alignment - 1);
        _address = (byte*)NativeMemory.AlignedAlloc(LengthBytes, alignment);
        if (huge)
        {
            _ = Advise(_address, LengthBytes, AdviseHugePage);
        }

        NativeMemory.Clear(_address, LengthBytes);
    }

    /// <summary>Frees the memory of an instance that was never disposed.</summary>
    ~HugeMemory() => Free();

    /// <summary>First byte.</summary>
    public byte* Address => _address;

    /// <summary>Usable bytes.</summary>
    public nuint LengthBytes { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_address);
        _address = null;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
