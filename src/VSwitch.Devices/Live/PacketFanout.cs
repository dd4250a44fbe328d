using VSwitch.Devices.Linux;

namespace VSwitch.Devices.Live;

/// <summary>The sockets of several receive queues as one group of the kernel's (PACKET_FANOUT): it gives each frame to
/// one of them, by a hash that is the same for both directions of a flow. By hash and not by processor, because a
/// sender that moves from one processor to another would see its frames overtake each other.</summary>
internal sealed unsafe class PacketFanout
{
    private const int ByHash = 0;
    private const int IgnoreOutgoing = 0x4000;
    private const int NewGroup = 0x2000;
    private readonly Lock _gate = new();
    private uint _interface;
    private int _group;

    /// <summary>Joins a socket to the others on its interface.</summary>
    /// <param name="socket">A bound packet socket.</param>
    /// <param name="index">The interface that it is bound to.</param>
    /// <returns>False with errno set when the system refuses (kernels before 6.13 on an interface that is
    /// down).</returns>
    public bool TryJoin(int socket, uint index)
    {
        lock (_gate)
        {
            if (_interface == index && SetGroup(socket, _group, ByHash))
            {
                return true;
            }

            int group;
            int length = sizeof(int);
            if (!SetGroup(socket, 0, ByHash | NewGroup) ||
                Native.GetSocketOption(socket, Native.PacketLevel, Native.PacketFanout, &group, &length) < 0)
            {
                return false;
            }

            _interface = index;
            _group = group & ushort.MaxValue;
            return true;
        }
    }

    /// <summary>The group listens in place of its sockets, so it must be told what a lone socket is: not to hear what
    /// is sent.</summary>
    private static bool SetGroup(int socket, int group, int kind)
    {
        int value = group | ((kind | IgnoreOutgoing) << 16);
        return Native.SetSocketOption(socket, Native.PacketLevel, Native.PacketFanout, &value, sizeof(int)) == 0;
    }
}
