using System.Runtime.CompilerServices;

namespace VSwitch.DataPlane.Tables;

/// <summary>Hash of raw addresses for tables whose keys the configuration or the neighbours choose. Neighbouring
/// addresses differ in their last wire bytes, which are the HIGH bits of a raw word: a 64-bit product moves them nowhere
/// (all hosts of an IPv6 /64 would share a slot). So the whole 128-bit product is folded, and one more product spreads
/// it to the top.</summary>
internal static class RawHash
{
    private const ulong First = 0x9E37_79B9_7F4A_7C15UL;
    private const ulong Second = 0xD6E8_FEB8_6659_FD93UL;
    private const ulong Salt = 0xA076_1D64_78BD_642FUL;

    /// <summary>Hash of an address and a small number beside it (family, group). Its high bits are the good ones: take
    /// a slot number from the top.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Of(RawIp6 address, uint beside)
    {
        ulong high = Math.BigMul(address.First ^ First ^ (beside * Salt), address.Second ^ Second, out ulong low);
        return (high ^ low) * First;
    }
}
