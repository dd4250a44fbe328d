using System.Buffers.Binary;

namespace VSwitch.Devices.Linux;

/// <summary>struct sockaddr_ll of packet(7), as much of it as binding needs.</summary>
internal static unsafe class PacketAddress
{
    private const int Bytes = 20;

    /// <summary>Binds a packet socket to an interface.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="index">The interface's number.</param>
    /// <param name="protocol">What it hears; 0 = nothing, it only sends.</param>
    /// <returns>False with errno set when the system refuses.</returns>
    public static bool TryBind(int socket, uint index, ushort protocol)
    {
        byte* address = stackalloc byte[Bytes];
        new Span<byte>(address, Bytes).Clear();
        *(ushort*)address = Native.PacketFamily;
        *(ushort*)(address + 2) = BinaryPrimitives.ReverseEndianness(protocol);
        *(uint*)(address + 4) = index;
        return Native.Bind(socket, address, Bytes) == 0;
    }
}
