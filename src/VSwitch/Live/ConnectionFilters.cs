using VSwitch.ControlPlane.Compile;
using VSwitch.ControlPlane.Filters;
using VSwitch.DataPlane.Flows;
using VSwitch.DataPlane.Tables;
using VSwitch.Wire;

namespace VSwitch.Live;

/// <summary>From the words of a filter to what a worker compares, by the numbers of the snapshot in force.</summary>
internal static class ConnectionFilters
{
    private const string Internet = "internet";

    /// <summary>Compiles a filter.</summary>
    /// <param name="words">The filter.</param>
    /// <param name="snapshot">The snapshot in force.</param>
    /// <exception cref="ArgumentException">It asks what connections do not have, or names what is not there; says so in one
    /// sentence.</exception>
    public static ConnectionFilter Compile(PacketFilter words, ForwardingSnapshot snapshot)
    {
        if (words.PacketOnlyWord is string word)
        {
            throw new ArgumentException($"'{word}' is asked of packets, and connections have none; a capture takes it");
        }

        var conditions = new List<ConnectionCondition>();
        AddNumber(ConnectionTest.Protocol, words.Protocol);
        if (words.State is string state)
        {
            AddNumber(ConnectionTest.State, (int)StateOf(state));
        }

        AddNumber(ConnectionTest.SourcePort, words.SourcePort);
        AddNumber(ConnectionTest.DestinationPort, words.DestinationPort);
        conditions.AddRange(words.EitherPorts.Select(port => new ConnectionCondition(ConnectionTest.EitherPort, port)));
        if (words.Vpc is string vpc)
        {
            int number = VpcOf(vpc, snapshot);
            conditions.Add(new ConnectionCondition(ConnectionTest.Vpc, number)
            {
                Ports = ConnectionFilter.PortsOf(snapshot, number),
                Peerings = [.. snapshot.Peerings.Where(p => p.OtherOf(number) != 0).Select(p => p.Space)],
            });
        }

        conditions.AddRange(words.Enis.Select(eni => new ConnectionCondition(ConnectionTest.Port, PortOf("ENI", eni, snapshot))));
        AddNumber(ConnectionTest.Port, words.Port == null ? null : PortOf("port", words.Port, snapshot));
        conditions.AddRange(words.Ends.Select(AddressCondition));
        return conditions.Count == 0 ? ConnectionFilter.All : new ConnectionFilter([.. conditions]);

        void AddNumber(ConnectionTest test, int? number)
        {
            if (number is int value)
            {
                conditions.Add(new ConnectionCondition(test, value));
            }
        }
    }

    /// <summary>An end has an address of the prefix.</summary>
    public static ConnectionCondition AddressCondition(IpPrefix prefix) => prefix.IsV6
        ? new ConnectionCondition(ConnectionTest.Address) { Network6 = Raw.Prefix6(prefix) }
        : new ConnectionCondition(ConnectionTest.Address) { Network4 = Raw.Prefix4(prefix) };

    private static FlowState StateOf(string name) => FlowStates.TryParse(name, out FlowState state) ? state
        : throw new ArgumentException($"'state {name}' is none; the states are {string.Join(", ", FlowStates.All.ToArray())}");

    private static int VpcOf(string name, ForwardingSnapshot snapshot)
    {
        int number = Array.FindIndex(snapshot.Vpcs, 1, vpc => vpc.Name == name);
        return number > 0 ? number : throw new ArgumentException($"there is no VPC '{name}'");
    }

    private static unsafe int PortOf(string kind, string name, ForwardingSnapshot snapshot)
    {
        int number = kind == "ENI" && name == Internet ? -1 : Array.IndexOf(snapshot.PortNames, name);
        return number >= 0 && (number == 0 || (snapshot.Enis[number].Flags & EniFlags.Exists) != 0) ? number
            : throw new ArgumentException($"there is no {kind} '{name}'{(name == Internet ? "; the internet side is: port internet" : "")}");
    }
}
