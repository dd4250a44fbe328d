using VSwitch.DataPlane.Flows;
using VSwitch.Wire;

namespace VSwitch.Live;

/// <summary>The addresses of a connection.</summary>
/// <param name="Source">The opener's, as it knows itself.</param>
/// <param name="Destination">The other end's, as the opener knows it.</param>
/// <param name="SeenSource">The opener's, as the other end knows it: the opener's EIP, or the same.</param>
/// <param name="SeenDestination">The other end's, as it knows itself: behind an EIP the private one, behind a load balancer the
/// backend's, or the same.</param>
internal readonly record struct ConnectionEnds(
    IpAddress Source, IpAddress Destination, IpAddress SeenSource, IpAddress SeenDestination)
{
    /// <summary>The addresses of a connection's packets on their way in and out.</summary>
    public static ConnectionEnds Of(in ConnectionRecord record)
    {
        if (record.IsV6)
        {
            IpAddress lower = Read(record.Addresses.Lower);
            IpAddress higher = Read(record.Addresses.Higher);
            (IpAddress from, IpAddress to) = record.IsOpenerHigher ? (higher, lower) : (lower, higher);
            return new ConnectionEnds(from, to, from, to);
        }

        uint low = (uint)record.Entry.KeyLow;
        uint high = (uint)(record.Entry.KeyLow >> 32);
        (uint source, uint destination) = record.IsOpenerHigher ? (high, low) : (low, high);

        // The key has private addresses inside, a load balancer's backend, the remote one as it is, and both EIPs of a hairpin.
        source ^= record.Space == 0 ? record.Forward.SourceXor : 0;
        destination ^= record.Space != 0 ? record.Forward.DestinationXor : 0;
        return new ConnectionEnds(
            Read(source), Read(destination), Read(source ^ record.Forward.SourceXor), Read(destination ^ record.Forward.DestinationXor));
    }

    private static unsafe IpAddress Read<T>(T raw)
        where T : unmanaged => IpAddress.Read(new ReadOnlySpan<byte>(&raw, sizeof(T)), sizeof(T) == 16);
}
