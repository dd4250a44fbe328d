using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using VSwitch.DataPlane.Tables;

namespace VSwitch.DataPlane.Policy;

/// <summary>What rules do with an address of a family; the JIT makes one copy of the code for each.</summary>
internal interface IRawAddress<TAddress>
    where TAddress : unmanaged, IEquatable<TAddress>
{
    /// <summary>The bits that a mask leaves.</summary>
    static abstract TAddress And(TAddress address, TAddress mask);

    /// <summary>A hash whose high bits are the good ones.</summary>
    static abstract ulong Hash(TAddress network);

    /// <summary>Length of the prefix that a mask is for.</summary>
    static abstract int LengthOf(TAddress mask);

    /// <summary>The family's half of a box.</summary>
    static abstract TAddress From(RawIp6 raw);
}

/// <summary>IPv4.</summary>
internal readonly struct RawAddress4 : IRawAddress<uint>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint And(uint address, uint mask) => address & mask;

    /// <summary>Neighbours differ in the last wire byte, which a raw word has on top, where a product spreads nothing: so the
    /// product is of the number in host order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Hash(uint network) => BinaryPrimitives.ReverseEndianness(network) * 0x9E37_79B9_7F4A_7C15UL;

    public static int LengthOf(uint mask) => BitOperations.PopCount(mask);

    public static uint From(RawIp6 raw) => (uint)raw.First;
}

/// <summary>IPv6.</summary>
internal readonly struct RawAddress6 : IRawAddress<RawIp6>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RawIp6 And(RawIp6 address, RawIp6 mask) => new(address.First & mask.First, address.Second & mask.Second);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Hash(RawIp6 network) => RawHash.Of(network, 0);

    public static int LengthOf(RawIp6 mask) => BitOperations.PopCount(mask.First) + BitOperations.PopCount(mask.Second);

    public static RawIp6 From(RawIp6 raw) => raw;
}
