using VSwitch.DataPlane.Buffers;
using Xunit;

namespace VSwitch.Tests.DataPlane;

/// <summary>Native memory, mapped as on Linux and from the C library as elsewhere.</summary>
public unsafe class HugeMemoryTests
{
    [Theory]
    [InlineData(1, true)]
    [InlineData(1, false)]
    [InlineData(4097, true)]
    [InlineData(4097, false)]
    [InlineData(3 << 20, true)]
    [InlineData(3 << 20, false)]
    public void It_is_zeroed_aligned_and_large_enough_and_goes_twice(int bytes, bool isMapped)
    {
        var memory = new HugeMemory((nuint)bytes, isMapped);
        nuint alignment = bytes >= 512 << 10 ? 2u << 20 : 4096;
        Assert.Equal(0u, (nuint)memory.Address % alignment);
        Assert.True(memory.LengthBytes >= (nuint)bytes && memory.LengthBytes % alignment == 0);
        Assert.False(new ReadOnlySpan<byte>(memory.Address, (int)memory.LengthBytes).ContainsAnyExcept((byte)0));
        memory.Prefault();
        new Span<byte>(memory.Address, (int)memory.LengthBytes).Fill(0xA5);
        memory.Dispose();
        memory.Dispose();
        Assert.True(memory.Address == null);
    }
}
