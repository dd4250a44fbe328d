using VSwitch.Wire;

namespace VSwitch.Testing.Reference;

/// <summary>Makes tuples of packets and of quotes (section 4).</summary>
internal static class ReferenceTuples
{
    /// <summary>The tuple; null for ICMP that is no query.</summary>
    public static ReferenceTuple? Of(string space, IpAddress source, IpAddress destination, byte protocol, byte[] bytes, int l4)
    {
        int Word(int at) => (bytes[l4 + at] << 8) | bytes[l4 + at + 1];
        bool isIcmp = protocol == (source.IsV6 ? 58 : 1);
        if (isIcmp)
        {
            if (QueryKind(bytes[l4], source.IsV6) is not { } kind)
            {
                return null;
            }

            return IsRequest(bytes[l4], source.IsV6) == true ? Make(Word(4), 0, kind) : Make(0, Word(4), kind);
        }

        return protocol is 6 or 17 or 132 ? Make(Word(0), Word(2), 0) : Make(0, 0, 0);

        ReferenceTuple Make(int from, int to, int kind) =>
            new(space, new ReferenceEndpoint(source, from), new ReferenceEndpoint(destination, to), protocol, kind);
    }

    /// <summary>True when the type asks, false when it answers; null when it is neither.</summary>
    public static bool? IsRequest(byte type, bool isV6) => (isV6, type) switch
    {
        (false, 8 or 13 or 15) or (true, 128) => true,
        (false, 0 or 14 or 16) or (true, 129) => false,
        _ => null,
    };

    /// <summary>The type of the answer to a query.</summary>
    public static byte AnswerTo(byte request) => request switch { 8 => 0, 128 => 129, _ => (byte)(request + 1) };

    private static int? QueryKind(byte type, bool isV6) => (isV6, type) switch
    {
        (false, 8 or 0) or (true, 128 or 129) => 0,
        (false, 13 or 14) => 1,
        (false, 15 or 16) => 2,
        _ => null,
    };
}
