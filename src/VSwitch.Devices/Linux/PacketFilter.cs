namespace VSwitch.Devices.Linux;

/// <summary>A packet socket made deaf for a while, by a filter that takes no frame (SO_ATTACH_FILTER of
/// socket(7)).</summary>
internal static unsafe class PacketFilter
{
    private const int AttachFilter = 26;
    private const int DetachFilter = 27;

    /// <summary>The classic BPF instruction "return 0": code 6, no jumps, operand 0.</summary>
    private const ulong ReturnZero = 6;

    /// <summary>Refuses every frame from now on.</summary>
    /// <returns>False with errno set when the system refuses.</returns>
    public static bool TryRefuseAll(int socket)
    {
        ulong program = ReturnZero;
        // struct sock_fprog: how many instructions, and where they are.
        ulong* description = stackalloc ulong[2] { 1, (ulong)&program };
        return Native.SetSocketOption(socket, Native.SocketLevel, AttachFilter, description, 2 * sizeof(ulong)) == 0;
    }

    /// <summary>Takes every frame again.</summary>
    /// <returns>False with errno set when the system refuses.</returns>
    public static bool TryAcceptAll(int socket)
    {
        int none = 0;
        return Native.SetSocketOption(socket, Native.SocketLevel, DetachFilter, &none, sizeof(int)) == 0;
    }
}
