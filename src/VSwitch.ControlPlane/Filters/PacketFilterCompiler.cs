using VSwitch.ControlPlane.Compile;
using VSwitch.DataPlane.Tables;
using VSwitch.DataPlane.Watching;

namespace VSwitch.ControlPlane.Filters;

/// <summary>From the words of a filter to the numbers of a snapshot.</summary>
public static unsafe class PacketFilterCompiler
{
    /// <summary>Compiles a filter for packets. What it names and the snapshot does not have, no packet can be: it may be there in another
    /// one.</summary>
    /// <param name="filter">The words; not of connections (<see cref="WhyNotForPackets"/>).</param>
    /// <param name="snapshot">The configuration in force.</param>
    public static PacketMatch Compile(PacketFilter filter, ForwardingSnapshot snapshot) =>
        UnknownName(filter, snapshot) != null || filter.State != null ? PacketMatch.Never : new PacketMatch
        {
            Port = filter.Port is string port ? PortOf(port, snapshot) : null,
            Direction = filter.Direction,
            Enis = [.. filter.Enis.Select(e => PortOf(e, snapshot) ?? 0)],
            Vpc = filter.Vpc is string vpc ? VpcOf(vpc, snapshot) : 0,
            Ends4 = [.. filter.Ends.Where(e => !e.IsV6).Select(Raw.Prefix4)],
            Ends6 = [.. filter.Ends.Where(e => e.IsV6).Select(Raw.Prefix6)],
            Protocol = filter.Protocol,
            SourcePort = filter.SourcePort,
            DestinationPort = filter.DestinationPort,
            EitherPorts = [.. filter.EitherPorts.Select(p => (int)p)],
            Verdict = filter.Verdict,
            Reason = filter.Reason,
        };

    /// <summary>Why a filter can choose no packets, in one sentence; null when it can.</summary>
    public static string? WhyNotForPackets(PacketFilter filter) => filter.State == null ? null
        : "'state' is for connections: a packet has none; vswitch show connections takes it";

    /// <summary>The first name that the snapshot does not have, in one sentence; null when it has all.</summary>
    public static string? UnknownName(PacketFilter filter, ForwardingSnapshot snapshot)
    {
        if (filter.Port is string port && PortOf(port, snapshot) == null)
        {
            return $"there is no port '{port}'";
        }

        if (filter.Enis.FirstOrDefault(e => PortOf(e, snapshot) is null or 0) is string eni)
        {
            return $"there is no ENI '{eni}'";
        }

        return filter.Vpc is string vpc && VpcOf(vpc, snapshot) <= 0 ? $"there is no VPC '{vpc}'" : null;
    }

    private static int? PortOf(string name, ForwardingSnapshot snapshot)
    {
        int port = Array.IndexOf(snapshot.PortNames, name);
        return port >= 0 && (snapshot.Enis[port].Flags & EniFlags.Exists) != 0 ? port : null;
    }

    private static int VpcOf(string name, ForwardingSnapshot snapshot) =>
        name.Length == 0 ? 0 : Array.FindIndex(snapshot.Vpcs, 1, v => v.Name == name);
}
